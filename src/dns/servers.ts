import { getServers } from 'node:dns'
import { isIPv6 } from 'node:net'
import type { Answer } from 'dns-packet'
import { type Asking, ask, inParallel, type NameServer, NoAnswer, type Query, type Reply } from './client.ts'

/** A zone and who speaks for it. */
export interface Authorities {
  readonly zone: string
  /** Its name servers, absolute, without the final dot. */
  readonly names: readonly string[]
  /** Each of their addresses. */
  readonly servers: readonly Authority[]
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
export async function lookUp(from: readonly NameServer[], query: Query, asking: Asking = {}): Promise<Reply> {
  let last: unknown = new NoAnswer('this machine knows no resolver')
  for (const one of from) {
    try {
      const reply = await ask(one, query, { ...asking, recursion: true })
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
  const { rcode, answers, authorities: above } = await lookUp(from, { name, type: 'SOA' }, byItself)
  const soa = [...answers, ...above].find(({ type }) => type === 'SOA')
  const zone = soa?.name.toLowerCase()
  if (zone === undefined || zone === '' || zone === '.' || !(name === zone || name.endsWith(`.${zone}`)))
    throw new NoAnswer(rcode === 'NXDOMAIN' ? 'there is no such domain' : 'nobody says in which zone it is')
  if (!zone.includes('.')) throw new NoAnswer(`there is no such domain below ${zone}`)
  const names = textOf((await lookUp(from, { name: zone, type: 'NS' }, byItself)).answers, 'NS')
  if (names.length === 0) throw new NoAnswer(`${zone} has no name servers`)
  const addressed = names.flatMap((one) => (['A', 'AAAA'] as const).map((type) => ({ one, type })))
  const found = await inParallel(8, addressed, async ({ one, type }) =>
    textOf((await lookUp(from, { name: one, type }, byItself)).answers, type).map((address) => ({
      name: one,
      address,
      port: 53,
    })),
  )
  const servers = found.flat()
  if (servers.length === 0) throw new NoAnswer(`its name servers, ${names.join(' and ')}, have no address`)
  return { zone, names, servers }
}

/** A zone with a wrong DS is found all the same: to be told about it. */
const byItself: Asking = { unchecked: true }

const textOf = (answers: readonly Answer[], type: 'A' | 'AAAA' | 'NS'): readonly string[] =>
  answers
    .flatMap((answer) => (answer.type === type && typeof answer.data === 'string' ? [answer.data.toLowerCase()] : []))
    .toSorted()
