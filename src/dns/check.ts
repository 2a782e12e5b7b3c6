import { once } from '../once.ts'
import { lookAt, type Speaks, speaks, written } from './at-server.ts'
import { type Asking, type NameServer, NoAnswer } from './client.ts'
import { type Difference, wantedOf } from './compare.ts'
import type { DnsRecord } from './records.ts'
import { type Authorities, type Authority, authorities } from './servers.ts'
import { signing, signingTrouble } from './signing.ts'

/** A difference, and which of the zone's name servers have it. */
export interface Finding extends Difference {
  /** Empty when all that answered say the same. */
  readonly at: readonly Authority[]
}

/** What could not be seen: no answer is not “missing”. */
export interface Unknown {
  /** A name server, or the zone. */
  readonly where: string
  readonly why: string
}

/** How a zone stands. */
export interface ZoneCheck {
  readonly zone: string
  readonly findings: readonly Finding[]
  readonly unknown: readonly Unknown[]
  /** What is wrong with the zone as a whole: its DS. */
  readonly trouble: readonly string[]
  /** What is good to know, and no fault of the zone. */
  readonly notes: readonly string[]
  /** Who was asked. */
  readonly servers: readonly Authority[]
}

/** Where names are looked up, and how long one waits. */
export interface Look extends Asking {
  readonly resolvers: readonly NameServer[]
}

/** Asks the authoritative name servers of each zone for all of its records, over IPv4 and IPv6, all at once. */
export function checkZones(zones: ReadonlyMap<string, readonly DnsRecord[]>, look: Look): Promise<readonly ZoneCheck[]> {
  return Promise.all([...zones].map(([zone, records]) => checkZone(zone, records, look)))
}

/** One zone: what of these records is missing, wrong or too much at its authoritative name servers. Never throws for the network. */
export const checkZone = (zone: string, records: readonly DnsRecord[], look: Look): Promise<ZoneCheck> =>
  zoneLook(zone, look)(records)

/** Asks about records of one zone. Who speaks for the zone, and whether it is in order as a whole, is found out once. */
export function zoneLook(zone: string, look: Look): (records: readonly DnsRecord[]) => Promise<ZoneCheck> {
  const found = once(async () => {
    const { servers, names } = await authorities(zone, look.resolvers)
    const trouble = signed(zone, servers, look)
    const speaking = await Promise.all(servers.map(async (server) => ({ server, ...(await speaks(server, zone, look)) })))
    return { servers, names, speaking, trouble: await trouble }
  })
  return async (records) => {
    try {
      return await checkAt(zone, records, await found(), look)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      return { zone, findings: [], unknown: [{ where: zone, why: error.message }], trouble: [], notes: [], servers: [] }
    }
  }
}

interface Found extends Pick<Authorities, 'servers' | 'names'> {
  readonly speaking: readonly (Speaks & { readonly server: Authority })[]
  readonly trouble: readonly string[]
}

async function checkAt(
  zone: string,
  records: readonly DnsRecord[],
  { servers, names, speaking, trouble }: Found,
  look: Look,
): Promise<ZoneCheck> {
  const wanted = wantedOf(records)
  const looked = await Promise.all(
    speaking.map(async (one) => ({
      ...one,
      ...(one.why === undefined ? await lookAt(one.server, wanted, look) : { why: [one.why] }),
    })),
  )
  const answered = looked.filter(({ seen }) => seen !== undefined)
  // A machine without IPv6 can say nothing about IPv6; that is no fault of the zone, as long as each server was asked somehow.
  const blind = looked.filter(({ noWay }) => noWay)
  const excused = blind.filter(({ server }) => answered.some((other) => other.server.name === server.name))
  const unknown = looked
    .filter((one) => one.why.length > 0 && !excused.includes(one))
    .flatMap(({ server, why }) => why.map((text) => ({ where: written(server), why: text })))
  return {
    zone,
    findings: merged(answered.map(({ server, seen }) => ({ server, found: seen ?? [] }))),
    unknown,
    trouble,
    notes:
      excused.length === 0
        ? []
        : [`not asked at ${excused.map(({ server }) => server.address).join(', ')}: this machine has no way there`],
    servers: answered.length > 0 || names.length > 0 ? servers : [],
  }
}

/** What is wrong with its DS. Where that cannot be seen, the zone’s own servers are told of already. */
async function signed(zone: string, servers: readonly Authority[], { resolvers }: Look): Promise<readonly string[]> {
  for (const server of servers)
    try {
      const trouble = signingTrouble(zone, await signing(zone, server, resolvers))
      return trouble === undefined ? [] : [trouble]
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
    }
  return []
}

/** The same difference at several name servers is one. */
function merged(all: readonly { readonly server: Authority; readonly found: readonly Difference[] }[]): readonly Finding[] {
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
