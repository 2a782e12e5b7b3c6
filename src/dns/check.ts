import { type Asking, ask, inParallel, type NameServer, NoAnswer } from './client.ts'
import { type Difference, differences, type Wanted, wantedOf } from './compare.ts'
import { dataOf, partsOf } from './data.ts'
import type { Said } from './meaning.ts'
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
export async function checkZone(zone: string, records: readonly DnsRecord[], look: Look): Promise<ZoneCheck> {
  try {
    return await checkAt(zone, records, await authorities(zone, look.resolvers), look)
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { zone, findings: [], unknown: [{ where: zone, why: error.message }], trouble: [], notes: [], servers: [] }
  }
}

/** What one name server says there is at a name; without aliases that lead to the same. Throws NoAnswer. */
export async function seenAt(server: NameServer, { name, type }: Wanted, asking: Asking = {}): Promise<readonly Said[]> {
  const { rcode, authoritative, answers } = await ask(server, { name, type }, asking)
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new NoAnswer(`it answers ${rcode}`)
  if (!authoritative) throw new NoAnswer('it does not speak for the zone')
  const own = answers.flatMap((answer): readonly Said[] => {
    const data = answer.name.toLowerCase() === name ? dataOf(answer) : undefined
    if (data === undefined) return []
    const said: Said = { name, type: answer.type as Said['type'], data }
    return [answer.type === 'TXT' ? { ...said, parts: partsOf(answer) } : said]
  })
  if (own.every((said) => said.type !== 'CNAME')) return own.filter((said) => said.type === type)
  // For a web site an alias is as good as what it leads to. A mail server may have none: RFC 2181, 10.3.
  const led = answers.flatMap((answer): readonly Said[] => {
    const data = answer.type === type ? dataOf(answer) : undefined
    return data === undefined ? [] : [{ name, type, data }]
  })
  return led.length > 0 ? led : own
}

/** So many questions are under way at one name server: more look like an attack. */
const atOnce = 24

async function checkAt(
  zone: string,
  records: readonly DnsRecord[],
  { servers, names }: Authorities,
  look: Look,
): Promise<ZoneCheck> {
  const wanted = wantedOf(records)
  const trouble = signed(zone, servers, look)
  const looked = await Promise.all(servers.map(async (server) => ({ server, ...(await lookAt(server, zone, wanted, look)) })))
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
    trouble: await trouble,
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

interface Looked {
  readonly seen?: readonly Difference[] | undefined
  readonly why: readonly string[]
  readonly noWay: boolean
}

/** First whether it speaks for the zone at all: one that is down is waited for once. */
async function lookAt(server: Authority, zone: string, wanted: readonly Wanted[], look: Look): Promise<Looked> {
  try {
    const { rcode, authoritative } = await ask(server, { name: zone, type: 'SOA' }, look)
    if (rcode !== 'NOERROR' || !authoritative)
      return { why: [`it does not speak for ${zone}${rcode === 'NOERROR' ? '' : `: ${rcode}`}`], noWay: false }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { why: [error.message], noWay: error.unreachable }
  }
  const why: string[] = []
  const seen = await inParallel(atOnce, wanted, async (one) => {
    try {
      return differences(one, await seenAt(server, one, look))
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      why.push(`${one.name} ${one.type}: ${error.message}`)
      return []
    }
  })
  return { seen: seen.flat(), why, noWay: false }
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

/** A name server as it is told. */
export const written = ({ name, address }: Authority): string => `${name} (${address})`
