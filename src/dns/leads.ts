import type { Server } from '../inventory/inventory.ts'
import { shortest } from '../util/addresses.ts'
import { seenAt } from './at-server.ts'
import { NoAnswer } from './client.ts'
import { dataOf } from './data.ts'
import { authorities, resolveName, resolvers } from './servers.ts'

/**
 * Why a name does not lead to this server, as the name servers of its zone say, not a cache; undefined when it does, or when that
 * cannot be seen.
 */
export async function leadsElsewhere(
  name: string,
  { address, address6, dns, domains }: Pick<Server, 'address' | 'address6' | 'dns' | 'domains'>,
): Promise<string | undefined> {
  const from = resolvers(dns.lookup)
  const ours = [address, ...(address6 === undefined ? [] : [shortest(address6)])]
  const domain = domains.find((one) => name.endsWith(`.${one.name}`))?.name ?? name
  try {
    const { servers } = await authorities(domain, from)
    const seen = await firstAnswer(servers, (server) =>
      Promise.all((['A', 'AAAA'] as const).map((type) => seenAt(server, { name, type, records: [] }))),
    )
    const said = seen.flat()
    // An alias into another zone.
    const all = said.some(({ type }) => type === 'CNAME')
      ? (await Promise.all((['A', 'AAAA'] as const).map((type) => resolveName(from, { name, type }, { unchecked: true }))))
          .flatMap(({ answers }) => answers)
          .flatMap((answer) => (answer.type === 'A' || answer.type === 'AAAA' ? [dataOf(answer)!] : []))
      : said.map(({ data }) => data)
    const other = all.filter((one) => !ours.includes(one))
    if (all.length === 0) return 'its name has no address yet'
    return other.length === 0 ? undefined : `its name leads to ${other.join(' and ')}, and not to this server alone`
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return /there is no such domain/.test(error.message) ? error.message : undefined
  }
}

/** What the first of them says that can be asked. Throws NoAnswer when none can. */
async function firstAnswer<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<R> {
  let last: unknown = new NoAnswer('nobody could be asked')
  for (const one of all)
    try {
      return await ask(one)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      last = error
    }
  throw last
}
