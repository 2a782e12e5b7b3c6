import type { OpenOptions } from '../../session/open-options.ts'

/** What `provision --host X` may be told. */
export interface ApplyOptions extends OpenOptions {
  readonly check: boolean
  readonly diff: boolean
  readonly yes: boolean
  /** What was edited on the host goes too; a copy is kept there. */
  readonly overwrite?: boolean | undefined
  /** What differs in the zones is published without a question. */
  readonly publish?: boolean | undefined
  readonly only: readonly string[] | undefined
  /** The mail domain whose sites a run waits for; all of them when left out. */
  readonly domain?: string | undefined
}
