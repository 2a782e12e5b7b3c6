import { isIPv4, isIPv6 } from 'node:net'
import { type LintedZone, type LintRemark, remark, textOf } from './zone.ts'

/** Addresses are addresses, and a string of a TXT has room for 255 bytes. */
export function* values(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records) {
    const [first] = record.fields
    if (first === undefined) yield remark(record, 'error', `${record.type} says nothing`)
    else if (record.type === 'A' && !isIPv4(first.text)) yield remark(record, 'error', `${first.text} is no IPv4 address`)
    else if (record.type === 'AAAA' && !isIPv6(first.text)) yield remark(record, 'error', `${first.text} is no IPv6 address`)
    if (record.type !== 'TXT') continue
    const long = record.fields.find(({ text }) => Buffer.byteLength(text) > 255)
    if (long !== undefined)
      yield remark(
        record,
        'error',
        `a string of ${Buffer.byteLength(long.text)} bytes: 255 is the most`,
        'cut it in two: "first part" "the rest"',
      )
    if (record.fields.length > 1 && record.fields.some(({ quoted }) => !quoted))
      yield remark(
        record,
        'error',
        'a text without quotes falls apart at its blanks and semicolons',
        `"${record.fields.map(({ text }) => text).join(' ')}"`,
      )
  }
}

/** How long others keep it: neither so short that they ask all the time, nor so long that a mistake stays. One a name and type. */
export function* ttls(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records) {
    if (record.ttl === undefined) yield remark(record, 'error', 'has no TTL, and there is no $TTL before it', '$TTL 3600')
    else if (record.ttl < 60 && record.type !== 'SOA')
      yield remark(record, 'warning', `is kept for ${record.ttl} s only: others ask again and again`)
    else if (record.ttl > 604_800)
      yield remark(record, 'warning', `is kept for ${Math.round(record.ttl / 86_400)} days: a mistake in it stays as long`)
  }
  for (const [, records] of Map.groupBy(zone.records, ({ name, type }) => `${name} ${type}`)) {
    const odd = records.find(({ ttl }) => ttl !== records[0]?.ttl)
    if (odd !== undefined)
      yield remark(odd, 'warning', `${odd.type} of one name have TTLs of their own: they go together (RFC 2181 5.2)`)
  }
  const soa = zone.records.find(({ type }) => type === 'SOA')
  const negative = Number(soa?.fields[6]?.text ?? 0)
  if (soa !== undefined && negative > 86_400)
    yield remark(
      soa,
      'warning',
      `what is not there is remembered for ${Math.round(negative / 3600)} hours: a new name comes as late`,
    )
}

/** Who may issue certificates: the CA that is used is among them. */
export function* caa(zone: LintedZone): Iterable<LintRemark> {
  const records = zone.records.filter(({ type }) => type === 'CAA')
  for (const record of records)
    if (record.fields.length !== 3 || !/^\d+$/.test(record.fields[0]?.text ?? ''))
      yield remark(record, 'error', 'has to be FLAGS TAG "VALUE": 0 issue "letsencrypt.org"')
  for (const [name, all] of Map.groupBy(records, (record) => record.name)) {
    const issuers = all.filter(({ fields }) => fields[1]?.text.toLowerCase() === 'issue')
    const named = issuers.map(({ fields }) => (fields[2]?.text ?? '').split(';')[0]?.trim().toLowerCase())
    const [first] = issuers
    if (first !== undefined && !named.includes(zone.ca))
      yield remark(first, 'error', `${zone.ca} may not issue for ${name}: the next renewal fails`, `0 issue "${zone.ca}"`)
  }
}

/** TLSA: of the key of the server itself, as senders of mail want it. */
export function* tlsaRule(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records.filter(({ type }) => type === 'TLSA')) {
    const [usage = '', selector = '', matching = '', ...digest] = record.fields.map(({ text }) => text)
    const hex = digest.join('')
    const length = { 1: 64, 2: 128 }[matching]
    if (!/^[0-3]$/.test(usage) || !/^[01]$/.test(selector) || !/^[0-2]$/.test(matching) || !/^[0-9a-f]+$/i.test(hex))
      yield remark(record, 'error', 'has to be USAGE SELECTOR TYPE DIGEST: 3 1 1 and 64 hex digits')
    else if (length !== undefined && hex.length !== length)
      yield remark(record, 'error', `its digest has ${hex.length} hex digits instead of ${length}`)
    else if (record.name.startsWith('_25.') && usage < '2')
      yield remark(record, 'warning', 'usage 0 and 1 are not for mail: senders skip it (RFC 7672 3.1.3)', `3 1 1 …`)
  }
}

/** What cannot be read, and what a zone cannot be without. */
export function* shape(zone: LintedZone): Iterable<LintRemark> {
  for (const { line, message } of zone.faults) yield { line, name: zone.zone, level: 'error', message }
  const soas = zone.records.filter(({ type }) => type === 'SOA')
  if (soas.length > 1 && soas[1] !== undefined) yield remark(soas[1], 'error', 'a zone has one SOA')
  if (soas.length === 1 && zone.at(zone.zone, 'NS').length === 0 && soas[0] !== undefined)
    yield remark(soas[0], 'error', 'the zone names no name server: NS')
  for (const record of zone.records)
    if (zone.zone !== '' && !zone.holds(record.name))
      yield remark(record, 'error', `${record.name} is not in ${zone.zone}: servers leave it out`)
  for (const [, records] of Map.groupBy(
    zone.records,
    ({ name, type, fields }) => `${name} ${type} ${fields.map(({ text }) => text).join(' ')}`,
  ))
    if (records[1] !== undefined)
      yield remark(records[1], 'warning', `stands there twice: ${records[1].type} ${textOf(records[1]).slice(0, 40)}`)
}
