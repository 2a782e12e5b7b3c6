import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { stateFolder } from '../util/environment.ts'
import type { Verdict } from './check.ts'
import type { Result } from './examine.ts'

/** What the doctor saw the last time. */
export interface Remembered {
  readonly version: 1
  readonly at: string
  readonly results: Readonly<Record<string, { readonly verdict: string; readonly told: readonly string[] }>>
}

/** A check that came to something else than the last time. */
export interface Turn {
  readonly id: string
  readonly from: string
  readonly to: Verdict
  /** What is told now and was not, and what was told and is no longer. */
  readonly news: readonly string[]
  readonly gone: readonly string[]
}

/** Where it is kept: `~/.local/state/provision/doctor/HOST.json`. */
export const memoryFile = (host: string): string => stateFolder('doctor', `${host}.json`)

/** What was seen the last time; undefined when there was none, or when it cannot be read. */
export function recall(file: string): Remembered | undefined {
  if (!existsSync(file)) return undefined
  try {
    const seen = JSON.parse(readFileSync(file, 'utf8')) as Partial<Remembered>
    return seen.version === 1 && typeof seen.results === 'object' ? (seen as Remembered) : undefined
  } catch {
    return undefined
  }
}

/** Keeps what was seen. */
export function remember(file: string, results: readonly Result[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const seen = Object.fromEntries(results.map((result) => [result.id, { verdict: result.verdict, told: told(result) }]))
  const text = JSON.stringify({ version: 1, at: new Date().toISOString(), results: seen } satisfies Remembered, undefined, 2)
  writeFileSync(`${file}.new`, `${text}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** What is another than the last time. Pure. */
export function turns(before: Remembered, results: readonly Result[]): readonly Turn[] {
  return results.flatMap((result) => {
    const old = before.results[result.id] ?? { verdict: 'not looked at', told: [] }
    const now = told(result)
    const news = now.filter((line) => !old.told.includes(line))
    const gone = old.told.filter((line) => !now.includes(line))
    return old.verdict === result.verdict && news.length + gone.length === 0
      ? []
      : [{ id: result.id, from: old.verdict, to: result.verdict, news, gone }]
  })
}

/** What is not well; numbers that change with every look are left out. */
const told = ({ findings }: Result): readonly string[] =>
  findings.filter(({ verdict }) => verdict !== 'ok').map(({ subject, message }) => `${subject}: ${message}`)
