import { createHash } from 'node:crypto'
import type { DnskeyData, DsData } from 'dns-packet'
import { askServer, inParallel, type NameServer, NoAnswer, type QueryOptions } from './client.ts'
import type { Authorities, Authority } from './servers.ts'
import { doubt, fault, type Trouble } from './trouble.ts'
import { u16, wireName } from './wire.ts'

/** What is seen of a zone's signature, at the zone above and at its own name servers. Only those that speak (AA, NOERROR) are in it. */
export interface SigningSeen {
  readonly zone: string
  /** The DS of the zone above, as each of its servers has them; never of a cache. */
  readonly above: readonly (readonly DsData[])[]
  readonly own: readonly {
    readonly server: Authority
    readonly keys: readonly DnskeyData[]
    /** The lives of the signatures of its SOA and its keys, in seconds since 1970: of each the longest. */
    readonly signatures: readonly { readonly inception: number; readonly expiration: number }[]
  }[]
  /** What a resolver makes of it: undefined when none says. */
  readonly resolver: 'authentic' | 'plain' | 'bogus' | undefined
}

/** How it stands: `wrong DS` only when all that speak agree; undefined when too few speak. */
export type Signing = 'unsigned' | 'no DS' | 'wrong DS' | 'signed' | undefined

/** How a zone's signature stands. Pure. */
export function signingOf({ zone, above, own }: SigningSeen): Signing {
  if (above.length === 0 || own.length === 0) return undefined
  const known = above.flat()
  if (known.length === 0) return own.some(({ keys }) => keys.length > 0) ? 'no DS' : 'unsigned'
  // A digest that nobody checks here makes the zone unsigned for whoever does not know it either: RFC 4035 5.2.
  if (known.every(({ digestType }) => !(digestType in digests))) return undefined
  return own.some(({ keys }) => hasKey(zone, known, keys)) ? 'signed' : 'wrong DS'
}

/** What is wrong with it, each with the next move. `now`: milliseconds since 1970. Pure. */
export function signingTroubles(seen: SigningSeen, now: number): readonly Trouble[] {
  const { zone, above, own, resolver } = seen
  const state = signingOf(seen)
  if (state === 'no DS')
    return [
      doubt(
        `${zone} is signed, and the zone above has no DS of it: TLSA counts for nothing until the registrar gets it`,
        'give the registrar the DS that your DNS provider shows',
      ),
    ]
  if (state === 'wrong DS')
    return [
      fault(
        `outage: the DS in the zone above is of no key that ${zone} has: who validates does not find the domain at all`,
        'give the registrar the DS that your DNS provider shows; where the zone is not signed any more, take the DS away there',
      ),
    ]
  // A resolver believes what ended long ago at every server: then it is the clock here that is wrong. unbound 1.17 believes for a day.
  const ends = own.flatMap(({ signatures }) => signatures.map(({ expiration }) => expiration * 1000))
  const clock = resolver === 'authentic' && ends.length > 0 && ends.every((end) => end < now - unboundSkew)
  const troubles = state === 'signed' && !clock ? own.flatMap((one) => atOne(zone, above.flat(), one, now)) : []
  if (troubles.some(({ verdict }) => verdict === 'error') || resolver !== 'bogus') return troubles
  return [
    ...troubles,
    fault(
      `outage: a resolver that validates refuses ${zone} (bogus), and answers without validation: who validates does not find the domain`,
      `look where its chain breaks, then have that zone signed again: delv ${zone} SOA`,
    ),
  ]
}

/** Of one server of a zone whose DS is right. */
function atOne(
  zone: string,
  known: readonly DsData[],
  { server, keys, signatures }: SigningSeen['own'][number],
  now: number,
): readonly Trouble[] {
  const where = `${server.name} (${server.address})`
  if (!hasKey(zone, known, keys))
    return [
      fault(
        `outage at ${where}: it has other keys than the DS in the zone above is of, which other servers of ${zone} have: who validates does not believe it`,
        `the DS is right: have ${server.name} transfer the zone again`,
      ),
    ]
  if (signatures.length === 0)
    return [
      fault(
        `outage at ${where}: it gives out no signatures, and the zone above has a DS of ${zone}`,
        'have the zone signed again, and transferred there; the DS stays as it is',
      ),
    ]
  const [first] = signatures.toSorted((a, b) => a.expiration - b.expiration)
  const { inception, expiration } = first!
  const left = expiration * 1000 - now
  const until = new Date(expiration * 1000).toISOString().replace(':00.000Z', 'Z').replace('.000Z', 'Z')
  if (left <= 0)
    return [
      fault(
        `outage at ${where}: the signatures of ${zone} ended at ${until}: who validates does not find the domain`,
        'have the zone signed again (its signer has stopped: look at its log); the DS stays as it is',
      ),
    ]
  // Who signs at each answer, as some providers do, gives two days from the beginning: that is no sign of a signer that has stopped.
  return left < soon && left < ((expiration - inception) * 1000) / 4
    ? [
        doubt(
          `the signatures of ${zone} at ${where} end at ${until}, and were not renewed: the domain is lost to who validates then`,
          'look why its signer has stopped, and have the zone signed again',
        ),
      ]
    : []
}

/** `val-sig-skew-max` of unbound.conf(5), in milliseconds. */
const unboundSkew = 86_400_000

/** Warned of from three days before the end. */
const soon = 3 * 86_400_000

/** Asks for all of it. A server that does not speak is left out; nothing is thrown for the network. */
export async function lookAtSigning(
  zone: string,
  parent: Authorities | undefined,
  servers: readonly Authority[],
  resolvers: readonly NameServer[],
  asking: QueryOptions,
): Promise<SigningSeen> {
  const [above, own, resolver] = await Promise.all([
    spoken(parent?.servers ?? [], async (server) => {
      const reply = await askServer(server, { name: zone, type: 'DS' }, asking)
      if (reply.rcode !== 'NOERROR' || !reply.authoritative) return undefined
      return reply.answers.flatMap((answer) => (answer.type === 'DS' ? [answer.data] : []))
    }),
    spoken(servers, async (server) => {
      const [keys, soa] = await Promise.all(
        (['DNSKEY', 'SOA'] as const).map((type) => askServer(server, { name: zone, type }, { ...asking, dnssec: true })),
      )
      if ([keys, soa].some((reply) => reply!.rcode !== 'NOERROR' || !reply!.authoritative)) return undefined
      const signatures = [keys!, soa!].flatMap(({ answers }) =>
        answers.flatMap((one) => (one.type === 'RRSIG' ? [one.data] : [])),
      )
      return {
        server,
        keys: keys!.answers.flatMap((answer) => (answer.type === 'DNSKEY' ? [answer.data] : [])),
        // Of several keys, one good signature is enough.
        signatures: [...Map.groupBy(signatures, ({ typeCovered }) => typeCovered).values()].map(
          (all) => all.toSorted((a, b) => b.expiration - a.expiration)[0]!,
        ),
      }
    }),
    believed(zone, resolvers, asking),
  ])
  return { zone, above, own, resolver }
}

/** What each of them says that can be asked and speaks. */
async function spoken<T>(
  servers: readonly Authority[],
  asks: (server: Authority) => Promise<T | undefined>,
): Promise<readonly T[]> {
  const said = await inParallel(8, servers, async (server) => {
    try {
      return await asks(server)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return undefined
    }
  })
  return said.filter((one) => one !== undefined)
}

/** SERVFAIL is asked again without validation, and once more with it: an answer to the second alone means bogus. */
async function believed(zone: string, resolvers: readonly NameServer[], asking: QueryOptions): Promise<SigningSeen['resolver']> {
  for (const resolver of resolvers)
    try {
      const soa = (unchecked: boolean) =>
        askServer(resolver, { name: zone, type: 'SOA' }, { ...asking, recursion: true, dnssec: true, unchecked })
      const first = await soa(false)
      if (first.rcode === 'NOERROR') return first.authentic ? 'authentic' : 'plain'
      if (first.rcode !== 'SERVFAIL' || (await soa(true)).rcode !== 'NOERROR') continue
      if ((await soa(false)).rcode === 'SERVFAIL') return 'bogus'
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
    }
  return undefined
}

const digests: Readonly<Record<number, string>> = { 1: 'sha1', 2: 'sha256', 4: 'sha384' }

const hasKey = (zone: string, known: readonly DsData[], keys: readonly DnskeyData[]): boolean =>
  known.some((ds) => keys.some((key) => isOf(ds, zone, key)))

/** A DS is of a key: RFC 4034 5.1.4. */
function isOf({ keyTag, algorithm, digestType, digest }: DsData, zone: string, key: DnskeyData): boolean {
  const data = Buffer.concat([u16(key.flags), Buffer.from([3, key.algorithm]), key.key])
  const hash = digests[digestType]
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
