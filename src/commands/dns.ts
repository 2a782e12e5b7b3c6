import { checkZones, type Finding, written, type ZoneCheck } from '../dns/check.ts'
import { readFacts } from '../dns/facts.ts'
import type { Said } from '../dns/meaning.ts'
import { type DnsRecord, desiredRecords, type HostFacts } from '../dns/records.ts'
import { authorities, resolvers } from '../dns/servers.ts'
import { dataText, recordText, zoneText } from '../dns/zone.ts'
import { ProvisionError } from '../errors.ts'
import { loadInventory, type Server } from '../inventory.ts'
import type { Io } from './io.ts'
import { type OpenOptions, open } from './open.ts'

/** What the commands about the DNS may be told. */
export interface DnsOptions extends OpenOptions {
  /** One domain, else all. */
  readonly domain?: string | undefined
  /** Without the host: its keys are not among the records. */
  readonly offline?: boolean | undefined
}

/** Prints what should be published. Returns 0. */
export async function dnsRecords(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { zones } = await wanted(options, io)
  for (const [zone, records] of zones) {
    if (!io.json) out(`; ${zone}`)
    for (const record of records) out(io.json ? JSON.stringify({ event: 'record', zone, ...record }) : recordText(record))
  }
  return 0
}

/** Prints whole zones, for a name server of one's own or a provider's form. Returns 0. */
export async function dnsZone(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { server, zones } = await wanted(options, io)
  const from = resolvers(server.dns.lookup)
  for (const [zone, records] of zones) {
    const { names: ns } = await authorities(zone, from).catch((error: Error) => {
      throw new ProvisionError(zone, `its name servers, which a zone has to name, cannot be found: ${error.message}`)
    })
    const text = zoneText(zone, records, { ns, serial: Math.floor(Date.now() / 1000) })
    if (io.json) out(JSON.stringify({ event: 'zone', zone, text }))
    else out(text)
  }
  return 0
}

/** Asks the authoritative name servers, and tells what is missing, wrong or too much. Returns 0, 1 where one could not look, or 2. */
export async function dnsCheck(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const began = performance.now()
  const { server, zones } = await wanted(options, io)
  const asked = performance.now()
  const checks = await checkZones(zones, { resolvers: resolvers(server.dns.lookup) })
  const now = performance.now()
  for (const check of checks) for (const line of io.json ? checkEvents(check) : checkLines(check)) out(line)
  const code = exitCode(checks)
  const records = [...zones.values()].flat().length
  const cost = `${records} records of ${count(zones.size, 'zone')}, ${((now - asked) / 1000).toFixed(1)} s`
  if (io.json) io.report.end({ code, changed: 0, resources: records, execs: options.offline ? 0 : 1, ms: now - began })
  else out(code === 0 ? `nothing to publish (${cost})` : `${summary(checks)} (${cost})`)
  return code
}

/** Exit code of a check: what could not be seen outweighs what differs. */
export function exitCode(checks: readonly ZoneCheck[]): 0 | 1 | 2 {
  if (checks.some(({ unknown }) => unknown.length > 0)) return 1
  return checks.some(({ findings }) => findings.length > 0) ? 2 : 0
}

/** A check as an operator reads it: each finding with the exact record. */
export function checkLines({ zone, findings, unknown, notes }: ZoneCheck): readonly string[] {
  if (findings.length + unknown.length + notes.length === 0) return []
  return [
    `${zone}:`,
    ...findings.flatMap(findingLines),
    ...unknown.map(({ where, why }) => `  ? ${where}: ${why}`),
    ...notes.map((note) => `  – ${note}`),
  ]
}

/** A check as events. */
const checkEvents = ({ zone, findings, unknown, notes }: ZoneCheck): readonly string[] =>
  [
    ...findings.map(({ state, name, type, record, seen, risk, at }) => ({
      event: 'finding',
      zone,
      state,
      name,
      type,
      ...(record === undefined ? {} : { record: recordText(record) }),
      seen: seen.map(({ type: of, data }) => (of === type ? data : `${of} ${data}`)),
      risk,
      at: at.map(({ address }) => address),
    })),
    ...unknown.map(({ where, why }) => ({ event: 'unknown', zone, id: where, why })),
    ...notes.map((why) => ({ event: 'note', zone, id: zone, why })),
  ].map((event) => JSON.stringify(event))

function findingLines({ state, name, type, record, seen, risk, at }: Finding): readonly string[] {
  const where = at.length === 0 ? '' : ` at ${at.map(written).join(', ')}`
  const said = (one: Said) => `${one.name}. ${one.type} ${dataText(one)}`
  return [
    `  ${state} ${name} ${type}${where}: ${risk}`,
    ...seen.map((one) => `    ${state === 'extra' ? 'too much' : 'is'}: ${said(one)}`),
    ...(record === undefined ? [] : [`    publish: ${recordText(record)}`]),
  ]
}

function summary(checks: readonly ZoneCheck[]): string {
  const states = checks.flatMap(({ findings }) => findings.map(({ state }) => state))
  const parts = (['missing', 'wrong', 'extra'] as const).flatMap((state) => {
    const n = states.filter((one) => one === state).length
    return n === 0 ? [] : [`${n} ${state}`]
  })
  const blind = checks.flatMap(({ unknown }) => unknown).length
  return [...parts, ...(blind === 0 ? [] : [`${blind} could not be looked at`])].join(', ')
}

/** What should be published of these domains, with what the host alone knows. */
async function wanted(options: DnsOptions, io: Io) {
  const { server, facts } = options.offline
    ? { server: (await loadInventory(options.inventory, options.host)).server, facts: {} }
    : await asked(options, io)
  const all = desiredRecords(server, facts)
  const { domain } = options
  if (domain !== undefined && !all.has(domain))
    throw new ProvisionError(domain, `is none of the domains: ${[...all.keys()].join(', ')}`)
  if (options.offline) io.report.say('without the host: its DKIM keys and the key of its certificate (TLSA) are not among these')
  const zones: ReadonlyMap<string, readonly DnsRecord[]> = domain === undefined ? all : new Map([[domain, all.get(domain) ?? []]])
  return { server, zones }
}

async function asked(options: DnsOptions, io: Io): Promise<{ readonly server: Server; readonly facts: HostFacts }> {
  const { connection, server, close } = await open(options, io)
  try {
    const facts = await readFacts(connection, server)
    const without = server.domains.filter(({ name }) => !facts.dkim?.has(name)).map(({ name }) => name)
    if (without.length > 0) io.report.say(`the host has no DKIM key yet of ${without.join(', ')}`)
    if (facts.tlsa?.length === 0) io.report.say('the host has no mail certificate yet: no TLSA')
    return { server, facts }
  } finally {
    await close()
  }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
