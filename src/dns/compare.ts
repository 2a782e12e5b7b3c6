import { isSingle, purpose, risk, sameMeaning } from './meaning.ts'
import type { DnsRecord, Said } from './record.ts'

/** One thing in which a zone is not what it should be. */
export interface Difference {
  readonly state: 'missing' | 'wrong' | 'extra'
  readonly name: string
  readonly type: DnsRecord['type']
  /** The record to publish; for what is extra there is none. */
  readonly record?: DnsRecord | undefined
  /** What is there instead, or too much. */
  readonly seen: readonly Said[]
  /** What goes wrong when nobody mends it. */
  readonly risk: string
  /** What is too much is of our own making: it goes without being asked for. */
  readonly ours?: true
  /** It says what it should, and others keep it for longer than declared. */
  readonly longer?: true
}

/** What one looks for at a name. */
export interface WantedRecords {
  readonly name: string
  readonly type: DnsRecord['type']
  readonly records: readonly DnsRecord[]
}

/** What has to be asked for: each name and type of these records, and both kinds of address wherever there is one. */
export function wantedOf(records: readonly DnsRecord[]): readonly WantedRecords[] {
  const keys = new Map<string, WantedRecords>()
  const add = (name: string, type: DnsRecord['type'], more: readonly DnsRecord[]) => {
    const key = `${name} ${type}`
    keys.set(key, { name, type, records: [...(keys.get(key)?.records ?? []), ...more] })
  }
  for (const record of records) {
    add(record.name, record.type, [record])
    if (record.absent) continue
    // An address of the other kind, which nobody answers at, is as bad as a wrong one.
    if (record.type === 'A') add(record.name, 'AAAA', [])
    if (record.type === 'AAAA') add(record.name, 'A', [])
  }
  return [...keys.values()]
}

/** In what a name differs, given what is there. Pure. TXT are compared as a set, and only with those of the same purpose. */
export function recordDifferences({ name, type, records: all }: WantedRecords, there: readonly Said[]): readonly Difference[] {
  const records = all.filter(({ absent }) => !absent)
  const alias = there.filter((said) => said.type === 'CNAME')
  if (alias.length > 0) return records.map((record) => ({ state: 'wrong', name, type, record, seen: alias, risk: risk(record) }))
  const left = [...there]
  const longer: Difference[] = []
  const unmet = records.filter((record) => {
    const at = left.findIndex((said) => sameMeaning(said, record))
    const [said] = at < 0 ? [] : left.splice(at, 1)
    if (said !== undefined && isKey(record) && (said.ttl ?? 0) > record.ttl)
      longer.push({ state: 'wrong', name, type, record, seen: [said], risk: tooLong(said.ttl ?? 0, record.ttl), longer: true })
    return said === undefined
  })
  const against = (record: Said) => left.filter((said) => purpose(said) === purpose(record))
  const wrong = unmet.map((record): Difference => {
    const seen = isSingle(record) ? against(record) : []
    return { state: seen.length > 0 ? 'wrong' : 'missing', name, type, record, seen, risk: risk(record) }
  })
  const told = new Set(wrong.flatMap(({ seen }) => seen))
  const ours = new Set(records.map(purpose))
  const rest = left.filter((said) => !told.has(said))
  const done = rest.filter((said) => all.some((record) => record.absent && sameMeaning(said, record)))
  // Where all that was ours shall go, the rest is somebody else's.
  const strangers = rest.filter(
    (said) =>
      !done.includes(said) &&
      (type === 'TXT' || type === 'CAA' ? ours.has(purpose(said)) : records.length > 0 || all.length === 0),
  )
  return [
    ...wrong,
    ...longer,
    ...strangers.map((said): Difference => ({ state: 'extra', name, type, seen: [said], risk: tooMuch(said) })),
    ...done.map(
      (said): Difference => ({ state: 'extra', name, type, seen: [said], risk: 'of ours, and not used any more', ours: true }),
    ),
  ]
}

/** What is changed from time to time, and not used before others have forgotten what was there: how long they keep it counts. */
const isKey = (record: DnsRecord): boolean => record.type === 'TLSA' || purpose(record) === 'TXT dkim1'

const tooLong = (ttl: number, declared: number): string =>
  `others keep it for ${ttl} s instead of ${declared}: a change of the key takes twice as long`

function tooMuch(said: Said): string {
  if (said.type === 'CAA') return 'certificates: others may issue them too'
  if (purpose(said) === 'TXT spf1') return 'mail outage: with two of them SPF fails for everybody'
  if (said.type === 'TXT') return 'with two of them neither counts'
  if (said.type === 'TLSA') return 'none while another one is right'
  return 'a part of what comes for it goes there'
}
