import type { Change, Resource } from './kind.ts'

/** One resource that is not as declared: what was found, and what differs. */
export interface Drift {
  readonly resource: Resource
  readonly current: unknown
  readonly changes: readonly Change[]
}
