import { entries, type HistoryEntry, readLog } from '../../engine/history.ts'
import { ProvisionError } from '../../errors.ts'
import { loadInventory } from '../../inventory/inventory.ts'
import { reachOf } from '../../inventory/reach.ts'
import { arrival } from '../../session/arrival.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'

/** What `provision history` may be told. */
export interface HistoryOptions extends OpenOptions {
  /** The newest so many; all when left out. */
  readonly last?: number | undefined
}

/** Prints what runs have changed on the host, the oldest first. Returns 0. */
export async function history(options: HistoryOptions, io: Io, out: (line: string) => void): Promise<number> {
  const inventory = await loadInventory(options.inventory, options.host)
  const connection = await arrival(options, io).arrive(inventory.dir, reachOf(inventory.server))
  try {
    const { code, stdout, stderr } = await connection.run(readLog)
    if (code !== 0) throw new ProvisionError(inventory.name, `its log cannot be read: ${stderr.trim()}`)
    const all = entries(stdout)
    const told = options.last === undefined ? all : all.slice(-options.last)
    for (const entry of told) io.report.event({ event: 'history', ...entry })
    if (!io.json) for (const line of historyLines(told)) out(line)
    if (told.length === 0 && !io.json) out('no run has changed anything yet')
    return 0
  } finally {
    await connection.close()
  }
}

/** A line for who and when, at each change of them, and below it what was done in the words of the plan. Pure. */
export function historyLines(all: readonly HistoryEntry[]): readonly string[] {
  return all.flatMap(({ at, who, step, id, changes }, i) => {
    const before = all[i - 1]
    const [day, time] = [at.slice(0, 10), at.slice(11, 19)]
    const same = before !== undefined && before.who === who && before.at.slice(0, 10) === day
    return [
      ...(same ? [] : [`${day} ${who === '' ? 'the host itself' : who}`]),
      ...changes.map(({ field, from, to }) => `  ${time} ${step} ${id} ${field} ${from} → ${to}`),
    ]
  })
}
