import type { Resource } from './kind.ts'
import type { Playbook } from './step.ts'

/**
 * Playbooks whose resources know of each other: a service that knows every declared file can tell which of those that it reads are
 * third-party. For all playbooks of a run at once, an operator's own among them.
 */
export function knowing(playbooks: readonly Playbook[], prune: boolean): readonly Playbook[] {
  const paths = new Set(playbooks.flatMap(({ steps }) => steps.flatMap(({ resources }) => resources.flatMap(pathsOf))))
  const tell = (resource: Resource): Resource => {
    const { kind, desired } = resource
    return kind.among === undefined ? resource : { ...resource, desired: kind.among(desired, { paths, prune }) }
  }
  return playbooks.map((one) => ({ ...one, steps: one.steps.map((step) => ({ ...step, resources: step.resources.map(tell) })) }))
}

/** What a resource puts somewhere, by the fields that name a place: every kind calls them so. */
const pathsOf = ({ desired }: Resource): readonly string[] =>
  Object.entries(desired as object).flatMap(([field, value]) =>
    ['path', 'record', 'live'].includes(field) && typeof value === 'string' ? [value] : [],
  )
