import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A command to measure: a whole process, from its start to its end. */
export interface Command {
  readonly name: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
  /** Its exit code when it has done what it should. */
  readonly expect?: number
}

/** How one run of it went. */
export interface Ran {
  readonly ms: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs it once. Throws an Error, with what it said, when its exit code is another than expected. */
export function run({ name, argv, env = {}, input = '', cwd, expect = 0 }: Command): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv
    const began = performance.now()
    const child = spawn(program!, args, { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }) })
    const said = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => {
      said.stdout += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      said.stderr += chunk.toString()
    })
    child.on('error', reject)
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('close', (code) => {
      const ms = performance.now() - began
      if (code === expect) resolve({ ms, ...said })
      else reject(new Error(`${name} ended with exit code ${code}: ${`${said.stdout}${said.stderr}`.slice(-2000)}`))
    })
  })
}

/** The times of two commands that ran one after the other, in turns, so that what else the machine does meets both. */
export interface Paired {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

/** Runs both so many times, after one run of each that does not count. `before` is what each run needs, and is not measured. */
export async function pairs(
  ours: Command,
  theirs: Command,
  times: number,
  before = async (): Promise<void> => undefined,
  warm = true,
): Promise<Paired> {
  const all: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] }
  for (let i = warm ? -1 : 0; i < times; i++) {
    // Who begins changes from pair to pair.
    const turn = [
      ['ours', ours],
      ['theirs', theirs],
    ] as const
    for (const [who, command] of i % 2 === 0 ? turn : turn.toReversed()) {
      await before()
      const { ms } = await run(command)
      if (i >= 0) all[who].push(ms)
    }
  }
  return all
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The median of the ratios of the pairs. */
export const ratio = ({ ours, theirs }: Paired): number => median(ours.map((ms, i) => ms / theirs[i]!))

/** The peak memory of a command, in MB, as GNU time says it; nothing where there is no /usr/bin/time. */
export async function peak(command: Command): Promise<number | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const file = join(folder, 'peak')
    await run({ ...command, argv: ['/usr/bin/time', '-q', '-f', '%M', '-o', file, ...command.argv] })
    return Number(readFileSync(file, 'utf8')) / 1024
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
