import { setTimeout as pause } from 'node:timers/promises'
import { $, type ProcessPromise } from 'zx'
import { ProvisionError } from '../errors.ts'
import { environmentWith } from '../util/environment.ts'

/** Our own environment; a user's PATH may lack what only root runs. */
export const environment = environmentWith({ PATH: `${environmentWith().PATH ?? ''}:/usr/sbin:/sbin` })

/** A command on this machine: what it prints is kept, not shown. Ctrl-C ends it with us. */
export const local = $({ quiet: true, nothrow: true, detached: false, env: environment })

/** Its standard output. Throws ProvisionError, with the end of all that it said, when it fails. */
export async function mustRun(where: string, what: string, command: ProcessPromise): Promise<string> {
  const { exitCode, stdout, stdall } = await command
  if (exitCode !== 0) throw new ProvisionError(where, `${what} failed with exit code ${exitCode}: ${tail(stdall)}`)
  return stdout
}

/** Waits for all of them, and only then fails when one did: nobody goes on in the background. */
export async function all<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

/** The last lines of a text, for an error. */
export const tail = (text: string, lines = 15): string => text.trimEnd().split('\n').slice(-lines).join('\n')

/** What is waited for, for how long, and what to show when it did not come. */
export interface Wait {
  readonly where: string
  readonly what: string
  /** In milliseconds. */
  readonly limit: number
  readonly evidence?: () => string | Promise<string>
  /** The next move when it did not come. */
  readonly hint?: string
}

/** Asks again until the answer is not undefined. Throws ProvisionError when the limit is over. */
export async function until<T>(
  { where, what, limit, evidence, hint }: Wait,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + limit
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) break
    await pause(50)
  }
  const seen = evidence === undefined ? '' : tail(await evidence())
  throw new ProvisionError(
    where,
    `${what} did not happen within ${limit / 1000} s${seen === '' ? '' : `; the last that was seen:\n${seen}`}`,
    hint,
  )
}
