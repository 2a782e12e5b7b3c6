import { randomBytes } from 'node:crypto'
import { ConnectionError, ProvisionError } from '../errors.ts'
import { type Sh, sh } from '../sh.ts'
import { act, type StepListener } from './act.ts'
import { arm, confirm, settle, undoAfter } from './arm.ts'
import { type Leave, type StepPlan, verify } from './converge.ts'
import type { Drift } from './drift.ts'
import type { Shell } from './shell.ts'
import type { Guard } from './step.ts'

/** A new TCP login as the admin, with a declared key, within so many milliseconds. Throws when there is none. */
export type Relogin = (limitMs: number, at: Guard['login']) => Promise<Shell>

/**
 * Corrects a guarded step: one script, under the work lock, arms the undo on the host and corrects; only a new login disarms it.
 * Returns the shell to go on with. Throws ProvisionError when no new login works, with what the host says has become of the step.
 */
export async function guarded(
  shell: Shell,
  { step, drift }: StepPlan,
  guard: Guard,
  relogin: Relogin,
  listener: StepListener = {},
  leave: Leave = () => false,
): Promise<{ readonly shell: Shell; readonly changed: readonly Drift[] }> {
  const ours = drift.filter((one) => !leave(one))
  if (ours.length === 0) return { shell, changed: [] }
  const id = randomBytes(8).toString('hex')
  let armed = performance.now()
  let login = shell
  try {
    const cut = await act(shell, step, ours, listener, {
      what: 'arming the undo',
      script: arm(guard, step.id, id),
      done: () => {
        armed = performance.now()
      },
    }).then(() => false, isCut)
    // What is left of the time is for the look and the confirmation: the host should not undo what we are confirming.
    const left = Math.floor(armed + (undoAfter - 10) * 1000 - performance.now())
    login = await relogin(Math.max(1_000, Math.min((undoAfter * 1000 * 2) / 3, left)), guard.login)
    // The correction goes on without its link: this waits for its end.
    if (cut) await login.work(sh`:`)
    await verify(login, step, leave)
    await must(login, step.title, 'confirming it over a new login', confirm(id))
    return { shell: login, changed: ours }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new ProvisionError(step.title, `${why}; ${await outcome(login, id)}`, 'find out why, and run it again')
  }
}

/** A right change may cut the link that it came by: whether it was right is for the new login to show. Throws what is anything else. */
function isCut(error: unknown): true {
  if (error instanceof ConnectionError) return true
  throw error
}

/** Has the host undo the step now rather than when its time is up. Returns what has become of it, in words: never more than the host says. */
async function outcome(shell: Shell, id: string): Promise<string> {
  try {
    const { code, stdout } = await shell.run(settle(id))
    const said = new RegExp(`^${id} (\\w+) ?(.*)$`, 'm').exec(stdout)
    if (code === 0 && said?.[1] === 'undone') return 'the host has undone the step'
    if (code === 0 && said?.[1] === 'confirmed') return 'it was confirmed there all the same, and stays'
    if (code === 0 && said?.[1] === 'none') return 'nothing was changed'
    const reason = said?.[2] || `the host does not say why (exit code ${code}): look at “journalctl -u provision-undo” there`
    return `THE UNDO FAILED: ${reason}. The host tries again every minute and at its next boot, as does the next run`
  } catch {
    return `the connection is gone too: the host undoes the step by itself within ${undoAfter} seconds`
  }
}

async function must(shell: Shell, where: string, what: string, script: Sh): Promise<void> {
  const { code, stderr } = await shell.run(script)
  if (code !== 0)
    throw new ProvisionError(where, `${what} failed with exit code ${code}: ${stderr.trim() || 'the host said nothing'}`)
}
