import type { AnyAuthMethod } from 'ssh2'
import type { PublicKey } from './public-key.ts'

/** A key that can be offered. */
export interface Offer {
  readonly key: PublicKey
  /** `SHA256:… (agent)`, `SHA256:… (~/.ssh/id_ed25519)`. */
  readonly shown: string
  method(user: string): AnyAuthMethod
}
