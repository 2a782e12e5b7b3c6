import { type LintedZone, type LintRemark, remark, targetOf, textOf } from './zone.ts'
import type { ZoneLine } from './zone-file.ts'

/** Where mail is brought: one MX at least, with an address. */
export function* mx(zone: LintedZone): Iterable<LintRemark> {
  const top = { line: zone.records[0]?.line ?? 1, name: zone.zone }
  const sends = zone.at(zone.zone, 'TXT').some((one) => isSpf(one) && textOf(one).trim() !== 'v=spf1 -all')
  const mails =
    sends || zone.exists(`_domainkey.${zone.zone}`) || zone.exists(`_mta-sts.${zone.zone}`) || zone.exists(`_dmarc.${zone.zone}`)
  if (mails && zone.at(zone.zone, 'MX').length === 0)
    yield remark(top, 'error', 'has no MX: its mail goes to whatever its A record leads to, if anywhere')
  const onWildcard = zone.at(`*.${zone.zone}`, 'MX')
  if (onWildcard.length > 0 && zone.at(zone.zone, 'MX').length === 0 && onWildcard[0] !== undefined)
    yield remark(onWildcard[0], 'error', 'a wildcard is for what is below it: the domain itself has no MX')
}

/** Who may send: one record, at the domain and at the mail server, that says what is meant and costs at most ten look-ups. */
export function* spf(zone: LintedZone): Iterable<LintRemark> {
  const all = zone.records.filter((record) => record.type === 'TXT' && isSpf(record))
  const top = all.filter(({ name }) => name === zone.zone)
  const { line = 1 } = zone.at(zone.zone, 'MX')[0] ?? {}
  if (top.length === 0 && zone.at(zone.zone, 'MX').length > 0) {
    const wild = all.find(({ name }) => name === `*.${zone.zone}`)
    yield wild === undefined
      ? remark(
          { line, name: zone.zone },
          'error',
          'has an MX and no SPF: what it sends is taken for forged',
          'TXT "v=spf1 mx -all"',
        )
      : remark(
          wild,
          'error',
          'SPF stands on the wildcard only: the domain itself has none',
          `${zone.zone}. TXT "${textOf(wild)}"`,
        )
  }
  for (const [name, records] of Map.groupBy(all, (record) => record.name)) {
    const [, second] = records
    if (second !== undefined)
      yield remark(second, 'error', `${name} has ${records.length} SPF records: with more than one, none counts (RFC 7208 4.5)`)
  }
  for (const record of zone.records.filter(({ type }) => type === 'SPF'))
    yield remark(record, 'warning', 'the type SPF is gone: a TXT says it (RFC 7208 3.1)')
  for (const record of all) yield* spfTerms(zone, record)
  for (const host of mailHosts(zone))
    if (zone.holds(host) && zone.at(host, 'TXT').filter(isSpf).length === 0)
      yield remark(
        { line, name: host },
        'warning',
        'the mail server has no SPF of its own: bounces and its greeting are checked by that name',
        `${host}. TXT "v=spf1 a -all"`,
      )
}

function* spfTerms(zone: LintedZone, record: ZoneLine): Iterable<LintRemark> {
  const terms = textOf(record).trim().split(/\s+/).slice(1)
  const strange = terms.filter(
    (term) => !/^(?:[+?~-]?(?:all|a|mx|ptr|include|exists|ip4|ip6)(?=[:/]|$)|[a-z][a-z0-9._-]*=)/i.test(term),
  )
  if (strange.length > 0) yield remark(record, 'error', `SPF with what it does not know fails as a whole: ${strange.join(' ')}`)
  const count = lookups(zone, record.name, terms, new Set())
  if (count > 10)
    yield remark(record, 'error', `SPF costs ${count} look-ups, and with more than 10 it fails for everybody (RFC 7208 4.6.4)`)
  const end = terms.find((term) => /^[+?~-]?all$/i.test(term))
  if (end === undefined && !terms.some((term) => /^redirect=/i.test(term)))
    yield remark(record, 'warning', 'SPF has no “all”: it forbids nobody', '-all')
  if (end !== undefined && /^(?:\+|\?)?all$/i.test(end))
    yield remark(record, 'error', `SPF ends in ${end}: everybody may send`, '-all')
  if (terms.some((term) => /^[+?~-]?ptr(?::|$)/i.test(term)))
    yield remark(record, 'warning', 'SPF with ptr is slow, and many skip it (RFC 7208 5.5)')
  if (terms.some((term) => /^\+?a$/i.test(term)) && webIsElsewhere(zone, record.name))
    yield remark(
      record,
      'warning',
      `“a” lets the host of the web site send: ${record.name} leads elsewhere than its mail server`,
      textOf(record).replace(/ \+?a(?= |$)/i, ''),
    )
}

/** What has to be asked to know it, with what is included from this very zone. */
function lookups(zone: LintedZone, name: string, terms: readonly string[], seen: Set<string>): number {
  if (seen.has(name)) return 0
  seen.add(name)
  return terms.reduce((sum, term) => {
    const [, kind = '', , target = ''] = /^[+?~-]?(include|a|mx|ptr|exists|redirect)(?=[:/=]|$)([:=]([^/]*))?/i.exec(term) ?? []
    if (kind === '') return sum
    const inner =
      /^(?:include|redirect)$/i.test(kind) && zone.holds(target.toLowerCase())
        ? zone.at(target.toLowerCase(), 'TXT').find(isSpf)
        : undefined
    return sum + 1 + (inner === undefined ? 0 : lookups(zone, inner.name, textOf(inner).trim().split(/\s+/).slice(1), seen))
  }, 0)
}

/** DMARC: one record that can be read, and that speaks for what the wildcard makes exist. */
export function* dmarc(zone: LintedZone): Iterable<LintRemark> {
  const name = `_dmarc.${zone.zone}`
  const records = zone.at(name, 'TXT').filter((record) => /^\s*v\s*=\s*DMARC1/i.test(textOf(record)))
  const [record, second] = records
  if (record === undefined) {
    const [first] = zone.at(zone.zone, 'MX')
    if (first !== undefined && zone.at(name, 'CNAME').length === 0)
      yield remark(
        { line: first.line, name },
        'warning',
        'there is no DMARC: large receivers refuse much of what such a domain sends',
        'TXT "v=DMARC1; p=quarantine; sp=quarantine"',
      )
    return
  }
  if (second !== undefined) yield remark(second, 'error', 'two DMARC records count for nothing (RFC 7489 6.6.3)')
  const tags = tagsOf(textOf(record))
  const policies = ['none', 'quarantine', 'reject']
  if (!policies.includes(tags.get('p') ?? ''))
    yield remark(record, 'error', `its policy is ${tags.get('p') ?? 'missing'}: none, quarantine or reject`)
  if (tags.has('sp') && !policies.includes(tags.get('sp') ?? ''))
    yield remark(record, 'error', `sp is ${tags.get('sp')}: none, quarantine or reject`)
  if (!tags.has('sp') && zone.records.some((one) => one.name === `*.${zone.zone}`))
    yield remark(record, 'warning', 'has no sp, and the wildcard makes every name below exist', `sp=${tags.get('p')}`)
  if (tags.has('pct')) yield remark(record, 'warning', 'pct is gone from the next version of DMARC')
  for (const uri of (tags.get('rua') ?? '').split(',').filter((one) => one.trim() !== ''))
    if (!/^\s*mailto:[^@\s]+@[^@\s]+$/i.test(uri)) yield remark(record, 'error', `rua has to be mailto:ADDRESS: ${uri.trim()}`)
}

/** DKIM: a key that is one. */
export function* dkimRule(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records.filter(({ name, type }) => type === 'TXT' && name.includes('._domainkey.'))) {
    const tags = tagsOf(textOf(record))
    const key = (tags.get('p') ?? '').replace(/\s/g, '')
    if (tags.has('v') && tags.get('v') !== 'DKIM1') yield remark(record, 'error', `v is ${tags.get('v')}, and has to be DKIM1`)
    if (!tags.has('p')) yield remark(record, 'error', 'there is no key in it: p=')
    else if (key !== '' && !/^[A-Za-z0-9+/]+={0,2}$/.test(key))
      yield remark(record, 'error', 'its key is no base64: signatures cannot be verified')
    else if (key !== '' && (tags.get('k') ?? 'rsa') === 'rsa' && key.length < 200)
      yield remark(record, 'error', 'its RSA key is cut off, or shorter than 1024 bits')
  }
}

/** MTA-STS: an id that changes with the policy, and a host that serves it. */
export function* mtaStsRule(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.at(`_mta-sts.${zone.zone}`, 'TXT')) {
    const text = textOf(record)
    const id = tagsOf(text).get('id')
    if (!/^v=STSv1\s*;/.test(text)) yield remark(record, 'error', `has to begin with v=STSv1; and says ${text}`)
    else if (id === undefined || !/^[A-Za-z0-9]{1,32}$/.test(id))
      yield remark(record, 'error', `its id is ${id ?? 'missing'}: up to 32 letters and digits (RFC 8461 3.1)`)
    else if (zone.policyId !== undefined && id !== zone.policyId)
      yield remark(
        record,
        'error',
        `its id is not that of the policy: senders go on with the old one`,
        `"v=STSv1; id=${zone.policyId}"`,
      )
    const host = `mta-sts.${zone.zone}`
    const led = ['A', 'AAAA', 'CNAME'].flatMap((type) => zone.answers(host, type))
    if (led.length === 0) yield remark(record, 'error', `${host} has no address: nobody finds the policy`)
  }
}

/** What mail programs ask for is at the mail server, or nowhere. */
export function* helpers(zone: LintedZone): Iterable<LintRemark> {
  if (!webIsElsewhere(zone, zone.zone)) return
  for (const name of ['autoconfig', 'autodiscover'].map((label) => `${label}.${zone.zone}`)) {
    const [wild] = zone.exists(name) ? [] : zone.answers(name, 'A')
    if (wild !== undefined)
      yield remark(wild, 'warning', `${name} leads with the wildcard to the web’s host: mail programs ask there`)
  }
}

/** The A record of a name leads to another host than where its mail goes, as far as this zone says. */
function webIsElsewhere(zone: LintedZone, name: string): boolean {
  const addresses = (of: string) => ['A', 'AAAA'].flatMap((type) => zone.answers(of, type)).map(({ fields }) => fields[0]?.text)
  const hosts = zone.at(name, 'MX').flatMap((record) => targetOf(record)?.name ?? [])
  const own = addresses(name)
  // A mail server in another zone: what its address is cannot be seen here, but that it is not this name can.
  return (
    own.length > 0 &&
    hosts.length > 0 &&
    hosts.every((host) => host !== name && (!zone.holds(host) || addresses(host).every((one) => !own.includes(one))))
  )
}

const mailHosts = (zone: LintedZone): readonly string[] => [
  ...new Set(zone.at(zone.zone, 'MX').flatMap((record) => targetOf(record)?.name ?? [])),
]

const isSpf = (record: ZoneLine): boolean => /^\s*v=spf1(?:\s|$)/i.test(textOf(record))

function tagsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(';').flatMap((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [] : [[part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()] as const]
    }),
  )
}
