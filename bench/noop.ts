import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sh } from '../src/sh.ts'
import { root } from '../src/util/text.ts'
import { type BenchHost, ssh } from './host.ts'
import { admin, writeBench } from './inventory.ts'
import { type Command, median, type Paired, pairs, peak, ratio, run } from './measure.ts'
import { startProxy } from './proxy.ts'
import { checkScript } from './script.ts'
import { count, type Things, things } from './things.ts'

/** One line of the table. */
export interface Row {
  readonly what: string
  readonly ours: string
  readonly theirs: string
  readonly ratio: number | undefined
  /** For the JSON only. */
  readonly detail?: readonly string[] | Paired
}

/** Our command, from these sources or as it was installed. */
export const provision = (host: BenchHost, bin: string, inventory: string, ...args: readonly string[]): Command => ({
  name: 'provision',
  argv: [process.execPath, bin, '--host', 'bench', '--inventory', inventory, ...args],
  env: { HOME: host.home, XDG_CACHE_HOME: join(host.home, '.cache'), NODE_OPTIONS: '' },
  cwd: host.home,
})

export const sources = fileURLToPath(new URL('src/bin.js', root))

/** Brings the host to where there is nothing to do for a list, once. Returns the folder that `--inventory` takes. */
export async function converge(host: BenchHost, list: Things): Promise<string> {
  const folder = join(host.home, String(count(list)))
  const inventory = writeBench(folder, list, host.machine.address, { url: new URL('src/', root).href, ext: 'ts' })
  await run(provision(host, sources, inventory, '--yes'))
  writeFileSync(join(folder, 'check.sh'), checkScript(list))
  return inventory
}

/** The check of a host on which nothing differs, against the script: near, and with 80 ms of round trip. */
export async function noop(host: BenchHost, times: number, turns: number, say: (line: string) => void): Promise<readonly Row[]> {
  const list = things(times)
  const inventory = await converge(host, list)
  const proxy = await startProxy(host.machine.address, 22, 40)
  const input = checkScript(list)
  try {
    const rows: Row[] = []
    for (const far of [false, true]) {
      const ours = provision(host, sources, inventory, '--check', ...(far ? ['--address', `127.0.0.1:${proxy.port}`] : []))
      const theirs: Command = {
        name: 'the script',
        argv: [...ssh(host, admin, far ? proxy.port : undefined), 'sudo', '-n', 'sh', '-s'],
        input,
      }
      const what = `no-op check, ${count(list)} resources${far ? ', 80 ms round trip' : ''}`
      say(what)
      rows.push(row(what, await pairs(ours, theirs, turns)))
      if (!far) rows.push(await memory(what, ours, theirs), { what: `${what}: execs`, ...(await execs(host, ours, theirs)) })
    }
    return rows
  } finally {
    proxy.close()
  }
}

/** One file that somebody has changed, put right; the script does just that, and looks at all else. */
export async function changed(host: BenchHost, turns: number, say: (line: string) => void): Promise<readonly Row[]> {
  const list = things(1)
  const inventory = await converge(host, list)
  const { path, content } = list.files.at(-1)!
  const what = `one changed file of ${count(list)} resources`
  say(what)
  const spoil = async () => void (await host.machine.must(sh`printf 'changed by hand\n' > ${path}`))
  const input = `${checkScript(list).replace(/\nexit \$code\n$/, '\n')}${sh`printf %s ${content} > ${path}`.text}\n`
  const theirs: Command = { name: 'the script', argv: [...ssh(host, admin), 'sudo', '-n', 'sh', '-s'], input }
  return [row(what, await pairs(provision(host, sources, inventory, '--yes', '--overwrite'), theirs, turns, spoil))]
}

/** What is there before anything is done. */
export async function help(host: BenchHost, turns: number): Promise<readonly Row[]> {
  const ours: Command = { ...provision(host, sources, ''), argv: [process.execPath, sources, '--help'] }
  return [row('--help, against node -e 0', await pairs(ours, { name: 'node', argv: [process.execPath, '-e', '0'] }, turns))]
}

/** A line of two commands that ran in pairs. */
export const row = (what: string, paired: Paired): Row => ({
  what,
  ours: time(median(paired.ours)),
  theirs: time(median(paired.theirs)),
  ratio: ratio(paired),
  detail: paired,
})

/** Milliseconds, and seconds from ten on. */
export const time = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

async function memory(what: string, ours: Command, theirs: Command): Promise<Row> {
  const [a, b] = [await peak(ours), await peak(theirs)]
  const text = (mb: number | undefined) => (mb === undefined ? 'not measured' : `${Math.round(mb)} MB`)
  return { what: `${what}: peak memory`, ours: text(a), theirs: text(b), ratio: undefined }
}

/** How many commands sshd has started on the host, as it says itself. */
export async function execs(host: BenchHost, ...commands: readonly [Command, Command]): Promise<Omit<Row, 'what'>> {
  const counts: number[] = []
  await host.machine.must(sh`printf 'LogLevel VERBOSE\n' > /etc/ssh/sshd_config.d/bench.conf
systemctl reload ssh.service
sleep 1`)
  for (const command of commands) {
    const before = await started(host)
    await run(command)
    counts.push((await started(host)) - before)
  }
  await host.machine.must(sh`rm /etc/ssh/sshd_config.d/bench.conf
systemctl reload ssh.service
sleep 1`)
  return { ours: String(counts[0]), theirs: String(counts[1]), ratio: undefined }
}

const started = async ({ machine }: BenchHost): Promise<number> =>
  Number(await machine.must(sh`journalctl --sync; journalctl -t sshd -o cat | grep -c 'Starting session: ' || :`))
