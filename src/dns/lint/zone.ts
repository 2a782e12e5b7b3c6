import { absolute, type ZoneFile, type ZoneLine } from './zone-file.ts'

/** Something about a zone that is wrong, or asks for trouble. */
export interface LintRemark {
  readonly line: number
  readonly name: string
  readonly level: 'error' | 'warning'
  /** What it is, and what follows from it. */
  readonly message: string
  /** What to write instead. */
  readonly fix?: string | undefined
}

/** What is known besides the zone's own text. */
export interface LintFacts {
  /** The CA that is used, as CAA records name it. */
  readonly ca: string
  /** The id that the MTA-STS policy of this domain should have, where that is known. */
  readonly policyId?: string | undefined
}

/** A zone that is looked at: what stands where, and what a name would answer. */
export interface LintedZone extends ZoneFile, LintFacts {
  at(name: string, type?: string): readonly ZoneLine[]
  /** What a server answers for a name that ends in this zone: a wildcard stands in where nothing is at or below the name. */
  answers(name: string, type: string): readonly ZoneLine[]
  /** The name is in this zone. */
  holds(name: string): boolean
  /** Something stands at a name or below it. */
  exists(name: string): boolean
}

/** A rule: what it has to say about a zone. */
export type LintRule = (zone: LintedZone) => Iterable<LintRemark>

/** A zone file, ready to be asked. */
export function lintedZone(file: ZoneFile, facts: LintFacts): LintedZone {
  const byName = Map.groupBy(file.records, ({ name }) => name)
  // A name exists when something stands at it or below it.
  const existing = new Set(file.records.flatMap(({ name }) => name.split('.').map((_, i, labels) => labels.slice(i).join('.'))))
  const holds = (name: string) => name === file.zone || name.endsWith(`.${file.zone}`)
  const at = (name: string, type?: string) => (byName.get(name) ?? []).filter((one) => type === undefined || one.type === type)
  const answers = (name: string, type: string): readonly ZoneLine[] => {
    if (existing.has(name)) return at(name, type)
    const labels = name.split('.')
    const closest = labels.map((_, i) => labels.slice(i).join('.')).find((one) => existing.has(one))
    return closest === undefined ? [] : at(`*.${closest}`, type)
  }
  return { ...file, ...facts, at, answers, holds, exists: (name) => existing.has(name) }
}

/** The name that a record leads to, as it is meant; undefined for those that lead nowhere. */
export function targetOf({ type, fields, origin }: ZoneLine): { readonly written: string; readonly name: string } | undefined {
  const place = { MX: 1, CNAME: 0, NS: 0, PTR: 0, SRV: 3, DNAME: 0 }[type]
  const written = place === undefined ? undefined : fields[place]?.text
  return written === undefined || written === '.' ? undefined : { written, name: absolute(written, origin) }
}

/** The text of a TXT: its strings joined. */
export const textOf = ({ fields }: ZoneLine): string => fields.map(({ text }) => text).join('')

/** A remark about a record. */
export const remark = (
  { line, name }: Pick<ZoneLine, 'line' | 'name'>,
  level: LintRemark['level'],
  message: string,
  fix?: string,
): LintRemark => ({ line, name, level, message, fix })
