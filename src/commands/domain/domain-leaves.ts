import { isEmpty } from '../../dns/changes.ts'
import { purpose } from '../../dns/meaning.ts'
import { plannedChange } from '../../dns/planned.ts'
import { providerOf, publishingKeys } from '../../dns/providers.ts'
import type { DnsRecord, Said } from '../../dns/record.ts'
import { goneRecords } from '../../dns/records.ts'
import { resolvers } from '../../dns/servers.ts'
import type { Inventory, Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { changeLines, publishZones } from '../dns/dns-publish.ts'
import { hostFacts } from '../dns/dns-wanted.ts'

/** What of ours is in the zones and goes with a change of the inventory. */
export interface Leaving {
  /** As it is shown before the question. */
  readonly lines: readonly string[]
  /** Takes it out, and waits until no name server has it any more. Returns the exit code. */
  take(): Promise<number>
}

/** The records of a domain that leaves, those that are there: with what only the host knows, its DKIM keys. */
export async function leaving(
  { server: before, store }: Pick<Inventory, 'server' | 'store'>,
  after: Server,
  options: OpenOptions,
  io: Io,
): Promise<Leaving> {
  const { facts } = await hostFacts(options, io)
  await store.open()
  await store.ensure(publishingKeys(before))
  const provider = providerOf(before, resolvers(before.dns.lookup))
  const there = await Promise.all(
    [...goneRecords(before, after, facts)].map(async ([zone, gone]) => {
      const [mx = []] = await provider.look(zone, [{ name: zone, type: 'MX', records: [] }])
      const records = ofThisServer(gone, mx, before.mail.hostname)
      return { zone, records, change: (await plannedChange(provider, zone, records)).change }
    }),
  )
  const zones = new Map(there.filter(({ change }) => !isEmpty(change)).map(({ zone, records }) => [zone, records]))
  return {
    lines: there.flatMap(({ change }) => changeLines(change, [])),
    take: async () =>
      zones.size === 0 ? 0 : publishZones({ server: before, store, zones }, { ...options, yes: true, others: 'enough' }, io),
  }
}

/** Where its mail goes to another server by now, what does not name this one may be in that one's use: it stays. */
export function ofThisServer(gone: readonly DnsRecord[], mx: readonly Said[], hostname: string): readonly DnsRecord[] {
  if (mx.every(({ data }) => data.endsWith(` ${hostname}.`))) return gone
  return gone.filter((record) => !/^(?:TXT (?:spf1|dmarc1|tlsrptv1)|CAA .*)$/.test(purpose(record)))
}
