import { type Speaks, written } from './at-server.ts'
import { familyOf, type NameServer, NoAnswer, type QueryOptions } from './client.ts'
import { delegationAbove, delegationTroubles, ownNames, serverAddresses } from './delegation.ts'
import { type Authorities, type Authority, authorities, parentOf } from './servers.ts'
import { lookAtSigning, type Signing, signingOf, signingTroubles } from './signing.ts'
import type { Trouble } from './trouble.ts'

type Spoken = Speaks & { readonly server: Authority }

/**
 * What is wrong with a zone as a whole: its name servers against what the zone above says of them, its DS, its signatures. What cannot be
 * seen is left out: those servers are reported by who asked them. Never throws for the network.
 */
export async function zoneHealth(
  at: Authorities,
  speaking: readonly Spoken[],
  look: QueryOptions & { readonly resolvers: readonly NameServer[] },
): Promise<{ readonly trouble: readonly Trouble[]; readonly notes: readonly string[] }> {
  const { zone } = at
  const well = speaking.flatMap(({ type, server }) => (type === 'speaks' ? [server] : []))
  const families = new Set(well.map(({ address }) => familyOf(address)))
  const reached = ({ address }: Authority) => families.size === 0 || families.has(familyOf(address))
  const above = await parentOf(zone, look.resolvers).then(
    (found) => ({ ...found, servers: found.servers.filter(reached) }),
    (error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error
      return undefined
    },
  )
  const [delegated, own, signing] = await Promise.all([
    above === undefined ? undefined : delegationAbove(zone, above, look),
    ownNames(zone, well, look),
    lookAtSigning(zone, above, well, look.resolvers, look),
  ])
  // In a network that answers in their place nobody speaks; over a family where others speak it is the server itself.
  const lame = speaking.flatMap((one) =>
    one.type === 'lame' && families.has(familyOf(one.server.address)) ? [{ server: one.server, why: one.why }] : [],
  )
  const addresses = serverAddresses(at.servers)
  return {
    trouble: [
      ...delegationTroubles({
        zone,
        above: own.length === 0 ? undefined : delegated,
        own,
        addresses,
        nameless: at.nameless,
        lame,
      }),
      ...signingTroubles(signing, Date.now()),
    ],
    notes: serials(speaking),
  }
}

/** How a zone is signed, and nothing else of it. Throws NoAnswer when nobody who speaks for it can be asked. */
export async function signingAlone(
  name: string,
  resolvers: readonly NameServer[],
): Promise<{ readonly signing: Signing; readonly trouble: readonly Trouble[] }> {
  const { zone, servers } = await authorities(name, resolvers)
  const seen = await lookAtSigning(zone, await parentOf(zone, resolvers), servers, resolvers, {})
  const signing = signingOf(seen)
  if (signing === undefined) throw new NoAnswer('too few of the name servers speak for it')
  return { signing, trouble: signingTroubles(seen, Date.now()) }
}

/** A server whose copy is older than that of others. Every change looks like that for a moment. */
function serials(speaking: readonly Spoken[]): readonly string[] {
  const bySerial = Map.groupBy(
    speaking.flatMap((one) => (one.type === 'speaks' ? [one] : [])),
    ({ serial }) => serial,
  )
  if (bySerial.size < 2) return []
  const said = [...bySerial].map(([serial, all]) => `${serial} at ${all.map(({ server }) => written(server)).join(' and ')}`)
  return [
    `its name servers have copies of different age, serial ${said.join(', ')}: look again in an hour, then at their transfers`,
  ]
}
