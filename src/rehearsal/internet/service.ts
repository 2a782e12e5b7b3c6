import type { Sh } from '../../sh.ts'
import type { Address } from '../network/network.ts'

/** What the parts of a rehearsal may know of it. */
export interface World {
  /** The host that is provisioned. */
  readonly host: Address
  /** Its mail name: what its addresses resolve back to. */
  readonly mxname: string
  readonly addresses: Readonly<Record<Role, Address>>
  /** The zones that are served, beyond the rehearsal's own. */
  readonly zones: readonly Zone[]
  readonly tsig: Tsig
  /** Hosts are made with the root’s key, which they trust instead of the real one’s. */
  readonly trusted?: boolean
  /** The names below which the addresses stand in the DNS. */
  readonly reverse: Address
}

/** Who has an address of its own in the small internet: its last number. */
export const roleNumbers = { dns: 2, acme: 3, peer: 4, apt: 5, ntfy: 6, borg: 7, ovh: 8, resolver: 9 } as const

/** Who that may be. */
export type Role = keyof typeof roleNumbers

/** A domain and its first records, in the format of a zone file, without SOA and NS, which are put before them. */
export interface Zone {
  readonly name: string
  readonly text: string
}

/** The key that may change every zone. */
export interface Tsig {
  readonly name: string
  readonly algorithm: 'hmac-sha256'
  /** In base64. */
  readonly secret: string
}

/** One part of the small internet: what it installs, what it is told, and how one sees that it answers. */
export interface InternetService {
  readonly name: string
  readonly packages: readonly string[]
  /** A program that Debian 12 does not package and Debian 13 does; seen below `programsDirectory`. */
  readonly debian13?: { readonly name: string; readonly version: string; readonly path: string }
  /** Done once, in the image: units are enabled or masked here. */
  readonly image?: Sh
  /** Its configuration for this rehearsal, by path. */
  files(world: World): Readonly<Record<string, string>>
  /** Done in its root before the first boot: what needs a program, like a key. */
  prepare?(world: World): Sh
  /** Succeeds once it answers. */
  ready(world: World): Sh
}

/** Where the machine that is the small internet sees programs of Debian 13. */
export const programsDirectory = '/srv/programs'

/** The domain of the small internet's own names: ns, acme, apt… */
export const internetDomain = 'internet.example'
/** Where the blocklist of the small internet is, in its own domain. Nobody is on it. */
export const blocklist = 'blocklist'
/** The domain of the second mail server. */
export const peerDomain = 'peer.example'
/** The name of the second mail server. */
export const peerMx = `mx.${peerDomain}`
