import { ProvisionError } from '../errors.ts'
import { act, type StepListener } from './act.ts'
import type { Drift } from './drift.ts'
import { asks } from './kind.ts'
import { probe, type Reading, type States } from './probe.ts'
import type { Shell } from './shell.ts'
import type { Step } from './step.ts'

/** One resource that could not be looked at, or about which there is something to know. */
export interface Remark {
  readonly id: string
  readonly why: string
}

/** How a step compares with the host. */
export interface StepPlan {
  readonly step: Step
  readonly drift: readonly Drift[]
  readonly unknown: readonly Remark[]
  readonly notes: readonly Remark[]
}

/** Compares states with one step. Pure. */
export function compare(step: Step, states: States): StepPlan {
  const looked = step.resources.map((resource) => ({ resource, reading: states.get(resource.id) ?? missing }))
  const known = looked.flatMap(({ resource, reading }) =>
    reading.type === 'known' ? [{ resource, current: reading.state }] : [],
  )
  const compared = known.map(({ resource, current }) => ({
    resource,
    current,
    changes: asks(resource, () => resource.kind.diff(resource.desired, current)),
  }))
  // All of a step is corrected at once, so what only differs because of that is corrected with it.
  const written = compared.filter(({ changes }) => changes.length > 0).flatMap(({ resource: { desired } }) => pathOf(desired))
  const following = ({ resource: { kind, desired }, current, changes }: Drift) =>
    changes.length > 0 ? changes : (kind.follows?.(desired, current, written) ?? [])
  return {
    step,
    drift: compared.map((one) => ({ ...one, changes: following(one) })).filter(({ changes }) => changes.length > 0),
    unknown: looked.flatMap(({ resource: { id }, reading }) => (reading.type === 'unknown' ? [{ id, why: reading.why }] : [])),
    notes: known.flatMap(({ resource: { id, kind, desired }, current }) =>
      [...(kind.notes?.(desired, current) ?? []), ...[kind.refuses?.(desired, current) ?? []].flat()].map((why) => ({ id, why })),
    ),
  }
}

/** Looks at some steps together, in one exec. */
export async function lookAtSteps(shell: Shell, steps: readonly Step[]): Promise<readonly StepPlan[]> {
  const { states } = await probe(
    shell,
    steps.flatMap(({ resources }) => resources),
  )
  return steps.map((step) => compare(step, states))
}

/** Looks at one step. Throws ProvisionError when part of it could not be looked at. */
export const lookAtStep = async (shell: Shell, step: Step): Promise<StepPlan> => sighted((await lookAtSteps(shell, [step]))[0]!)

/** The same plan. Throws ProvisionError when part of the step could not be looked at. */
function sighted(plan: StepPlan): StepPlan {
  const blind = plan.unknown[0]
  if (blind !== undefined) throw new ProvisionError(plan.step.title, `cannot read the state of ${blind.id}: ${blind.why}`)
  return plan
}

/**
 * Corrects a step that was just looked at, and looks once more, at the steps that come next as well. Returns what was corrected and how those
 * compare then; when nothing was, what was known of them still is. Throws ProvisionError when a correction fails or leaves a difference.
 */
export async function correct(
  shell: Shell,
  plan: StepPlan,
  {
    listener = {},
    leave = none,
    next = [],
  }: { readonly listener?: StepListener; readonly leave?: Leave; readonly next?: readonly Step[] } = {},
): Promise<{ readonly changed: readonly Drift[]; readonly next: readonly StepPlan[] }> {
  const ours = sighted(plan).drift.filter((one) => !leave(one))
  if (ours.length === 0) return { changed: [], next: [] }
  await act(shell, plan.step, ours, listener)
  const [now, ...rest] = await lookAtSteps(shell, [plan.step, ...next])
  // What cannot be seen of another may hide what is seen of this one.
  settled(now!.unknown.length > 0 && next.length > 0 ? await lookAtStep(shell, plan.step) : now!, leave)
  return { changed: ours, next: rest }
}

/** Which differences stay as they are: what a person has edited on the host, unless told otherwise. */
export type Leave = (drift: Drift) => boolean

/** The words for a difference that a person has made on the host since we wrote it. */
export const edited = ({ resource: { kind, desired }, current }: Drift): string | undefined => kind.edited?.(desired, current)

const none: Leave = () => false

/** Looks once more. Throws ProvisionError when the step still differs. */
export const verify = async (shell: Shell, step: Step, leave: Leave = none): Promise<void> =>
  settled(await lookAtStep(shell, step), leave)

/** Throws ProvisionError when a step still differs: a correction that leaves a difference is an error. */
function settled(plan: StepPlan, leave: Leave = none): void {
  const [left] = sighted(plan).drift.filter((one) => !leave(one))
  if (left === undefined) return
  const { field, from, to } = left.changes[0]!
  throw new ProvisionError(plan.step.title, `corrected, and still differs: ${left.resource.id} ${field} ${from} → ${to}`)
}

const pathOf = (desired: unknown): readonly string[] => {
  const { path } = desired as { readonly path?: unknown }
  return typeof path === 'string' ? [path] : []
}

const missing: Reading = { type: 'unknown', why: 'nothing was read' }
