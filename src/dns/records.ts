import { createHash } from 'node:crypto'
import { mtaStsPolicy } from '../inventory/derived.ts'
import { type Domain, liveKeys, type Server } from '../inventory/inventory.ts'
import { reverseName } from '../util/addresses.ts'
import { dkimName } from './dkim.ts'
import type { DnsRecord, HostFacts } from './record.ts'

type Published = Pick<Server, 'hostname' | 'address' | 'address6' | 'domains' | 'sites' | 'mail' | 'acme' | 'dns'>

/** What should be published: the records of each zone, one zone a domain. Pure. */
export function desiredRecords(server: Published, facts: HostFacts = {}): ReadonlyMap<string, readonly DnsRecord[]> {
  const zones = server.domains.map(({ name }) => name)
  const unique = new Map(everyRecord(server, facts).map((record) => [keyOf(record), record]))
  return new Map(zones.map((zone) => [zone, [...unique.values()].filter(({ name }) => zoneOf(name, zones) === zone)]))
}

/**
 * What stands in the zones of `before` by our hand and is not wanted any more by `after`, as records that shall go. An address of
 * another host is that host's business, and stays. Pure.
 */
export function goneRecords(
  before: Published,
  after: Published,
  facts: HostFacts = {},
): ReadonlyMap<string, readonly DnsRecord[]> {
  // A name of the mail server may be in the zone of a domain that goes.
  const kept = new Set(everyRecord(after, facts).map(keyOf))
  const own = [before.address, before.address6]
  const goes = (record: DnsRecord) =>
    !kept.has(keyOf(record)) && ((record.type !== 'A' && record.type !== 'AAAA') || own.includes(record.data))
  return new Map(
    [...desiredRecords(before, facts)].flatMap(([zone, records]) => {
      const gone = records.filter(goes).map((record): DnsRecord => ({ ...record, absent: true }))
      return gone.length === 0 ? [] : [[zone, gone] as const]
    }),
  )
}

/** The PTR records of its addresses: they are set at the provider. */
export function reverseRecords({ address, address6, mail, dns }: Published): readonly DnsRecord[] {
  const ptr = (at: string): DnsRecord => ({ name: reverseName(at), type: 'PTR', ttl: dns.ttl, data: `${mail.hostname}.` })
  return [...(address === undefined ? [] : [ptr(address)]), ...(address6 === undefined ? [] : [ptr(address6)])]
}

/** The id of a domain's MTA-STS policy: another one when and only when the policy is. */
export const policyId = (domain: Pick<Domain, 'mta_sts'>, mx: string): string =>
  createHash('sha256').update(mtaStsPolicy(domain, mx)).digest('hex').slice(0, 20)

const everyRecord = (server: Published, facts: HostFacts): readonly DnsRecord[] => [
  ...hostRecords(server, facts),
  ...server.domains.flatMap((domain) => domainRecords(server, domain, facts)),
]

const keyOf = ({ name, type, data }: DnsRecord): string => [name, type, data].join(' ')

/** Names that change soon, or that a mistake in should leave soon. */
export const shortTtl = 600

function hostRecords(
  { hostname, address, address6, mail, dns, sites, domains }: Published,
  { tlsa = [], keys }: HostFacts,
): readonly DnsRecord[] {
  const { ttl } = dns
  // A domain's own name points to its web, below.
  const names = [...new Set([hostname, mail.hostname, ...sites.flatMap(({ domain, aliases }) => [domain, ...aliases])])].filter(
    (name) => !domains.some((domain) => domain.name === name),
  )
  return [
    // Each by its name, although there is a wildcard: that stops where anything else stands at or below a name.
    ...names.flatMap((name) => hosts(name, { address, address6 }, ttl)),
    { name: mail.hostname, type: 'TXT', ttl: shortTtl, data: 'v=spf1 a -all' },
    ...[...tlsa, ...liveKeys(mail.tlsa).flatMap((key) => keys?.get(key) ?? [])].map(
      (digest): DnsRecord => ({
        name: `_25._tcp.${mail.hostname}`,
        type: 'TLSA',
        ttl: shortTtl,
        data: `3 1 1 ${digest.toLowerCase()}`,
      }),
    ),
  ]
}

function domainRecords(server: Published, domain: Domain, { dkim }: HostFacts): readonly DnsRecord[] {
  const { name, web, dmarc, mta_sts, tls_reports } = domain
  const { ttl } = server.dns
  const mx = server.mail.hostname
  const here = { address: server.address, address6: server.address6 }
  const away = web === 'here' ? here : web.elsewhere
  const txt = (at: string, data: string, seconds = ttl): DnsRecord => ({ name: at, type: 'TXT', ttl: seconds, data })
  const caa = (data: string): DnsRecord => ({ name, type: 'CAA', ttl, data })
  const service = (at: string, port: number): DnsRecord => ({
    name: `${at}._tcp.${name}`,
    type: 'SRV',
    ttl,
    data: `0 1 ${port} ${mx}.`,
  })
  return [
    ...hosts(name, away, ttl),
    ...hosts(`*.${name}`, away, ttl),
    ...hosts(`mta-sts.${name}`, mta_sts.served === 'here' ? here : away, ttl),
    ...hosts(`autoconfig.${name}`, here, ttl),
    ...hosts(`autodiscover.${name}`, here, ttl),
    { name, type: 'MX', ttl, data: `10 ${mx}.` },
    // Not “a”: where the web is elsewhere it would let the web's host send, and here the MX says the same.
    txt(name, 'v=spf1 mx -all', shortTtl),
    caa(`0 issue "${server.acme.caa}"`),
    caa('0 issuewild ";"'),
    caa(`0 iodef "mailto:postmaster@${name}"`),
    // sp: the wildcard makes every name exist. No pct: it is gone from the next version of DMARC.
    txt(
      `_dmarc.${name}`,
      ['v=DMARC1', `p=${dmarc.policy}`, `sp=${dmarc.subdomains ?? dmarc.policy}`, ...rua(dmarc.reports)].join('; '),
    ),
    ...authorisations(server, domain),
    txt(`_mta-sts.${name}`, `v=STSv1; id=${policyId(domain, mx)}`, shortTtl),
    ...(tls_reports.length === 0 ? [] : [txt(`_smtp._tls.${name}`, ['v=TLSRPTv1', ...rua(tls_reports)].join('; '))]),
    ...(dkim?.get(name) ?? [])
      .filter(({ selector }) => liveKeys(domain.dkim).includes(selector))
      .map(({ selector, value }) => txt(dkimName(name, selector), value)),
    service('_imaps', 993),
    service('_submissions', 465),
  ]
}

/** A domain of ours that gets another one's DMARC reports has to say that it takes them. Elsewhere that is not ours to publish. */
function authorisations({ domains, dns }: Published, { name, dmarc }: Domain): readonly DnsRecord[] {
  const takers = new Set(dmarc.reports.map((address) => address.split('@')[1]))
  return domains
    .filter((other) => other.name !== name && takers.has(other.name))
    .map((other) => ({ name: `${name}._report._dmarc.${other.name}`, type: 'TXT', ttl: dns.ttl, data: 'v=DMARC1' }))
}

const rua = (addresses: readonly string[]): readonly string[] =>
  addresses.length === 0 ? [] : [`rua=${addresses.map((address) => `mailto:${encodeURI(address)}`).join(',')}`]

interface Addresses {
  readonly address?: string | undefined
  readonly address6?: string | undefined
}

const hosts = (name: string, { address, address6 }: Addresses, ttl: number): readonly DnsRecord[] => [
  ...(address === undefined ? [] : [{ name, type: 'A', ttl, data: address } as const]),
  ...(address6 === undefined ? [] : [{ name, type: 'AAAA', ttl, data: address6 } as const]),
]

/** The zone that a name is in: the longest that it ends in. */
function zoneOf(name: string, zones: readonly string[]): string | undefined {
  return zones.filter((zone) => name === zone || name.endsWith(`.${zone}`)).toSorted((a, b) => b.length - a.length)[0]
}
