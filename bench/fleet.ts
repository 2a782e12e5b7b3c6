import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sh } from '../src/sh.ts'
import { type BenchHost, ssh } from './host.ts'
import { admin } from './inventory.ts'
import { type Command, pairs, peak } from './measure.ts'
import { converge, provision, type Row, row, sources } from './noop.ts'
import { checkScript } from './script.ts'
import { count, things } from './things.ts'

const hosts = 100
const atOnce = 16

/** The no-op check of a hundred hosts, against stock ssh with a script for each. They are a hundred addresses of one container: its cores are ours. */
export async function fleet(host: BenchHost, turns: number, say: (line: string) => void): Promise<readonly Row[]> {
  const list = things(1)
  const single = await converge(host, list)
  const net = host.machine.address.replace(/\d+$/, '')
  const addresses = Array.from({ length: hosts }, (_, i) => `${net}${i + 16}`)
  await host.machine.must(sh`
link=$(ip -o -4 addr show to ${host.machine.address} | awk '{ print $2 }')
for address in ${addresses}; do ip addr replace "$address/32" dev "$link"; done
printf 'MaxStartups 200\n' > /etc/ssh/sshd_config.d/bench-fleet.conf
systemctl reload ssh.service`)
  const folder = join(single, '..', '..', 'fleet')
  rmSync(folder, { recursive: true, force: true })
  for (const one of ['inventory', 'playbooks']) mkdirSync(join(folder, one), { recursive: true })
  for (const file of ['index.ts', 'things.json'])
    copyFileSync(join(single, '..', 'playbooks', file), join(folder, 'playbooks', file))
  const text = readFileSync(join(single, 'bench.yml'), 'utf8')
  const key = readFileSync(host.knownHosts, 'utf8').split('\n')[0]!.split(' ').slice(1).join(' ')
  for (const [i, address] of addresses.entries()) {
    const own = text.replace(/^hostname: .*$/m, `hostname: h${i}.example.org`).replace(/^address: .*$/m, `address: ${address}`)
    writeFileSync(join(folder, 'inventory', `h${i}.yml`), own)
  }
  writeFileSync(join(folder, 'inventory', 'known_hosts'), addresses.map((address) => `${address} ${key}\n`).join(''))
  writeFileSync(join(folder, 'check.sh'), checkScript(list))

  const inventory = join(folder, 'inventory')
  const { argv, ...rest } = provision(host, sources, inventory, '--check', '--all')
  const at = argv.indexOf('--host')
  const ours: Command = { ...rest, argv: argv.toSpliced(at, 2) }
  const one = ssh({ ...host, knownHosts: join(inventory, 'known_hosts') }, admin).slice(0, -1)
  const theirs: Command = {
    name: 'ssh',
    argv: [
      'xargs',
      '-P',
      String(atOnce),
      '-I{}',
      'sh',
      '-c',
      '"$@" sudo -n sh -s < "$0"',
      join(folder, 'check.sh'),
      ...one,
      `${admin}@{}`,
    ],
    input: `${addresses.join('\n')}\n`,
  }
  const what = `no-op check of ${hosts} hosts, ${count(list)} resources each`
  say(what)
  const paired = await pairs(ours, theirs, Math.max(1, Math.min(3, turns)))
  const memory = await peak(ours)
  return [
    row(what, paired),
    {
      what: `${what}: peak memory`,
      ours: memory === undefined ? 'not measured' : `${Math.round(memory)} MB`,
      theirs: '',
      ratio: undefined,
    },
  ]
}
