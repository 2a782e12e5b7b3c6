import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import type { Writable } from '../inventory/rewrite.ts'
import type { Rotated, Turning } from './rotations.ts'

/** What `provision dkim rotate` and `provision tlsa rotate` may be told. */
export interface RotateOptions extends OpenOptions {
  readonly yes: boolean
  /** One domain, else all. */
  readonly domain?: string | undefined
  /** What the new key is called. */
  readonly named?: string | undefined
}

/** What a move is made with. */
export interface Held {
  readonly what: Rotated
  readonly found: Writable
  readonly options: RotateOptions
  readonly io: Io
  /** The operator has said yes to what follows. */
  readonly agreed: boolean
  readonly now: Date
}

/** With which of them. */
export type Those = readonly Turning[]
