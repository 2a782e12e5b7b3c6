import { ProvisionError } from '../errors.ts'
import type { Sh } from '../sh.ts'
import type { Resource } from './kind.ts'

/** A titled list of resources that are checked, and corrected, together and in order. */
export interface Step {
  /** The title in kebab-case, below its playbook once that is known: `access/harden-sshd`. */
  readonly id: string
  readonly title: string
  readonly resources: readonly Resource[]
  /** Undo by itself unless a fresh SSH login confirms it: for what could lock us out. */
  readonly guard?: Guard
  /** Its correction reboots the host; the run goes on over a new login. */
  readonly reboots?: true
  /** What its correction, or its lack, may cost: `mail outage`. A plan says it. */
  readonly risk?: string
  /** The ids of the playbooks without which this one is not worth correcting; all before it when left out. */
  readonly buildsOn?: readonly string[]
}

/** How the host undoes a guarded step by itself. */
export interface Guard {
  /** Files and directories copied before anything is touched. One that is not there is removed again by the undo. */
  readonly save: readonly `/${string}`[]
  /** Run after the copies are back. It may run twice. */
  readonly undo: Sh
  /** Where the new login is tried: at the declared SSH port, or at the one in use, before sshd has moved. */
  readonly login: 'declared port' | 'current port'
}

/** A named part of a server: one file below `playbooks/`. */
export interface Playbook {
  readonly id: string
  readonly steps: readonly Step[]
}

/** An item of a step or playbook, or what a condition leaves of it: `port !== undefined && file({ … })`. */
export type Item<T> = T | false | undefined

/** A step that is corrected on the connection that the run has. */
export function step(what: string | Pick<Step, 'title' | 'risk'>, resources: readonly Item<Resource>[]): Step {
  const named = typeof what === 'string' ? { title: what } : what
  return { id: kebab(named.title), ...named, resources: items(`step “${named.title}”`, resources, 'a resource', isResource) }
}

/** A step whose one resource is corrected by a reboot. It stands where the admin can log in with a key already. */
export const rebootStep = (title: string, resource: Resource): Step => ({
  ...step({ title, risk: 'outage: minutes, while it boots' }, [resource]),
  reboots: true,
})

/** A step that the host undoes by itself, within 90 seconds or at its next boot, unless a new login confirms it. */
export function guardedStep(title: string, resources: readonly Item<Resource>[], guard: Guard): Step {
  return { ...step({ title, risk: 'lock-out: undone by the host unless a new login works' }, resources), guard }
}

/** Steps under the name of their playbook. Throws ProvisionError when a title stands twice. */
export function playbook(id: string, steps: readonly Item<Step>[]): Playbook {
  const named = items(`playbook “${id}”`, steps, 'a step', isStep)
    .filter(({ resources }) => resources.length > 0)
    .map((one) => under(`${id}/${one.id}`, one))
  const twice = named.find((one, i) => named.findIndex((other) => other.id === one.id) !== i)
  if (twice !== undefined)
    throw new ProvisionError(twice.id, 'two steps of this playbook have that title', 'give one of them another title')
  return { id, steps: named }
}

/** A playbook that is corrected even where another one has failed, unless that is one of these. */
export const buildingOn = ({ id, steps }: Playbook, others: readonly string[]): Playbook => ({
  id,
  steps: steps.map((one) => ({ ...one, buildsOn: others })),
})

const under = (id: string, one: Step): Step => ({
  ...one,
  id,
  resources: one.resources.map((resource) => ({ ...resource, step: id })),
})

/** What is left of a list. Throws ProvisionError for what is none, and for an item that does not belong there: types are gone when it runs. */
function items<T extends object>(
  where: string,
  all: readonly Item<T>[],
  what: string,
  fits: (one: object) => boolean,
): readonly T[] {
  if (!Array.isArray(all)) throw new ProvisionError(where, 'its items are not a list', 'write [ … ] around them')
  const left = all.filter((one): one is Exclude<typeof one, false | undefined> => one !== false && one !== undefined)
  const odd = left.find((one) => typeof one !== 'object' || one === null || !fits(one))
  if (odd === undefined) return left
  const { id } = Object(odd) as { readonly id?: unknown }
  const found = Array.isArray(odd)
    ? 'a list'
    : typeof id === 'string'
      ? id
      : odd instanceof Promise
        ? 'a Promise'
        : `a ${typeof odd}`
  const hint = Array.isArray(odd)
    ? 'write … before that list'
    : odd instanceof Promise
      ? 'await it at the top of the file: playbooks do not wait'
      : what === 'a step'
        ? "write step('Do it', [ … ]) around it"
        : 'write a kind: file({ … }), packages({ … }), service({ … })'
  throw new ProvisionError(where, `item ${all.indexOf(odd) + 1} of its list is ${found}, and not ${what}`, hint)
}

const isResource = (one: object): boolean => 'kind' in one && 'desired' in one
const isStep = (one: object): boolean => 'title' in one && 'resources' in one

const kebab = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
