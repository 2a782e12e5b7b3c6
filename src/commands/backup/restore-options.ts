import type { OpenOptions } from '../../session/open-options.ts'

/** What `provision restore` may be told. */
export interface RestoreOptions extends OpenOptions {
  readonly yes: boolean
  /** The last one when left out. */
  readonly archive?: string | undefined
  /** Only the mail, of a host that is there. */
  readonly mail: boolean
}
