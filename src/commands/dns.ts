import { checkZones, type Finding, written, type ZoneCheck } from '../dns/check.ts'
import type { Said } from '../dns/meaning.ts'
import { authorities, resolvers } from '../dns/servers.ts'
import { dataText, recordText, zoneText } from '../dns/zone.ts'
import { ProvisionError } from '../errors.ts'
import { type DnsOptions, wantedZones } from './dns-wanted.ts'
import type { Io } from './io.ts'

/** Prints what should be published. Returns 0. */
export async function dnsRecords(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { zones } = await wantedZones(options, io)
  for (const [zone, records] of zones) {
    if (!io.json) out(`; ${zone}`)
    for (const record of records) out(io.json ? JSON.stringify({ event: 'record', zone, ...record }) : recordText(record))
  }
  return 0
}

/** Prints whole zones, for a name server of one's own or a provider's form. Returns 0. */
export async function dnsZone(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { server, zones } = await wantedZones(options, io)
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
  const { server, zones } = await wantedZones(options, io)
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
  return checks.some(({ findings, trouble }) => findings.length + trouble.length > 0) ? 2 : 0
}

/** A check as an operator reads it: each finding with the exact record. */
export function checkLines({ zone, findings, unknown, trouble, notes }: ZoneCheck): readonly string[] {
  if (findings.length + unknown.length + trouble.length + notes.length === 0) return []
  return [
    `${zone}:`,
    ...trouble.map((line) => `  ! ${line}`),
    ...findings.flatMap(findingLines),
    ...unknown.map(({ where, why }) => `  ? ${where}: ${why}`),
    ...notes.map((note) => `  – ${note}`),
  ]
}

/** A check as events. */
const checkEvents = ({ zone, findings, unknown, trouble, notes }: ZoneCheck): readonly string[] =>
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
    ...trouble.map((why) => ({ event: 'trouble', zone, why })),
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
  const troubled = checks.flatMap(({ trouble }) => trouble).length
  const blind = checks.flatMap(({ unknown }) => unknown).length
  return [
    ...parts,
    ...(troubled === 0 ? [] : [`${troubled} wrong as a whole`]),
    ...(blind === 0 ? [] : [`${blind} could not be looked at`]),
  ].join(', ')
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
