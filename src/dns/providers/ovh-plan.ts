import { canonical } from '../data.ts'
import { purpose } from '../meaning.ts'
import type { DnsRecord, Said } from '../record.ts'
import type { ZoneChange } from '../update.ts'
import { characterStrings, dataText } from '../zone.ts'

/** A record as the API has it. */
export interface OvhRecord {
  readonly id: number
  readonly zone: string
  readonly subDomain: string
  readonly fieldType: string
  readonly target: string
  readonly ttl: number
}

/** A record as it is written there. */
export type Written = Pick<OvhRecord, 'subDomain' | 'fieldType' | 'target' | 'ttl'>

/** One call that changes a zone. */
export type OvhChange =
  | { readonly method: 'PUT'; readonly id: number; readonly body: Omit<Written, 'fieldType'> }
  | { readonly method: 'POST'; readonly body: Written }
  /** `back`: what is written again when the call after it fails. */
  | { readonly method: 'DELETE'; readonly id: number; readonly back?: Written }

/**
 * The calls that make this change, in an order in which a zone never loses what it is reached by: whoever gives it out in between (acme.sh
 * does, at each renewal), and wherever the API stops. What is replaced is replaced in place; of several that one replaces, the others go
 * before it, so that the next run finds the rest still to be done; what is new comes before what goes. Only an alias has to go first. Pure.
 */
export function ovhChanges(zone: string, all: readonly OvhRecord[], { remove, add }: ZoneChange): readonly OvhChange[] {
  const wanted = new Set(remove.map(keyOf))
  const gone = all.filter((one) => wanted.has(keyOf(saidOf(one))))
  const aliases = gone.filter(({ fieldType }) => fieldType === 'CNAME')
  const left = gone.filter(({ fieldType }) => fieldType !== 'CNAME')
  const puts: (OvhChange & { readonly of: string })[] = []
  const posts: Written[] = []
  for (const record of add) {
    const one = written(record, zone)
    const at = left.findIndex((old) => groupOf(saidOf(old)) === groupOf(record) && replaceable(old.fieldType, one.fieldType))
    if (at < 0) posts.push(one)
    else {
      const [old] = left.splice(at, 1) as [OvhRecord]
      // The sort of a record stays what it is: OVH has several for a TXT, and takes a long text as one of them without quotes only.
      const { fieldType: _, ...body } = old.fieldType === 'DKIM' ? one : { ...one, target: dataText(record) }
      puts.push({ method: 'PUT', id: old.id, body, of: groupOf(record) })
    }
  }
  const replaced = new Set(puts.map(({ of }) => of))
  const deleted = (some: readonly OvhRecord[]): readonly OvhChange[] => some.map(({ id }) => ({ method: 'DELETE', id }))
  const posted = (some: readonly Written[]): readonly OvhChange[] => some.map((body) => ({ method: 'POST', body }))
  const hidden = new Set(aliases.map(({ subDomain }) => subDomain))
  return [
    ...deleted(left.filter((old) => replaced.has(groupOf(saidOf(old))))),
    ...puts.map(({ of: _, ...put }) => put),
    ...posted(posts.filter(({ subDomain }) => !hidden.has(subDomain))),
    ...deleted(left.filter((old) => !replaced.has(groupOf(saidOf(old))))),
    ...aliases.flatMap(({ id, subDomain, fieldType, target, ttl }) => [
      { method: 'DELETE', id, back: { subDomain, fieldType, target, ttl } } as const,
      ...posted(posts.filter((one) => one.subDomain === subDomain)),
    ]),
  ]
}

/** Of a TXT the API makes kinds of its own, by what is in it. */
const isText = (fieldType: string): boolean => ['TXT', 'SPF', 'DKIM', 'DMARC'].includes(fieldType)

/** Whether one may become the other without a new record. */
const replaceable = (old: string, now: string): boolean =>
  old === now || (isText(old) && isText(now) && old !== 'DKIM' && now !== 'DKIM')

/** A record of the API as the DNS has it. */
export function saidOf({ subDomain, zone, fieldType, target, ttl }: Omit<OvhRecord, 'id'>): Said {
  const name = (subDomain === '' ? zone : `${subDomain}.${zone}`).toLowerCase()
  // 0 is the zone's own.
  const kept = ttl > 0 ? { ttl } : {}
  if (isText(fieldType))
    return { name, type: 'TXT', data: target.startsWith('"') ? characterStrings(target).join('') : target, ...kept }
  const type = fieldType as Said['type']
  return { name, type, data: canonical({ type, data: target }), ...kept }
}

/** A record as the API takes it. A key of DKIM is longer than what it takes as a TXT. */
function written(record: DnsRecord, zone: string): Written {
  const subDomain = record.name === zone ? '' : record.name.slice(0, -zone.length - 1)
  const dkim = purpose(record) === 'TXT dkim1'
  return { fieldType: dkim ? 'DKIM' : record.type, subDomain, target: dkim ? record.data : dataText(record), ttl: record.ttl }
}

const keyOf = (said: Said): string => [said.name, said.type, canonical(said)].join(' ')

/** What stands in one another's place. */
const groupOf = (said: Said): string => `${said.name} ${purpose(said)}`
