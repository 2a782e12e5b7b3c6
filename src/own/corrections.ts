import { dirname } from 'node:path/posix'
import type { Drift } from '../engine/drift.ts'
import { asks, placeOf } from '../engine/kind.ts'
import type { Plan } from '../engine/plan.ts'
import type { Step } from '../engine/step.ts'
import { ProvisionError } from '../errors.ts'
import { secretsIn } from '../secret.ts'
import { checkScripts, type Script } from './check.ts'

/**
 * Throws ProvisionError for a correction that cannot work, in playbooks of an operator's own: before the first change, and in a check as
 * well. `declared` are all steps, whether they are a part of this run or not; `isOwn` tells theirs from ours, whose folders may have been
 * removed by hand.
 */
export async function refuseMistakes({ steps }: Plan, declared: readonly Step[], isOwn: (step: Step) => boolean): Promise<void> {
  const before: Drift[] = []
  const scripts: Script[] = []
  for (const { step, drift } of steps) {
    for (const one of drift) {
      if (isOwn(step)) refuseHomeless(one, before, declared)
      const { kind, desired } = one.resource
      // A secret that is yet to be made is in no script before it is.
      if (kind.own && secretsIn(desired).every(({ known }) => known))
        scripts.push({
          where: placeOf(one.resource),
          what: `the correction of ${kind.name}`,
          script: asks(one.resource, () => kind.apply(desired, one.current, one.changes)),
        })
      before.push(one)
    }
  }
  await checkScripts(scripts)
}

/** A file whose folder is not there, and that nothing which is corrected before it may make. */
function refuseHomeless({ resource, current }: Drift, before: readonly Drift[], declared: readonly Step[]): void {
  if (resource.kind.name !== 'file' || (current as { readonly homeless?: true }).homeless !== true) return
  const folder = dirname((resource.desired as { readonly path: string }).path)
  if (before.some((one) => mayMake(one, folder))) return
  const later = declared.find(({ resources }) => resources.some((one) => makes(one, folder)))
  throw new ProvisionError(
    placeOf(resource),
    `its folder ${folder} is not on the host, and nothing before it makes it`,
    later === undefined
      ? `write directory({ path: '${folder}' }) before it, or install the package that brings it in a step before`
      : `${later.id} makes it: move that before this file`,
  )
}

const makes = ({ kind, desired }: Drift['resource'], folder: string): boolean =>
  kind.name === 'directory' && `${(desired as { readonly path: string }).path}/`.startsWith(`${folder}/`)

/** A package brings folders, a user a home, a unit its state; what a kind of somebody's own does nobody knows. */
const mayMake = ({ resource }: Drift, folder: string): boolean =>
  resource.kind.own === true ||
  ['packages', 'upgrade', 'artifact', 'user', 'service'].includes(resource.kind.name) ||
  makes(resource, folder)
