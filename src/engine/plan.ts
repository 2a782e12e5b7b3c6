import { ProvisionError } from '../errors.ts'
import type { Sh } from '../sh.ts'
import { compare, type StepPlan } from './converge.ts'
import { type Host, hostProbe, parseHost } from './host.ts'
import { probe, type Section } from './probe.ts'
import type { Shell } from './shell.ts'
import type { Playbook, Step } from './step.ts'

/** How a whole server compares with its host: what a check prints, and what a run starts from. */
export interface Plan {
  readonly host: Host
  readonly steps: readonly StepPlan[]
  /** What came of the script that was to be read as well. */
  readonly also?: Section | undefined
}

/**
 * Compares the host with the steps, and reads something more of it. One round trip, and nothing is changed. Throws ProvisionError
 * for a host that is not fit.
 */
export async function plan(shell: Shell, where: string, steps: readonly Step[], more?: Sh): Promise<Plan> {
  refuseTwins(steps)
  const resources = steps.flatMap((step) => step.resources)
  const { states, also } = await probe(shell, resources, [hostProbe, ...(more === undefined ? [] : [more])])
  return { host: parseHost(where, also[0]!), steps: steps.map((step) => compare(step, states)), also: also[1] }
}

/** How many differences there are, and how many resources could not be looked at. */
export function countChanges({ steps }: Plan): { readonly changes: number; readonly unknown: number } {
  return {
    changes: steps.flatMap(({ drift }) => drift.flatMap(({ changes }) => changes)).length,
    unknown: steps.flatMap(({ unknown }) => unknown).length,
  }
}

/** The steps that `--only` names, in the order of the install. Throws ProvisionError, with the ids there are, for any other. */
export function select(playbooks: readonly Playbook[], only: readonly string[] | undefined): readonly Step[] {
  const steps = playbooks.flatMap((one) => one.steps)
  if (only === undefined) return steps
  const known = [...playbooks.map(({ id }) => id), ...steps.map(({ id }) => id)]
  const stranger = only.find((id) => !known.includes(id))
  if (stranger !== undefined)
    throw new ProvisionError('--only', `there is no playbook or step “${stranger}”`, `there are: ${known.join(' ')}`)
  return steps.filter(({ id }) => only.includes(id) || only.includes(id.split('/')[0]!))
}

/** Throws ProvisionError for a resource that two steps declare, or one step twice. */
export function refuseTwins(steps: readonly Step[]): void {
  const seen = new Map<string, string>()
  for (const { id: step, resources } of steps) {
    for (const { id } of resources) {
      const other = seen.get(id)
      if (other !== undefined)
        throw new ProvisionError(
          id,
          `is declared twice: in ${other} and in ${step}`,
          'take one of the two away, or change that one',
        )
      seen.set(id, step)
    }
  }
}
