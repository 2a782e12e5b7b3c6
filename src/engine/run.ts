import { ConnectionError, Interrupted, ProvisionError } from '../errors.ts'
import type { StepListener } from './act.ts'
import { correct, type Leave, lookAtStep, lookAtSteps, type StepPlan, verify } from './converge.ts'
import type { Drift } from './drift.ts'
import { guarded } from './guard.ts'
import type { Artifact } from './kind.ts'
import type { Plan } from './plan.ts'
import { rebooted } from './reboot.ts'
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
  listener(step: Step): StepListener
  /** What has to be so elsewhere before a step that may differ: the addresses of sites, before a web server asks for certificates. */
  before?(step: Step, shell: Shell): Promise<void>
  stepStarts(step: Step): void
  stepEnds(step: Step, changed: readonly Drift[]): Promise<void>
  stepFails(step: Step): Promise<void>
  /** A step has failed, and the run goes on without what builds on it. */
  goesOn(error: ProvisionError): void
  /** The exit code of the signal that asks the run to stop after the current step, if one came. */
  stopped(): 130 | 143 | undefined
}

/**
 * Corrects every step that differs, in order. From the first that does, each was looked at since the last change: when a step has been
 * corrected, one look sees whether that worked, and how the next ones stand, to the first that is not expected to be as declared.
 * Returns what was corrected, what failed, and the login that it ended with; `leave` says which differences are left as they are. A step
 * that fails stops only what builds on it. Throws ProvisionError when that is everything, as after a guarded step that was undone, and
 * Interrupted when it was asked to stop.
 */
export async function runSteps(
  session: Session,
  { steps }: Plan,
  hooks: RunHooks,
  leave: Leave = () => false,
): Promise<{ readonly changed: readonly Drift[]; readonly failed: readonly Failure[]; readonly session: Session }> {
  const first = steps.findIndex(differs)
  const todo = first === -1 ? [] : steps.slice(first)
  // Before the first change: who finds it out in the middle of an install has half a server.
  for (const one of steps.flatMap(({ drift }) => drift)) refuseImpossible(one, leave)
  if (steps.some(({ step, drift }) => step.guard !== undefined && drift.length > 0)) await session.needKey()
  const changed: Drift[] = []
  const failed: Failure[] = []
  const state: State = { shell: session, seen: [] }
  for (const [i, { step }] of todo.entries()) {
    const cause = failed.find(({ stops }) => isBuiltOn(step, stops))
    if (cause !== undefined) {
      // What builds on what was left out is left out as well.
      cause.stops.add(playbookOf(step))
      state.seen = state.seen.slice(1)
      continue
    }
    stopIfAsked(
      hooks,
      todo.slice(i).map((one) => one.step),
    )
    await hooks.before?.(step, state.shell)
    hooks.stepStarts(step)
    const corrected = await runStep(state, step, toTheNext(todo.slice(i + 1)), hooks, leave).catch(async (error: unknown) => {
      await hooks.stepFails(step)
      const failure = { step, stops: new Set([playbookOf(step)]) }
      const left = todo.slice(i + 1)
      // Nothing goes on, and nothing else has failed: that one error says it all.
      const last = left.every((one) => isBuiltOn(one.step, failure.stops))
      if (endsTheRun(step, error) || (last && (left.length > 0 || failed.length === 0))) throw error
      hooks.goesOn(error as ProvisionError)
      failed.push(failure)
      state.seen = []
    })
    if (corrected === undefined) continue
    changed.push(...corrected)
    await hooks.stepEnds(step, corrected)
  }
  return { changed, failed, session: state.shell }
}

function refuseImpossible(drift: Drift, leave: Leave): void {
  const { resource, current } = drift
  const why = leave(drift) ? undefined : resource.kind.refuses?.(resource.desired, current)
  if (why !== undefined) throw new ProvisionError(resource.id, why, 'nothing was changed')
}

/** A step that failed while the run went on. */
export interface Failure {
  readonly step: Step
  /** The ids of the playbooks that were not corrected any further: its own, and those that build on it. */
  readonly stops: Set<string>
}

const playbookOf = ({ id }: Step): string => id.split('/')[0]!

/** Whether a step builds on one of these playbooks, or is of one of them. */
const isBuiltOn = (step: Step, stopped: ReadonlySet<string>): boolean =>
  step.buildsOn === undefined || [playbookOf(step), ...step.buildsOn].some((id) => stopped.has(id))

/** A way in that was undone, a host that may be booting, and a lost connection are under everything. */
const endsTheRun = ({ guard, reboots }: Step, error: unknown): boolean =>
  guard !== undefined ||
  reboots === true ||
  !(error instanceof ProvisionError) ||
  error instanceof ConnectionError ||
  error instanceof Interrupted

/** Where a run stands. */
interface State {
  /** The login that it has now. */
  shell: Session
  /** The next steps, as they were seen since the last change. */
  seen: readonly StepPlan[]
}

const differs = ({ drift, unknown }: StepPlan): boolean => drift.length + unknown.length > 0

/** Steps to the first that the plan found different, with it. */
function toTheNext(left: readonly StepPlan[]): readonly Step[] {
  const at = left.findIndex(differs)
  return (at === -1 ? left : left.slice(0, at + 1)).map(({ step }) => step)
}

async function runStep(
  state: State,
  step: Step,
  next: readonly Step[],
  hooks: RunHooks,
  leave: Leave,
): Promise<readonly Drift[]> {
  const { shell } = state
  // After a new login nothing is known yet: all up to the next that is expected to differ is looked at together.
  const [known, ...later] = state.seen.length > 0 ? state.seen : await lookAtSteps(shell, [step, ...next])
  // What could not be seen among others may be seen by itself.
  const seen = known === undefined || known.unknown.length > 0 ? await lookAtStep(shell, step) : known
  state.seen = later
  if (seen.drift.length === 0) return []
  for (const { resource, current } of seen.drift) {
    for (const artifact of resource.kind.send?.(resource.desired, current) ?? []) {
      const { path, sha256 } = await hooks.obtain(artifact)
      await shell.put(path, sha256)
    }
  }
  const [first] = seen.drift
  if (step.reboots && first !== undefined) {
    const { resource, current, changes } = first
    state.seen = []
    state.shell = await rebooted(shell, step.title, resource.kind.apply(resource.desired, current, changes))
    await verify(state.shell, step, leave)
    return seen.drift
  }
  const listener = hooks.listener(step)
  if (step.guard === undefined) {
    const corrected = await correct(shell, seen, { listener, leave, next })
    if (corrected.changed.length > 0) state.seen = corrected.next
    return corrected.changed
  }
  const relogin = async (limit: number, at: 'declared port' | 'current port') => {
    state.seen = []
    state.shell = await shell.again(limit, at)
    return state.shell
  }
  return (await guarded(shell, seen, step.guard, relogin, listener, leave)).changed
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
