import { writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, release } from 'node:os'
import { parseArgs } from 'node:util'
import { backup } from './backup.ts'
import { domain } from './domain.ts'
import { fleet } from './fleet.ts'
import { type BenchHost, benchHost, freshHost } from './host.ts'
import { install } from './install.ts'
import { changed, help, noop, type Row } from './noop.ts'

const { values } = parseArgs({
  options: {
    /** Which measures; all but the others when left out. */
    only: { type: 'string' },
    pairs: { type: 'string', default: '15' },
    installs: { type: 'string', default: '3' },
    /** Installs pyinfra and Ansible from PyPI below ~/.cache, and measures them too. */
    'with-others': { type: 'boolean', default: false },
    /** Where the figures go, with every single time. */
    json: { type: 'string' },
    /** The hosts stay for the next time. */
    keep: { type: 'boolean', default: false },
  },
})

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const turns = Number(values.pairs)
const only = values.only?.split(',')
const wanted = (name: string): boolean => only?.includes(name) ?? true

const [cpu] = cpus()
const machine = `${cpus().length} cores of ${cpu?.model}, ${arch()}, Linux ${release()}, Node ${process.versions.node}, load ${loadavg().map((one) => one.toFixed(1))[0]}`

const rows: Row[] = []
/** What was measured is kept at once: a bench takes long. */
const add = (more: readonly Row[]): void => {
  rows.push(...more)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, turns, rows }, undefined, 2)}\n`)
}

// These have a server of their own, and are not of the whole: they take long.
if (only?.includes('domain')) add(await domain(say))
if (only?.includes('backup')) add(await backup(Number(values.installs), say))
if (!only?.every((name) => ['domain', 'backup'].includes(name))) await onHost(await benchHost(say))

print([
  ['measured', 'provision', 'against', 'ratio'],
  ...rows.map(({ what, ours, theirs, ratio }) => [what, ours, theirs, ratio === undefined ? '' : ratio.toFixed(2)]),
])
process.stdout.write(
  `\n${machine}; medians of ${only?.join() === 'backup' ? values.installs : turns} pairs, ratio: the median of the pairs' ratios\n`,
)

async function onHost(host: BenchHost): Promise<void> {
  try {
    if (wanted('help')) add(await help(host, turns))
    if (wanted('noop')) add(await noop(host, 1, turns, say))
    if (wanted('big')) add(await noop(host, 10, turns, say))
    if (wanted('changed')) add(await changed(host, turns, say))
    if (wanted('fleet')) add(await fleet(host, turns, say))
    if (wanted('install')) {
      const name = `i${process.pid}`
      const fresh = await freshHost(host.rehearsal, name)
      add(await install(fresh, Number(values.installs), say))
      await host.rehearsal.removeHost(name)
    }
    if (values['with-others']) add(await (await import('./others.ts')).others(host, 2, say))
  } finally {
    if (!values.keep) await host.rehearsal.stop()
  }
}

function print(table: readonly (readonly string[])[]): void {
  const widths = table[0]!.map((_, i) => Math.max(...table.map((cells) => cells[i]!.length)))
  for (const cells of table) {
    const [first, ...rest] = cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
    process.stdout.write(`${[first, ...rest].join('  ')}\n`)
  }
}
