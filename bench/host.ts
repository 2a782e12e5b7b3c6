import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Image } from '../src/rehearsal/image/image.ts'
import { provider } from '../src/rehearsal/image/images.ts'
import type { Machine } from '../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../src/rehearsal/open.ts'
import { findRehearsal, startRehearsal } from '../src/rehearsal/rehearsal.ts'
import { sh } from '../src/sh.ts'
import { admin } from './inventory.ts'
import { run } from './measure.ts'

/** A host to measure against, and what logs in there: with our tool, and with any other. */
export interface BenchHost {
  readonly rehearsal: Rehearsal
  readonly machine: Machine
  /** The home of whoever runs our tool: its key and known_hosts. */
  readonly home: string
  readonly key: string
  readonly knownHosts: string
}

/** What the measured server is made of: 400 packages that have nothing in them, and the programs that the resources need. */
const image: Image = [
  ...provider,
  {
    name: 'bench',
    packages: ['sudo', 'ufw', 'iptables', 'python3', 'python3-apt'],
    script: sh`
cd /tmp
i=0
while [ $i -lt 400 ]; do
  mkdir -p package/DEBIAN
  printf 'Package: bench-package-%s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: nothing\n' $i > package/DEBIAN/control
  dpkg-deb -Znone -b package bench-package-$i.deb >/dev/null
  i=$((i + 1))
done
dpkg -i bench-package-*.deb >/dev/null
rm -rf package bench-package-*.deb`,
  },
]

/** The bench's rehearsal, with a host on which nothing is done yet but the operator's login. */
export async function benchHost(say: (line: string) => void): Promise<BenchHost> {
  const there = findRehearsal('bench', say)
  const rehearsal =
    there ?? (await startRehearsal({ name: 'bench', mxname: 'mx1.example.org', zones: () => [], image, onProgress: say }))
  if (there !== undefined) await there.start()
  return prepare(rehearsal, rehearsal.host)
}

/** Another host of it, as a provider delivers it: for installs. */
export async function freshHost(rehearsal: Rehearsal, name: string): Promise<BenchHost> {
  const machine = await rehearsal.addHost(name, provider)
  // Its first boot's upgrade is over when it is measured.
  await machine.must(sh`while systemctl -q is-active first-boot-upgrade.service; do sleep 1; done`)
  return prepare(rehearsal, machine)
}

async function prepare(rehearsal: Rehearsal, machine: Machine): Promise<BenchHost> {
  const home = join(rehearsal.directory, `home-${machine.name}`)
  const ssh = join(home, '.ssh')
  const key = join(ssh, 'id_ed25519')
  rmSync(home, { recursive: true, force: true })
  mkdirSync(ssh, { recursive: true, mode: 0o700 })
  await run({ name: 'ssh-keygen', argv: ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', key] })
  await machine.must(sh`
printf 'Acquire::http::Proxy "%s";\n' ${rehearsal.aptProxy} > /etc/apt/apt.conf.d/90bench
if command -v sudo >/dev/null; then
  id ${admin} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ${admin}
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' ${admin} > /etc/sudoers.d/bench
  install -d -m 0700 -o ${admin} -g ${admin} ${`/home/${admin}/.ssh`}
  printf '%s' ${readFileSync(`${key}.pub`, 'utf8')} > ${`/home/${admin}/.ssh/authorized_keys`}
fi
install -d -m 0700 /root/.ssh
printf '%s' ${readFileSync(`${key}.pub`, 'utf8')} > /root/.ssh/authorized_keys`)
  const knownHosts = join(ssh, 'known_hosts')
  const hostKey = (await machine.must(sh`cat /etc/ssh/ssh_host_ed25519_key.pub`)).split(' ').slice(0, 2).join(' ')
  writeFileSync(knownHosts, `${machine.address} ${hostKey}\n127.0.0.1 ${hostKey}\n`)
  return { rehearsal, machine, home, key, knownHosts }
}

/** Stock OpenSSH with its defaults, but for where its key and known_hosts are. */
export const ssh = ({ machine, key, knownHosts }: BenchHost, user: string, port?: number): readonly string[] => [
  'ssh',
  ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-i', key, '-o', `UserKnownHostsFile=${knownHosts}`],
  ...(port === undefined ? [] : ['-o', `HostKeyAlias=127.0.0.1`, '-p', String(port)]),
  `${user}@${port === undefined ? machine.address : '127.0.0.1'}`,
]
