import { getServers } from 'node:dns'
import { isIPv6 } from 'node:net'
import type { Answer } from 'dns-packet'
import { askServer, type DnsReply, inParallel, type NameServer, NoAnswer, type Query, type QueryOptions } from './client.ts'

/** A zone and who speaks for it. */
export interface Authorities {
  readonly zone: string
  /** Its name servers, absolute, without the final dot. */
  readonly names: readonly string[]
  /** Each of their addresses. */
  readonly servers: readonly Authority[]
  /** Those without an address: `unknown` where that could not be looked up. */
  readonly nameless: readonly { readonly name: string; readonly unknown?: string }[]
}

/** A name server of a zone, at one address. */
export interface Authority extends NameServer {
  readonly name: string
}

/** Where names are looked up from this machine: as it is told, or where it asks itself. */
export function resolvers(told: string | undefined): readonly NameServer[] {
  return (told === undefined ? getServers() : [told]).map((one) => {
    const [, bracketed, after] = /^\[([^\]]+)\](?::(\d+))?$/.exec(one) ?? []
    if (bracketed !== undefined) return { address: bracketed, port: Number(after ?? 53) }
    const [address = one, port] = isIPv6(one) ? [one] : one.split(':')
    return { address, port: Number(port ?? 53) }
  })
}

/** Asks a resolver, the next one when it does not answer. Throws NoAnswer when none does. */
export async function resolveName(from: readonly NameServer[], query: Query, asking: QueryOptions = {}): Promise<DnsReply> {
  let last: unknown = new NoAnswer('this machine knows no resolver')
  for (const one of from) {
    try {
      const reply = await askServer(one, query, { ...asking, recursion: true })
      if (reply.rcode !== 'SERVFAIL' && reply.rcode !== 'REFUSED') return reply
      last = new NoAnswer(`${one.address} answers ${reply.rcode}`)
    } catch (error) {
      last = error
    }
  }
  throw last
}

/** Which zone a name is in, and who speaks for it. Throws NoAnswer when that cannot be found out, or nobody does. */
export async function authorities(name: string, from: readonly NameServer[]): Promise<Authorities> {
  const zone = await zoneHolding(name, from)
  const found = await nameServers(zone, from)
  const { names, servers } = found
  if (names.length === 0) throw new NoAnswer(`${zone} has no name servers`)
  if (servers.length === 0) throw new NoAnswer(`its name servers, ${names.join(' and ')}, have no address`)
  return found
}

/** The zone that a name of ours is in. Throws NoAnswer where there is none, or none below a top level domain. */
export async function zoneHolding(name: string, from: readonly NameServer[]): Promise<string> {
  const { rcode, zone } = await ownerOf(name, from)
  if (zone === undefined || zone === '.' || !(name === zone || name.endsWith(`.${zone}`)))
    throw new NoAnswer(rcode === 'NXDOMAIN' ? 'there is no such domain' : 'nobody says in which zone it is')
  if (!zone.includes('.')) throw new NoAnswer(`there is no such domain below ${zone}`)
  return zone
}

/** The zone above a zone, and some of its name servers: a top level domain has a dozen, and each says the same. Throws NoAnswer. */
export async function parentOf(zone: string, from: readonly NameServer[], most = 4): Promise<Authorities> {
  const above = zone.split('.').slice(1).join('.')
  const { zone: parent } = await ownerOf(above === '' ? '.' : above, from)
  if (parent === undefined) throw new NoAnswer(`nobody says which zone is above ${zone}`)
  return nameServers(parent, from, most)
}

async function ownerOf(name: string, from: readonly NameServer[]) {
  const { rcode, answers, authorities: above } = await resolveName(from, { name, type: 'SOA' }, byItself)
  const soa = [...answers, ...above].find(({ type }) => type === 'SOA')
  return { rcode, zone: soa === undefined ? undefined : soa.name.toLowerCase() || '.' }
}

/** The name servers of a zone with their addresses, each looked up in its own try. */
async function nameServers(zone: string, from: readonly NameServer[], most = Number.POSITIVE_INFINITY): Promise<Authorities> {
  const names = textOf((await resolveName(from, { name: zone, type: 'NS' }, byItself)).answers, 'NS').slice(0, most)
  const looked = await inParallel(8, names, async (name) => {
    const tries = await Promise.allSettled(
      (['A', 'AAAA'] as const).map(async (type) => textOf((await resolveName(from, { name, type }, byItself)).answers, type)),
    )
    const addresses = tries.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = tries.find((one) => one.status === 'rejected')?.reason as unknown
    if (failed !== undefined && !(failed instanceof NoAnswer)) throw failed
    const nameless = addresses.length > 0 ? [] : [{ name, ...(failed === undefined ? {} : { unknown: failed.message }) }]
    return { nameless, servers: addresses.map((address) => ({ name, address, port: 53 })) }
  })
  return { zone, names, servers: looked.flatMap(({ servers }) => servers), nameless: looked.flatMap((one) => one.nameless) }
}

/** A zone with a wrong DS is found all the same: to be told about it. */
const byItself: QueryOptions = { unchecked: true }

const textOf = (answers: readonly Answer[], type: 'A' | 'AAAA' | 'NS'): readonly string[] =>
  answers
    .flatMap((answer) => (answer.type === type && typeof answer.data === 'string' ? [answer.data.toLowerCase()] : []))
    .toSorted()
