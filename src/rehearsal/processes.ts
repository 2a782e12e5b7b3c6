import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { environment, until } from './local.ts'

/** A process that goes on without us, and the file that tells a later run which one it is. */
export interface Detached {
  /** Will hold the pid and when it started: a pid alone may belong to somebody else by then. */
  readonly pidFile: string
  readonly log: string
  readonly command: readonly string[]
  readonly variables?: Readonly<Record<string, string>>
}

/** Starts it. The pid file is written by the process itself before it becomes the command, so none is ever forgotten. */
export async function startDetached({ pidFile, log, command, variables = {} }: Detached): Promise<void> {
  rmSync(pidFile, { force: true })
  const record = 'IFS= read -r stat < /proc/$$/stat; printf "%s\\n" "$stat" > "$1"; shift; exec "$@"'
  const out = openSync(log, 'a', 0o600)
  const child = spawn('sh', ['-c', record, 'sh', pidFile, ...command], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...environment, ...variables },
  })
  child.unref()
  closeSync(out)
  const recorded = () => (read(pidFile).endsWith('\n') ? true : undefined)
  await until({ where: command[0]!, what: 'its start', limit: 10_000, evidence: () => read(log) }, recorded)
}

/** The pid that this file names, while that process is alive. */
export function runningPid(pidFile: string): number | undefined {
  const recorded = stat(pidFile)
  const now = recorded === undefined ? undefined : stat(`/proc/${recorded.pid}/stat`)
  return recorded !== undefined && now !== undefined && now.started === recorded.started && now.state !== 'Z'
    ? recorded.pid
    : undefined
}

/** The first child of a process. */
export function childOf(pid: number): number | undefined {
  const [first] = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ')
  return first === undefined || first === '' ? undefined : Number(first)
}

/** The name of the program that a process runs. */
export const programOf = (pid: number): string => read(`/proc/${pid}/comm`).trim()

/** Ends the process that the file names, if it still runs. `group`: with all that it started in its process group. */
export async function endProcess(pidFile: string, { signal = 'SIGTERM', group = false }: Ending = {}): Promise<void> {
  const pid = runningPid(pidFile)
  if (pid === undefined) return
  kill(group ? -pid : pid, signal)
  await until({ where: pidFile, what: `the end of process ${pid}`, limit: 10_000 }, () =>
    runningPid(pidFile) === undefined ? true : undefined,
  )
}

interface Ending {
  readonly signal?: 'SIGTERM' | 'SIGKILL'
  readonly group?: boolean
}

/** Sends a signal to a process that may be gone already. */
export function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** /proc/PID/stat: the name may hold anything, so the fields are counted from its last parenthesis. */
function stat(path: string): { readonly pid: number; readonly state: string; readonly started: string } | undefined {
  const text = read(path)
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const started = fields[19]
  return started === undefined ? undefined : { pid: Number.parseInt(text, 10), state: fields[0] ?? '', started: started.trim() }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
