import { once } from '../util/once.ts'
import { lookAtServer, type Speaks, speaks, written } from './at-server.ts'
import { type Family, familyOf, type NameServer, NoAnswer, type QueryOptions } from './client.ts'
import { type Difference, wantedOf } from './compare.ts'
import type { DnsRecord } from './record.ts'
import { type Authorities, type Authority, authorities } from './servers.ts'
import type { Trouble } from './trouble.ts'
import { zoneHealth } from './zone-health.ts'

/** A difference, and which of the zone's name servers have it. */
export interface RecordFinding extends Difference {
  /** Empty when all that answered say the same. */
  readonly at: readonly Authority[]
}

/** What could not be seen: no answer is not “missing”. */
export interface Unknown {
  /** A name server, or the zone. */
  readonly where: string
  readonly why: string
  /** Another name server of the zone was asked, and answered. */
  readonly others: boolean
}

/** How a zone stands. */
export interface ZoneCheck {
  readonly zone: string
  readonly findings: readonly RecordFinding[]
  readonly unknown: readonly Unknown[]
  /** What is wrong with the zone as a whole: its name servers, its DS, its signatures. */
  readonly trouble: readonly Trouble[]
  /** What is good to know, and no fault of the zone. */
  readonly notes: readonly string[]
  /** Who was asked. */
  readonly servers: readonly Authority[]
}

/** Where names are looked up, and how long one waits. */
export interface Look extends QueryOptions {
  readonly resolvers: readonly NameServer[]
}

/** Asks the authoritative name servers of each zone for all of its records, over IPv4 and IPv6, all at once. Never throws for the network. */
export function checkZones(zones: ReadonlyMap<string, readonly DnsRecord[]>, look: Look): Promise<readonly ZoneCheck[]> {
  const check = zonesLook([...zones.keys()], look)
  return Promise.all([...zones].map(([zone, records]) => check(zone, records)))
}

/** One zone: what of these records is missing, wrong or too much at its authoritative name servers. Never throws for the network. */
export const checkZone = (zone: string, records: readonly DnsRecord[], look: Look): Promise<ZoneCheck> =>
  zonesLook([zone], look)(zone, records)

/**
 * Asks about records of these zones. Who speaks for them, whether they are in order as a whole, and which family of addresses this
 * machine has no way to, is found out once.
 */
export function zonesLook(
  zones: readonly string[],
  look: Look,
): (zone: string, records: readonly DnsRecord[]) => Promise<ZoneCheck> {
  const found = once(async () => {
    const all = new Map(await Promise.all(zones.map(async (zone) => [zone, await find(zone, look)] as const)))
    const blind = blindFamilies([...all.values()].flatMap((one) => ('speaking' in one ? one.speaking : [])))
    const health = new Map(
      [...all].map(([zone, one]) => [
        zone,
        once(async () => ('speaking' in one ? zoneHealth(one.at, sighted(one.speaking, blind), look) : undefined)),
      ]),
    )
    return { all, blind, health }
  })
  return async (zone, records) => {
    const { all, blind, health } = await found()
    const one = all.get(zone)
    if (one === undefined) throw new Error(`${zone} is not one of the zones that are looked at`)
    if ('why' in one)
      return { zone, findings: [], unknown: [{ where: zone, why: one.why, others: false }], trouble: [], notes: [], servers: [] }
    const [checked, { trouble = [], notes = [] } = {}] = await Promise.all([
      checkAt(zone, records, one, blind, look),
      health.get(zone)!(),
    ])
    return { ...checked, trouble, notes: [...checked.notes, ...notes] }
  }
}

/** Who is asked about a zone, and whether each speaks for it; or why nobody can be. */
type Found = { readonly at: Authorities; readonly speaking: readonly Spoken[] } | { readonly why: string }

type Spoken = Speaks & { readonly server: Authority }

async function find(zone: string, look: Look): Promise<Found> {
  try {
    const at = await authorities(zone, look.resolvers)
    const speaking = await Promise.all(at.servers.map(async (server) => ({ server, ...(await speaks(server, at.zone, look)) })))
    return { at, speaking }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { why: error.message }
  }
}

/** The families of addresses over which nothing at all came back, while the other one works: that is this machine, or its network. */
export function blindFamilies(speaking: readonly Spoken[]): ReadonlySet<Family> {
  const of = (family: Family) => speaking.filter(({ server }) => familyOf(server.address) === family)
  const works = (all: readonly Spoken[]) => all.some((one) => one.type !== 'unknown' || !one.silent)
  return new Set((['IPv4', 'IPv6'] as const).filter((family) => of(family).length > 0 && !works(of(family)) && works(speaking)))
}

const sighted = (speaking: readonly Spoken[], blind: ReadonlySet<Family>): readonly Spoken[] =>
  speaking.filter(({ server }) => !blind.has(familyOf(server.address)))

async function checkAt(
  zone: string,
  records: readonly DnsRecord[],
  { at, speaking }: Extract<Found, { readonly at: Authorities }>,
  blind: ReadonlySet<Family>,
  look: Look,
): Promise<Omit<ZoneCheck, 'trouble'>> {
  const wanted = wantedOf(records)
  const seen = sighted(speaking, blind)
  const looked = await Promise.all(
    seen.map(async (one) => ({
      ...one,
      ...(one.type === 'speaks' ? await lookAtServer(one.server, wanted, look) : { why: [one.why] }),
    })),
  )
  const answered = looked.filter((one) => 'seen' in one)
  const others = answered.length > 0
  const excused = speaking.filter((one) => !seen.includes(one))
  // One that answers without the zone is a fault of the zone where others speak, which its health reports. Where none does, it may
  // as well be this network, which answers in their place.
  const unsaid = looked.filter(({ type, why }) => why.length > 0 && !(type === 'lame' && others))
  return {
    zone,
    findings: merged(answered.map(({ server, seen: differences = [] }) => ({ server, found: differences }))),
    unknown: [
      ...unsaid.flatMap(({ server, why }) => why.map((text) => ({ where: written(server), why: text, others }))),
      ...at.nameless.flatMap(({ name, unknown }) =>
        unknown === undefined ? [] : [{ where: name, why: `its address cannot be looked up: ${unknown}`, others }],
      ),
    ],
    notes: [
      ...(excused.length === 0
        ? []
        : [
            `not asked over ${[...new Set(excused.map(({ server }) => familyOf(server.address)))].join(' and ')} (${excused.map(({ server }) => server.address).join(', ')}): this machine has no way there`,
          ]),
      ...(seen.length > 0 && seen.every(({ type }) => type === 'lame')
        ? [
            'every name server answers without speaking for it: a network that answers DNS itself looks like that; ask from another one',
          ]
        : []),
    ],
    servers: at.servers,
  }
}

/** The same difference at several name servers is one. */
function merged(all: readonly { readonly server: Authority; readonly found: readonly Difference[] }[]): readonly RecordFinding[] {
  const byText = new Map<string, { readonly one: Difference; readonly at: Authority[] }>()
  for (const { server, found } of all)
    for (const one of found) {
      const key = JSON.stringify([
        one.state,
        one.name,
        one.type,
        one.record?.data,
        one.seen.map(({ type, data }) => [type, data]),
      ])
      const known = byText.get(key)
      if (known === undefined) byText.set(key, { one, at: [server] })
      else known.at.push(server)
    }
  return [...byText.values()].map(({ one, at }) => ({ ...one, at: at.length === all.length ? [] : at }))
}
