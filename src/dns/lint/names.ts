import { type LintedZone, type LintRemark, remark, targetOf } from './zone.ts'
import type { ZoneLine } from './zone-file.ts'

/** A name with dots in it and none at its end has the zone's name put behind it. */
export function* finalDots(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records) {
    const target = targetOf(record)
    if (target?.written.includes('.') && !target.written.endsWith('.') && !zone.exists(target.name))
      yield remark(
        record,
        'error',
        `${record.type} leads to ${target.name}, which is not there: the final dot is missing`,
        `${target.written}.`,
      )
    if (
      record.owner !== '' &&
      !record.owner.endsWith('.') &&
      record.owner.toLowerCase() !== record.name &&
      `.${record.owner.toLowerCase()}`.endsWith(`.${zone.zone}`)
    )
      yield remark(record, 'error', `the name has no final dot: it is ${record.name}`, `${record.owner}.`)
  }
}

/** An alias stands alone, leads somewhere, and nothing that needs a real name leads to it. */
export function* aliases(zone: LintedZone): Iterable<LintRemark> {
  for (const record of zone.records.filter(({ type }) => type === 'CNAME')) {
    const others = zone.at(record.name).filter(({ type, line }) => line !== record.line && !['RRSIG', 'NSEC'].includes(type))
    const [first] = others
    if (first !== undefined)
      yield remark(record, 'error', `a CNAME stands alone, and ${first.type} stands there too (line ${first.line})`)
    const target = targetOf(record)
    if (
      target !== undefined &&
      zone.holds(target.name) &&
      !zone.exists(target.name) &&
      ['A', 'AAAA', 'CNAME'].every((type) => zone.answers(target.name, type).length === 0) &&
      target.written.endsWith('.')
    )
      yield remark(record, 'error', `leads to ${target.name}, which is not there`)
  }
  for (const record of zone.records.filter(({ type }) => type === 'MX' || type === 'NS' || type === 'SRV')) {
    const target = targetOf(record)
    if (target === undefined || !zone.holds(target.name)) continue
    if (zone.answers(target.name, 'CNAME').length > 0)
      yield remark(
        record,
        'error',
        `${record.type} leads to ${target.name}, which is an alias: it has to have an address of its own (RFC 2181 10.3)`,
      )
    else if (/^[\d.]+$/.test(target.written.replace(/\.$/, '')))
      yield remark(record, 'error', `${record.type} leads to a name, not to an address: ${target.written}`)
    else if (zone.exists(target.name) && zone.answers(target.name, 'A').length + zone.answers(target.name, 'AAAA').length === 0)
      yield remark(record, 'error', `${record.type} leads to ${target.name}, which has no address`)
  }
}

/** A wildcard stands in only where nothing is: a record below a name takes its answers from it. And it answers where nobody meant it. */
export function* wildcards(zone: LintedZone): Iterable<LintRemark> {
  for (const wildcard of zone.records.filter(
    ({ name, type }) => name.startsWith('*.') && ['A', 'AAAA', 'CNAME'].includes(type),
  )) {
    const above = wildcard.name.slice(2)
    const hidden = new Map<string, ZoneLine>()
    for (const record of zone.records) {
      if (!record.name.endsWith(`.${above}`) || record.name === wildcard.name) continue
      // The name right below: it exists now, and the wildcard stops above it.
      const label = record.name
        .slice(0, -above.length - 1)
        .split('.')
        .at(-1)!
      const name = `${label}.${above}`
      if (label.startsWith('_') || label === '*' || hidden.has(name)) continue
      if (['A', 'AAAA', 'CNAME', 'NS'].every((type) => zone.at(name, type).length === 0)) hidden.set(name, record)
    }
    for (const [name, record] of wildcard.type === 'AAAA' && zone.at(wildcard.name, 'A').length > 0 ? [] : hidden)
      yield remark(
        record,
        'warning',
        `${wildcard.name} no longer answers for ${name}, because of this record: it has no address now`,
        `${name}. ${wildcard.type} ${wildcard.fields.map(({ text }) => text).join(' ')}`,
      )
  }
  for (const wildcard of zone.records.filter(({ name, type }) => name.startsWith('*.') && type === 'TXT')) {
    const above = wildcard.name.slice(2)
    const missing = ['_dmarc', '_mta-sts', '_smtp._tls'].find((label) => !zone.exists(`${label}.${above}`))
    if (missing !== undefined)
      yield remark(wildcard, 'warning', `answers at ${missing}.${above} too, where something else is looked for`)
  }
}
