import { dkimName } from '../../dns/dkim.ts'
import type { HostFacts } from '../../dns/record.ts'
import { dkimPace, nameOf, type Pace, tlsaPace } from '../../dns/rotation.ts'
import type { Resource } from '../../engine/kind.ts'
import { type Edit, setDkim, setTlsa } from '../../inventory/edit/edit.ts'
import { certificateKeyPath, dkimFiles, type Rotation, type Server } from '../../inventory/inventory.ts'
import { privateKey } from '../../kinds/files/private-key.ts'

/** Whose key it is, and how it stands. */
export interface Turning {
  /** A domain, or the mail server. */
  readonly name: string
  readonly rotation: Rotation
}

/** A sort of key that others find in the DNS, and that is changed without anybody ever missing one. */
export interface Rotated {
  /** `provision WORD rotate`. */
  readonly word: 'dkim' | 'tlsa'
  readonly pace: Pace
  /** The playbooks that make the next key, and use it. */
  readonly concerns: readonly string[]
  /** The option that names the next key. */
  readonly option: string
  all(server: Server): readonly Turning[]
  /** What a new key is called unless somebody says otherwise. */
  name(now: Date): string
  edit(all: ReadonlyMap<string, Rotation>): Edit
  /** The name in the DNS under which one finds a key. */
  record(of: string, key: string): string
  /** Whether the host has made a key. */
  has(facts: HostFacts, of: string, key: string): boolean
  /** The key on the host, as something that shall not be there. */
  gone(of: string, key: string): Resource
}

/** DKIM: each key has a name of its own in the DNS, its selector. */
export const dkim: Rotated = {
  word: 'dkim',
  pace: dkimPace,
  concerns: ['maddy'],
  option: '--selector',
  all: ({ domains }) => domains.map((domain) => ({ name: domain.name, rotation: domain.dkim })),
  name: (now) => nameOf('s', now),
  edit: setDkim,
  record: dkimName,
  has: (facts, domain, key) => facts.dkim?.get(domain)?.some(({ selector }) => selector === key) ?? false,
  gone: (domain, selector) => {
    const { key, record } = dkimFiles(domain, selector)
    return privateKey({ path: key, record, type: 'rsa', owner: 'maddy', absent: true })
  },
}

/** TLSA: all keys of the mail server stand under one name, and who has the older answer must find the served one in it. */
export const tlsa: Rotated = {
  word: 'tlsa',
  pace: tlsaPace,
  concerns: ['certificates', 'maddy'],
  option: '--key',
  all: ({ mail }) => [{ name: mail.hostname, rotation: mail.tlsa }],
  name: (now) => nameOf('k', now),
  edit: (all) => setTlsa([...all.values()][0]!),
  record: (mx) => `_25._tcp.${mx}`,
  has: (facts, _, key) => facts.keys?.has(key) ?? false,
  gone: (mx, key) => privateKey({ path: certificateKeyPath(mx, key), type: 'ec', owner: 'root', absent: true }),
}
