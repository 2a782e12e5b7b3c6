import { checkZones, type RecordFinding as Difference } from '../../../dns/check.ts'
import { readFacts } from '../../../dns/facts.ts'
import { desiredRecords } from '../../../dns/records.ts'
import { overdueRotations } from '../../../dns/rotation.ts'
import { resolvers } from '../../../dns/servers.ts'
import { recordText } from '../../../dns/zone.ts'
import { blind, type Check, error, type Finding, ok, warning } from '../../check.ts'

/**
 * What the zones' own name servers say is what should be published. What has a check of its own is told there, and not twice:
 * TLSA, the policy of MTA-STS, and SPF, DKIM and DMARC, which a mail that was really sent shows.
 */
export const dns: Check = {
  id: 'dns',
  title: 'every domain is published as it should be, at all its name servers',
  look: async ({ server, on, resolver }) => {
    const facts = await readFacts({ run: async (script) => ({ code: 0, stdout: await on(script), stderr: '' }) }, server)
    const zones = desiredRecords(server, facts)
    const checked = await checkZones(zones, { resolvers: resolvers(resolver) })
    const late = overdueRotations(server, new Date()).map(({ subject, message, next }) => warning(subject, message, next))
    const seen = checked.flatMap(({ zone, findings, unknown, trouble, servers }) => {
      const own = findings.filter((one) => !elsewhere(one))
      return [
        ...trouble.map(({ verdict, message, next }) => ({ subject: zone, verdict, message, next })),
        ...own.map(told),
        ...unknown.map(({ where, why }) => blind(where, why, 'provision dns check --host X')),
        ...(own.length + unknown.length + trouble.length === 0
          ? [ok(zone, `as it should be, at ${servers.length} addresses`)]
          : []),
      ]
    })
    const damaged = (facts.damaged ?? []).map((one) => {
      const [message = one, ...next] = one.split(': ')
      return warning('keys', message, next.join(': '))
    })
    return [...seen, ...late, ...damaged]
  },
}

const elsewhere = ({ name, type, record, seen }: Difference): boolean =>
  type === 'TLSA' ||
  (type === 'TXT' &&
    (/^(_mta-sts|_dmarc)\.|\._domainkey\./.test(name) ||
      [record, ...seen].some((one) => one?.data.startsWith('v=spf1') ?? false)))

function told({ state, name, type, record, seen, risk, at }: Difference): Finding {
  const where = at.length === 0 ? '' : ` at ${at.map((server) => server.name).join(', ')}`
  const instead = state === 'missing' ? '' : `: ${seen.map(({ data }) => data).join(', ')}`
  const next = record === undefined ? 'take it out: provision dns check --host X' : `publish: ${recordText(record)}`
  return (/outage/.test(risk) ? error : warning)(`${name} ${type}`, `${state}${where}${instead}: ${risk}`, next)
}
