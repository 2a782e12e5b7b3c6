import { shortest } from '../util/addresses.ts'
import { askServer, type DnsReply, NoAnswer, type QueryOptions } from './client.ts'
import type { Authorities, Authority } from './servers.ts'
import { doubt, fault, type Trouble } from './trouble.ts'

/** What is said of a zone's name servers: by the zone above, and by the zone itself. */
export interface Delegation {
  readonly zone: string
  /** Undefined where the zone above does not show it: one of its servers has the zone itself. */
  readonly above: { readonly names: readonly string[]; readonly glue: ReadonlyMap<string, readonly string[]> } | undefined
  readonly own: readonly string[]
  /** The addresses of each name server, as they were looked up. */
  readonly addresses: ReadonlyMap<string, readonly string[]>
  /** Name servers without an address, as they were looked up. */
  readonly nameless: Authorities['nameless']
  /** Those that answer and do not have the zone, where others of the same family do. */
  readonly lame: readonly { readonly server: Authority; readonly why: string }[]
}

/** What is wrong with a delegation, each with its next move. Pure. */
export function delegationTroubles({ zone, above, own, addresses, nameless, lame }: Delegation): readonly Trouble[] {
  const only = (names: readonly string[], others: readonly string[]) => names.filter((name) => !others.includes(name))
  const [upper, lower] = above === undefined ? [[], []] : [only(above.names, own), only(own, above.names)]
  return [
    ...nameless
      .filter(({ unknown }) => unknown === undefined)
      .map(({ name }) =>
        fault(
          `its name server ${name} has no address: whoever registers or controls ${parentName(name)} can answer for ${zone}`,
          `take ${name} out of the NS records of ${zone}, and at the registrar`,
        ),
      ),
    ...lame.map(({ server, why }) =>
      fault(
        `its name server ${server.name} (${server.address}) is lame: ${why}`,
        `load the zone there, or take ${server.name} out of the NS records of ${zone}, and at the registrar; its DS stays as it is`,
      ),
    ),
    ...(upper.length === 0
      ? []
      : [
          doubt(
            `the zone above also names ${upper.join(' and ')} as its name server, and ${zone} does not`,
            `take ${upper.join(' and ')} out at the registrar, or add it to the NS records of ${zone}`,
          ),
        ]),
    ...(lower.length === 0
      ? []
      : [
          doubt(
            `${zone} also names ${lower.join(' and ')} as its name server, and the zone above does not`,
            `add ${lower.join(' and ')} at the registrar, or take it out of the NS records of ${zone}`,
          ),
        ]),
    ...[...(above?.glue ?? [])].flatMap(([name, glue]) => {
      const real = addresses.get(name)
      const wrong = real === undefined ? [] : glue.filter((address) => !real.includes(address))
      return wrong.length === 0
        ? []
        : [
            fault(
              `the zone above sends those who look for ${zone} to ${wrong.join(' and ')} (glue of ${name}), which is now at ${real!.join(' and ')}`,
              `change the address of ${name} at the registrar (host objects, glue)`,
            ),
          ]
    }),
  ]
}

/** What the zone above says of it: asked at its own servers, and never of a cache. Undefined where none of them shows it. */
export async function delegationAbove(zone: string, parent: Authorities, asking: QueryOptions): Promise<Delegation['above']> {
  for (const server of parent.servers) {
    const reply = await answerOf(() => askServer(server, { name: zone, type: 'NS' }, asking))
    if (reply === undefined || reply.rcode !== 'NOERROR' || reply.authoritative) continue
    const names = namesIn(reply.authorities, zone)
    if (names.length > 0) return { names, glue: addressesIn(reply.additionals, names) }
  }
  return undefined
}

/** The name servers that the zone itself names, by all of its servers that speak. */
export async function ownNames(zone: string, servers: readonly Authority[], asking: QueryOptions): Promise<readonly string[]> {
  const replies = await Promise.all(
    servers.map((server) => answerOf(() => askServer(server, { name: zone, type: 'NS' }, asking))),
  )
  return [...new Set(replies.flatMap((reply) => (reply?.authoritative ? namesIn(reply.answers, zone) : [])))].toSorted()
}

/** Addresses by the name of the server that has them. */
export const serverAddresses = (servers: readonly Authority[]): ReadonlyMap<string, readonly string[]> =>
  new Map([...Map.groupBy(servers, ({ name }) => name)].map(([name, all]) => [name, all.map(({ address }) => shortest(address))]))

/** The name below which a name server's own name is: who has that has the server. */
const parentName = (name: string): string => name.split('.').slice(1).join('.') || name

async function answerOf(asks: () => Promise<DnsReply>): Promise<DnsReply | undefined> {
  try {
    return await asks()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return undefined
  }
}

const namesIn = (answers: DnsReply['answers'], zone: string): readonly string[] =>
  [
    ...new Set(
      answers.flatMap((answer) =>
        answer.type === 'NS' && answer.name.toLowerCase() === zone ? [answer.data.toLowerCase().replace(/\.$/, '')] : [],
      ),
    ),
  ].toSorted()

function addressesIn(answers: DnsReply['answers'], names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const found = answers.flatMap((answer) =>
    answer.type === 'A' || answer.type === 'AAAA' ? [{ name: answer.name.toLowerCase(), address: shortest(answer.data) }] : [],
  )
  return new Map(
    [...Map.groupBy(found, ({ name }) => name)]
      .filter(([name]) => names.includes(name))
      .map(([name, all]) => [name, all.map(({ address }) => address).toSorted()]),
  )
}
