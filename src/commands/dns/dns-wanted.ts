import { readFacts } from '../../dns/facts.ts'
import { publishingKeys } from '../../dns/providers.ts'
import type { DnsRecord, HostFacts } from '../../dns/record.ts'
import { desiredRecords } from '../../dns/records.ts'
import { ProvisionError } from '../../errors.ts'
import { type Inventory, loadInventory, type Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import { open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'

/** What the commands about the DNS may be told. */
export interface DnsOptions extends OpenOptions {
  /** One domain, else all. */
  readonly domain?: string | undefined
  /** Without the host: its keys are not among the records. */
  readonly offline?: boolean | undefined
}

/** An inventory, and the records that its zones should have. */
export interface WantedZones {
  readonly server: Server
  readonly store: Inventory['store']
  readonly zones: ReadonlyMap<string, readonly DnsRecord[]>
}

/** What should be published of these domains, with what the host alone knows. Throws ProvisionError. */
export async function wantedZones(options: DnsOptions, io: Io): Promise<WantedZones> {
  const { server, store, facts } = options.offline ? await unasked(options, io) : await hostFacts(options, io)
  const all = desiredRecords(server, facts)
  const { domain } = options
  if (domain === undefined) return { server, store, zones: all }
  const records = all.get(domain)
  if (records === undefined) throw new ProvisionError(domain, `is none of the domains: ${[...all.keys()].join(', ')}`)
  return { server, store, zones: new Map([[domain, records]]) }
}

/** Whether the records of this inventory are written by us: somebody keeps its zones, and the key for that is there. */
export async function canPublish({ server, store }: Pick<Inventory, 'server' | 'store'>): Promise<boolean> {
  const keys = publishingKeys(server)
  if (keys.length === 0) return false
  await store.open()
  return keys.every(({ name }) => store.value(name) !== undefined)
}

async function unasked(options: DnsOptions, io: Io) {
  const { server, store } = await loadInventory(options.inventory, options.host)
  io.report.say('without the host: its DKIM keys and the key of its certificate (TLSA) are not among these')
  return { server, store, facts: {} }
}

/** An inventory, and what only its host knows of its zones: it is asked. */
export async function hostFacts(
  options: OpenOptions,
  io: Io,
): Promise<Omit<WantedZones, 'zones'> & { readonly facts: HostFacts }> {
  const { connection, server, store, close } = await open(options, io)
  try {
    const facts = await readFacts(connection, server)
    for (const line of facts.damaged ?? []) io.report.say(line.replace('--host X', `--host ${options.host}`))
    const without = server.domains.filter(({ name }) => !facts.dkim?.has(name)).map(({ name }) => name)
    if (without.length > 0) io.report.say(`the host has no DKIM key yet of ${without.join(', ')}`)
    if (facts.tlsa?.length === 0) io.report.say('the host has no mail certificate yet: no TLSA')
    return { server, store, facts }
  } finally {
    await close()
  }
}
