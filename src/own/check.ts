import { asks, type Misfit, placeOf, type Resource } from '../engine/kind.ts'
import { refuseTwins } from '../engine/plan.ts'
import type { Guard, Playbook, Step } from '../engine/step.ts'
import { ProvisionError } from '../errors.ts'
import { awaitIt, described, isPromise } from '../kinds/wanted.ts'
import { isSh, type Sh } from '../sh.ts'
import { syntaxFaults } from './syntax.ts'

/**
 * The playbooks that a function of an operator's own returned. Throws ProvisionError, with playbook, step, resource and the next move,
 * for the first mistake that can be seen without a host.
 */
export async function checkedPlaybooks(file: string, returned: unknown): Promise<readonly Playbook[]> {
  const all = listOf(file, returned)
  for (const [i, one] of all.entries()) refuseOther(file, i, one, all)
  const playbooks = all as readonly Playbook[]
  for (const { id, steps } of playbooks) for (const one of steps) checkStep(id, one)
  refuseTwins(playbooks.flatMap(({ steps }) => steps))
  await checkScripts(playbooks.flatMap(({ steps }) => steps.flatMap(scriptsIn)))
  return playbooks
}

/** A piece of sh, and whose it is. */
export interface Script {
  readonly where: string
  /** What it is there: `its check`. */
  readonly what: string
  readonly script: Sh
}

/** Throws ProvisionError for the first that no shell can read. */
export async function checkScripts(all: readonly Script[]): Promise<void> {
  const faults = await syntaxFaults(all.map(({ script }) => script))
  const at = faults.findIndex((fault) => fault !== undefined)
  if (at === -1) return
  const { where, what } = all[at]!
  throw new ProvisionError(
    where,
    `sh cannot read ${what}: ${faults[at]}`,
    'look for a quote, a bracket or an “fi” that is missing',
  )
}

function listOf(file: string, returned: unknown): readonly unknown[] {
  if (isPromise(returned))
    throw new ProvisionError(
      file,
      '“server” returned a Promise, and must return a list of playbooks',
      `take “async” away; ${awaitIt}`,
    )
  if (!Array.isArray(returned))
    throw new ProvisionError(
      file,
      `“server” returned ${described(returned)}, and must return a list of playbooks`,
      "write: export const server = (s, context) => [ …, playbook('name', [ … ]) ]",
    )
  return returned.filter((one) => one !== undefined && one !== false)
}

function refuseOther(file: string, i: number, one: unknown, all: readonly unknown[]): void {
  const { id, steps } = (typeof one === 'object' && one !== null ? one : {}) as Partial<Playbook>
  if (typeof id !== 'string' || !Array.isArray(steps)) {
    const what = Array.isArray(one) ? 'a list' : id === undefined ? described(one) : `“${id}”`
    const hint = isPromise(one)
      ? awaitIt
      : Array.isArray(one)
        ? 'write … before it: ...ours(s, context)'
        : "write playbook('name', [ … ]) around it"
    throw new ProvisionError(file, `item ${i + 1} of what “server” returned is ${what}, and no playbook`, hint)
  }
  if (!/^[a-z0-9][a-z0-9-]*$/.test(id) || id === 'dns')
    throw new ProvisionError(
      `playbook “${id}”`,
      'cannot be called that',
      id === 'dns'
        ? '--only dns are the zones: choose another name'
        : 'its name is what --only takes: small letters, digits and “-”',
    )
  if (all.findIndex((other) => (other as Playbook).id === id) !== i)
    throw new ProvisionError(
      `playbook “${id}”`,
      'there are two of that name',
      'give yours another, or leave the other one out: .filter(({ id }) => …)',
    )
}

function checkStep(playbook: string, { id, resources, guard }: Step): void {
  const where = id.startsWith(`${playbook}/`) ? id : `${playbook}/${id}`
  for (const one of resources) checkResource(one.step === undefined ? { ...one, step: where } : one)
  if (guard !== undefined) checkGuard(where, guard)
}

function checkResource(resource: Resource): void {
  const { kind, desired } = resource
  const where = placeOf(resource)
  if (typeof desired !== 'object' || desired === null)
    throw new ProvisionError(
      where,
      `${kind.name} was given ${described(desired)}, and needs its fields`,
      `write ${kind.name}({ … })`,
    )
  const wants = kind.wants as Readonly<Record<string, (value: unknown) => Misfit | undefined>> | undefined
  if (wants !== undefined) {
    const stranger = Object.keys(desired).find((field) => !(field in wants))
    if (stranger !== undefined)
      throw new ProvisionError(
        where,
        `has no field “${stranger}”`,
        `${kind.name} has: ${Object.keys(wants)
          .filter((field) => field !== 'declared')
          .join(' ')}`,
      )
    for (const [field, check] of Object.entries(wants)) {
      const wrong = check((desired as Record<string, unknown>)[field])
      if (wrong !== undefined) throw new ProvisionError(where, `“${field}” ${wrong.why}`, wrong.hint)
    }
  }
  asks(resource, () => kind.key(desired))
}

function checkGuard(where: string, { save, undo, login }: Partial<Guard>): void {
  const refuse = (what: string, hint: string): never => {
    throw new ProvisionError(where, `“${what}” of its guard does not fit`, hint)
  }
  if (!Array.isArray(save) || !save.every((path) => typeof path === 'string' && path.startsWith('/')))
    refuse('save', "write a list of whole paths: save: ['/etc/example']")
  if (!isSh(undo)) refuse('undo', 'write what brings the old state back, with the sh tag: sh`…`')
  if (login !== 'declared port' && login !== 'current port')
    refuse('login', "write 'declared port', or 'current port' before sshd has moved")
}

/** The sh that an author wrote: fields of a resource, the probe of a kind of their own, the undo of a guard. */
function scriptsIn({ id, resources, guard }: Step): readonly Script[] {
  return [
    ...resources.flatMap((one) => [
      ...Object.entries(one.desired as object).flatMap(([field, value]) =>
        isSh(value) ? [{ where: placeOf(one), what: `its “${field}”`, script: value }] : [],
      ),
      ...(one.kind.own
        ? [{ where: placeOf(one), what: `the probe of ${one.kind.name}`, script: asks(one, () => one.kind.probe([one.desired])) }]
        : []),
    ]),
    ...(guard === undefined ? [] : [{ where: id, what: 'the undo of its guard', script: guard.undo }]),
  ]
}
