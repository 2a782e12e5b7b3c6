import type { Offer } from '../keys/offer.ts'

/** One way to log in: a key, or a password. */
export type Credential =
  | { readonly type: 'key'; readonly offer: Offer }
  | { readonly type: 'password'; readonly password: string }

/** Who logs in, where, and what is offered, in this order. */
export interface Way {
  readonly user: string
  readonly port: number
  readonly credentials: readonly Credential[]
}

/** One rung: who, on which port, with what. */
export interface Rung {
  readonly user: string
  readonly port: number
  readonly with: 'a key' | 'a password'
}
