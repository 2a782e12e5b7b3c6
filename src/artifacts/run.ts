import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { buffer, text } from 'node:stream/consumers'
import { ProvisionError } from '../errors.ts'
import { environmentWith } from '../util/environment.ts'

/** How a program of this machine is run. */
export interface RunOptions {
  readonly cwd?: string
  /** In place of our own environment's variables of these names. */
  readonly env?: Readonly<Record<string, string>>
  /** Hears every line that it writes to stderr. */
  readonly log?: (line: string) => void
}

/** Runs a program of this machine, out of everybody's way. Throws ProvisionError when it is missing or fails, with what it said last. */
export async function runHere(
  program: string,
  args: readonly string[],
  { cwd, env = {}, log = () => undefined }: RunOptions = {},
): Promise<Buffer> {
  const child = spawn(program, args, { cwd, env: environmentWith(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  const lines = createInterface({ input: child.stderr })
  lines.on('line', (line) => {
    said.push(line)
    log(line)
  })
  const output = buffer(child.stdout)
  try {
    await once(child, 'spawn')
    setPriority(child.pid!, 10)
  } catch (error) {
    throw new ProvisionError(program, `cannot be run: ${error instanceof Error ? error.message : String(error)}`)
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code === 0) return output
  const last = (said.length > 0 ? said : (await output).toString().split('\n'))
    .filter((line) => line.trim() !== '')
    .slice(-6)
    .join('\n')
  throw new ProvisionError(
    [program, ...args.slice(0, 2)].join(' '),
    `failed with ${code === null ? signal : `exit code ${code}`}: ${last || 'it said nothing'}`,
  )
}

/** True when there is a program of this name. */
export async function has(program: string): Promise<boolean> {
  const child = spawn('sh', ['-c', 'command -v -- "$1"', 'sh', program], { stdio: ['ignore', 'pipe', 'ignore'] })
  return (await text(child.stdout)).trim() !== ''
}
