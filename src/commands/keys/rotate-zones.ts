import { seenAt } from '../../dns/at-server.ts'
import { checkZones } from '../../dns/check.ts'
import { NoAnswer } from '../../dns/client.ts'
import { recordDifferences, wantedOf } from '../../dns/compare.ts'
import type { DnsRecord, HostFacts } from '../../dns/record.ts'
import { desiredRecords, goneRecords } from '../../dns/records.ts'
import { retired } from '../../dns/rotation.ts'
import { authorities, resolvers } from '../../dns/servers.ts'
import { recordText } from '../../dns/zone.ts'
import { ProvisionError } from '../../errors.ts'
import { checkLines, exitCode } from '../../ui/zones.ts'
import { once } from '../../util/once.ts'
import { hostFacts } from '../dns/dns-wanted.ts'
import type { Held, Those } from './rotate-held.ts'

/** Of some zones the records that a move is about. */
export type Zones = ReadonlyMap<string, readonly DnsRecord[]>

/** What stands, or shall stand, where one finds the next keys. Throws ProvisionError when the host has not made them. */
export async function nextRecords(held: Held, those: Those): Promise<Zones> {
  const { what, found } = held
  const facts = await factsOf(held)
  const without = those.find(({ name, rotation }) => !what.has(facts, name, rotation.next!))
  if (without !== undefined)
    throw new ProvisionError(
      without.name,
      `the host has no key ${without.rotation.next}`,
      `provision --host ${found.inventory.name} --only ${what.concerns.join()} makes it`,
    )
  return only(desiredRecords(found.inventory.server, facts), namesOf(held, those, 'next'))
}

/** The records of the retired keys, as records that shall go: of those that the host still has. */
export async function retiredRecords(held: Held, those: Those): Promise<Zones> {
  const { what, found } = held
  const { file, server } = found.inventory
  const after = what.edit(new Map(those.map(({ name, rotation }) => [name, retired(rotation)])))(file, found.text).server
  return only(goneRecords(server, after, await factsOf(held)), namesOf(held, those, 'retired'))
}

/**
 * How long others may keep what stands at these names and is to be replaced, in seconds: the largest TTL that a name server gives, 0
 * where nothing is replaced. A server that cannot be asked is reported by who asks whether it shows the next key.
 */
export async function keptFor({ found }: Held, zones: Zones): Promise<ReadonlyMap<string, number>> {
  const from = resolvers(found.inventory.server.dns.lookup)
  const looked = [...zones].flatMap(([zone, records]) => {
    const servers = once(() => authorities(zone, from).then((all) => all.servers, none))
    return wantedOf(records).map(async (one) => {
      const said = await Promise.all((await servers()).map((server) => seenAt(server, one).catch(none)))
      // Where the next key stands already, what was there before it was looked at by the run that has published it.
      const before = said.filter((all) => recordDifferences(one, all).some(({ longer }) => !longer))
      return [one.name, Math.max(0, ...before.flat().map(({ ttl = 0 }) => ttl))] as const
    })
  })
  return new Map(await Promise.all(looked))
}

function none(error: unknown): readonly never[] {
  if (error instanceof NoAnswer) return []
  throw error
}

/** Whether every name server has it so: 0, 2 when one has not, 1 when one could not be asked, which is told. */
export async function seen({ found, io }: Held, zones: Zones): Promise<0 | 1 | 2> {
  const checks = await checkZones(zones, { resolvers: resolvers(found.inventory.server.dns.lookup) })
  const code = exitCode(
    checks.map((check) => ({
      ...check,
      trouble: [],
      // A TTL that is too long is waited for, and stops nothing.
      findings: check.findings.filter(({ state, ours, longer }) => (state !== 'extra' || ours) && !longer),
    })),
  )
  if (code === 1) io.report.diff(checks.flatMap(checkLines))
  return code
}

/** Somebody else writes the zones: says what is to be done there, and that the same command goes on. Returns the exit code. */
export function byHand({ what, found, io }: Held, zones: Zones): 0 {
  const records = [...zones.values()].flat()
  const verb = records.some(({ absent }) => absent) ? 'take out' : 'publish'
  io.report.diff([`; to ${verb} where the zone is kept`, ...records.map(recordText)])
  io.report.say(`once every name server has it so, provision ${what.word} rotate --host ${found.inventory.name} goes on`)
  return 0
}

const factsOf = async ({ options, io }: Held): Promise<HostFacts> => (await hostFacts(options, io)).facts

/** Where one finds the keys that come or go. */
const namesOf = ({ what }: Held, those: Those, which: 'next' | 'retired'): ReadonlySet<string> =>
  new Set(those.map(({ name, rotation }) => what.record(name, rotation[which]!)))

const only = (zones: Zones, names: ReadonlySet<string>): Zones =>
  new Map(
    [...zones]
      .map(([zone, records]) => [zone, records.filter(({ name }) => names.has(name))] as const)
      .filter(([, records]) => records.length > 0),
  )
