import { checkZones } from '../../dns/check.ts'
import { overdueRotations } from '../../dns/rotation.ts'
import { authorities, resolvers } from '../../dns/servers.ts'
import { recordText, zoneText } from '../../dns/zone.ts'
import { ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { checkEvents, checkLines, exitCode, summary } from '../../ui/zones.ts'
import { type DnsOptions, wantedZones } from './dns-wanted.ts'

/** Prints what should be published. Returns 0. */
export async function dnsRecords(options: DnsOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { zones } = await wantedZones(options, io)
  for (const [zone, records] of zones) {
    if (!io.json) out(`; ${zone}`)
    for (const record of records) {
      io.report.event({ event: 'record', zone, ...record })
      if (!io.json) out(recordText(record))
    }
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
    io.report.event({ event: 'zone', zone, text })
    if (!io.json) out(text)
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
  for (const check of checks) {
    checkEvents(check).forEach(io.report.event)
    if (!io.json) checkLines(check).forEach(out)
  }
  for (const { subject, message, next } of overdueRotations(server, new Date()))
    io.report.say(`${subject}: ${message}: ${next.replace('--host X', `--host ${options.host}`)}`)
  const code = exitCode(checks)
  const records = [...zones.values()].flat().length
  const cost = `${records} records of ${count(zones.size, 'zone')}, ${((now - asked) / 1000).toFixed(1)} s`
  if (io.json) io.report.end({ code, changed: 0, resources: records, execs: options.offline ? 0 : 1, ms: now - began })
  else out(code === 0 ? `nothing to publish (${cost})` : `${summary(checks)} (${cost})`)
  return code
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
