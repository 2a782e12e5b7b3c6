import { createHash } from 'node:crypto'
import type { DnskeyData, DsData } from 'dns-packet'
import { ask, type NameServer } from './client.ts'
import { lookUp } from './servers.ts'
import { u16, wireName } from './wire.ts'

/** How a zone's signature stands, as the zone above and its own name servers say. */
export type Signing =
  /** Nobody signs it: TLSA counts for nothing. */
  | 'unsigned'
  /** It is signed, and the zone above does not say so: as if it were not. */
  | 'no DS'
  /** The zone above knows keys that it does not have: who validates does not find it at all. */
  | 'wrong DS'
  | 'signed'

/** Asks for it. Throws NoAnswer when that cannot be seen. */
export async function signing(zone: string, server: NameServer, resolvers: readonly NameServer[]): Promise<Signing> {
  const [above, own] = await Promise.all([
    lookUp(resolvers, { name: zone, type: 'DS' }, { unchecked: true }),
    ask(server, { name: zone, type: 'DNSKEY' }),
  ])
  const known = above.answers.flatMap((answer) => (answer.type === 'DS' ? [answer.data] : []))
  const keys = own.answers.flatMap((answer) => (answer.type === 'DNSKEY' ? [answer.data] : []))
  if (known.length === 0) return keys.length === 0 ? 'unsigned' : 'no DS'
  return known.some((ds) => keys.some((key) => isOf(ds, zone, key))) ? 'signed' : 'wrong DS'
}

/** What goes wrong, in a sentence; undefined when nothing does. */
export const signingTrouble = (zone: string, state: Signing): string | undefined =>
  ({
    unsigned: undefined,
    signed: undefined,
    'no DS': `${zone} is signed, and the zone above has no DS of it: TLSA counts for nothing until the registrar gets it`,
    'wrong DS': `outage: the DS in the zone above is of no key that ${zone} has: who validates does not find the domain at all. Take it away at the registrar, or give it the right one`,
  })[state]

/** A DS is of a key: RFC 4034, 5.1.4. */
function isOf({ keyTag, algorithm, digestType, digest }: DsData, zone: string, key: DnskeyData): boolean {
  const data = Buffer.concat([u16(key.flags), Buffer.from([3, key.algorithm]), key.key])
  const hash = ({ 1: 'sha1', 2: 'sha256', 4: 'sha384' } as const)[digestType as 1 | 2 | 4]
  return (
    hash !== undefined &&
    algorithm === key.algorithm &&
    keyTag === tagOf(data) &&
    createHash(hash).update(wireName(zone)).update(data).digest().equals(digest)
  )
}

/** RFC 4034, appendix B. */
function tagOf(data: Buffer): number {
  const sum = data.reduce((all, byte, i) => all + (i % 2 === 0 ? byte * 256 : byte), 0)
  return (sum + Math.floor(sum / 65_536)) & 0xffff
}
