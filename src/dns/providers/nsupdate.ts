import { isIP } from 'node:net'
import { ProvisionError } from '../../errors.ts'
import type { Server } from '../../inventory/inventory.ts'
import { seenAt } from '../at-server.ts'
import { isEmpty } from '../changes.ts'
import { inParallel, type NameServer, NoAnswer } from '../client.ts'
import { resolveName, zoneHolding } from '../servers.ts'
import { Refused, type TsigKey, update } from '../update.ts'
import type { Provider } from './provider.ts'

type Nsupdate = Extract<Server['dns'], { readonly provider: 'nsupdate' }>

/** A name server of one's own, which takes signed updates. */
export function nsupdate(dns: Nsupdate, resolvers: readonly NameServer[]): Provider {
  const { name, algorithm, secret } = dns.publish?.key ?? dns.key
  const where = dns.port === 53 ? dns.server : `${dns.server} port ${dns.port}`
  const server = addressOf(dns.server, resolvers).then((address) => ({ address, port: dns.port }))
  // Told when it is first needed.
  server.catch(() => undefined)
  const key = (): TsigKey => ({ name, algorithm, secret: secret.reveal() })
  const failing = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof Refused) throw new ProvisionError(where, `${what}: ${error.message}`, hintOf(secret.name))
      if (error instanceof NoAnswer)
        throw new ProvisionError(where, `${what}: ${error.message}`, 'look with “provision dns check”, and run it again')
      throw error
    }
  }
  return {
    name: where,
    look: (zone, wanted) =>
      failing(`what it has of ${zone} is unknown`, async () => {
        const at = await server
        return inParallel(16, wanted, (one) => seenAt(at, one))
      }),
    publish: async (change, records) => {
      if (isEmpty(change)) return
      await failing(`the update of ${change.zone}`, async () => {
        // A domain may be a part of a zone.
        const zone = await zoneHolding(change.zone, resolvers)
        // A wildcard may have answered for an address, and it stops where something new stands. Adding what is there changes nothing.
        const addresses = records.filter(({ type, absent }) => !absent && (type === 'A' || type === 'AAAA'))
        await update(await server, { ...change, zone, add: [...change.add, ...addresses] }, key())
      })
    },
  }
}

const hintOf = (secret: string): string =>
  `the key is the inventory’s dns.key, its secret is ${secret} (provision secrets set ${secret})`

async function addressOf(server: string, resolvers: readonly NameServer[]): Promise<string> {
  if (isIP(server) !== 0) return server
  for (const type of ['A', 'AAAA'] as const)
    for (const answer of (await resolveName(resolvers, { name: server, type })).answers)
      if (answer.type === type) return answer.data as string
  throw new NoAnswer(`${server} has no address`)
}
