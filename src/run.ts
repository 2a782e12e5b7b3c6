import { correct, type Drift, type Leave, type Listener, look, verify } from './converge.ts'
import { Interrupted, ProvisionError } from './errors.ts'
import { finishUndo, guarded } from './guard.ts'
import type { Artifact } from './kind.ts'
import type { Plan } from './plan.ts'
import { places } from './probe.ts'
import { rebooted } from './reboot.ts'
import { sh } from './sh.ts'
import type { Shell } from './shell.ts'
import type { Step } from './step.ts'

/** A shell that can be lost and found again: what a run needs of a connection. */
export interface Session extends Shell {
  /** Takes the host's run lock; throws ProvisionError, with who holds it, when it is taken. */
  lock(who: string): Promise<void>
  /** Throws when no declared key is here: then no new login could confirm a guarded step. */
  needKey(): Promise<void>
  /** A new TCP login as the admin with a declared key. Throws when there is none within the limit. */
  again(limitMs: number, at: 'declared port' | 'current port'): Promise<Session>
}

/** What a run hears and asks. */
export interface RunHooks {
  /** Gets an artifact onto this machine, for the host's architecture: where it is, and its digest. */
  obtain(artifact: Artifact): Promise<{ readonly path: string; readonly sha256: string }>
  listener(step: Step): Listener
  stepStarts(step: Step): void
  stepEnds(step: Step, changed: readonly Drift[]): Promise<void>
  stepFails(step: Step): Promise<void>
  /** The exit code of the signal that asks the run to stop after the current step, if one came. */
  stopped(): 130 | 143 | undefined
}

/** Finishes what a dead run left armed. After it, the host has to be looked at again. */
export async function recover(session: Session, { host }: Plan, who: string): Promise<boolean> {
  await session.lock(who)
  if (host.undoArmed) await finishUndo(session)
  if (host.upgrade !== undefined) await goBack(session, host.upgrade)
  return host.undoArmed || host.upgrade !== undefined
}

/** If the upgrade is still at work there, this waits for its end, and then there is nothing to go back from. */
async function goBack(session: Session, program: string): Promise<void> {
  const { code, stdout } = await session.work(sh`${places}
if [ -f "$provision/upgrade/"${program}/back.sh ]; then sh "$provision/upgrade/"${program}/back.sh now; fi`)
  if (code !== 0)
    throw new ProvisionError(
      program,
      `the way back from an upgrade that was cut off failed with exit code ${code}: ${stdout.trim() || 'the host said nothing'}`,
      `what it kept before is in /var/lib/provision/upgrade/${program}: look at “journalctl -u ${program}” on the host`,
    )
}

/**
 * Corrects every step that differs, in order. From the first that does, each looks again right before it acts.
 * Returns what was corrected, and the login that it ended with; `leave` says which differences are left as they are. Throws ProvisionError at the first step that fails, and Interrupted when it was asked to stop.
 */
export async function run(
  session: Session,
  { steps }: Plan,
  hooks: RunHooks,
  leave: Leave = () => false,
): Promise<{ readonly changed: readonly Drift[]; readonly session: Session }> {
  const first = steps.findIndex(({ drift, unknown }) => drift.length + unknown.length > 0)
  const todo = first === -1 ? [] : steps.slice(first).map(({ step }) => step)
  // Before the first change: who finds it out in the middle of an install has half a server.
  if (steps.some(({ step, drift }) => step.guard !== undefined && drift.length > 0)) await session.needKey()
  const changed: Drift[] = []
  let shell = session
  for (const [i, step] of todo.entries()) {
    stopIfAsked(hooks, todo.slice(i))
    hooks.stepStarts(step)
    const corrected = await runStep(shell, step, hooks, leave).catch(async (error: unknown) => {
      await hooks.stepFails(step)
      throw error
    })
    shell = corrected.shell
    changed.push(...corrected.changed)
    await hooks.stepEnds(step, corrected.changed)
  }
  return { changed, session: shell }
}

async function runStep(
  shell: Session,
  step: Step,
  hooks: RunHooks,
  leave: Leave,
): Promise<{ shell: Session; changed: readonly Drift[] }> {
  const seen = await look(shell, step)
  if (seen.drift.length === 0) return { shell, changed: [] }
  for (const { resource, current } of seen.drift) {
    for (const artifact of resource.kind.send?.(resource.desired, current) ?? []) {
      const { path, sha256 } = await hooks.obtain(artifact)
      await shell.put(path, sha256)
    }
  }
  const [first] = seen.drift
  if (step.reboots && first !== undefined) {
    const { resource, current, changes } = first
    const fresh = await rebooted(shell, step.title, resource.kind.apply(resource.desired, current, changes))
    await verify(fresh, step, leave)
    return { shell: fresh, changed: seen.drift }
  }
  const listener = hooks.listener(step)
  if (step.guard === undefined) return { shell, changed: await correct(shell, seen, listener, leave) }
  let fresh: Session | undefined
  const { changed } = await guarded(
    shell,
    seen,
    step.guard,
    async (limit, at) => (fresh = await shell.again(limit, at)),
    listener,
    leave,
  )
  return { shell: fresh ?? shell, changed }
}

function stopIfAsked(hooks: RunHooks, left: readonly Step[]): void {
  const code = hooks.stopped()
  if (code === undefined) return
  throw new Interrupted(
    'the run',
    `was stopped; left to do: ${left.map(({ id }) => id).join(' ')}`,
    code,
    'run it again: every step checks before it acts',
  )
}
