/** One record of a zone file, as it stands there. */
export interface ZoneLine {
  /** Where its first line is, from 1. */
  readonly line: number
  /** Absolute, in lower case, without the final dot. */
  readonly name: string
  /** The owner as it is written; empty when it is that of the line before. */
  readonly owner: string
  /** Undefined where neither the line nor a $TTL says one. */
  readonly ttl: number | undefined
  readonly type: string
  /** Its data, field by field, as written; a text without its quotes. */
  readonly fields: readonly Field[]
  /** What relative names in it are relative to. */
  readonly origin: string
}

/** A word, or a text in quotes. */
export interface Field {
  readonly text: string
  readonly quoted: boolean
}

/** What cannot be read. */
export interface ZoneFault {
  readonly line: number
  readonly message: string
}

/** A zone file: its records, and what of it is none. RFC 1035 5.1, with BIND's $TTL. */
export interface ZoneFile {
  /** The zone: where its SOA stands, else its first origin. */
  readonly zone: string
  readonly records: readonly ZoneLine[]
  readonly faults: readonly ZoneFault[]
}

/** Reads a zone file. `origin`: the zone, where the file itself does not say it. */
export function parseZoneFile(text: string, origin = ''): ZoneFile {
  const records: ZoneLine[] = []
  const faults: ZoneFault[] = []
  let [at, first] = [absolute(origin, ''), absolute(origin, '')]
  let defaultTtl: number | undefined
  let owner: string | undefined
  for (const { line, fields, blank } of entries(text, faults)) {
    const [head = { text: '', quoted: false }, ...rest] = fields
    if (!head.quoted && head.text.startsWith('$')) {
      const value = rest[0]?.text ?? ''
      if (/^\$origin$/i.test(head.text)) {
        at = absolute(value, at)
        first ||= at
      } else if (/^\$ttl$/i.test(head.text)) defaultTtl = seconds(value)
      else faults.push({ line, message: `${head.text} is not followed: check what it brings by itself` })
      continue
    }
    const written = blank ? '' : head.text
    const name: string | undefined = blank ? owner : absolute(head.text, at)
    if (name === undefined) {
      faults.push({ line, message: 'begins with a blank, and there is no name before it' })
      continue
    }
    owner = name
    const read = typed(blank ? fields : rest)
    if (read === undefined) faults.push({ line, message: 'there is no type of record on it' })
    else
      records.push({ line, name, owner: written, ttl: read.ttl ?? defaultTtl, type: read.type, fields: read.fields, origin: at })
  }
  return { zone: records.find(({ type }) => type === 'SOA')?.name ?? first, records, faults }
}

/** A name as it is meant: relative ones below an origin, without the final dot. */
export function absolute(name: string, origin: string): string {
  if (name === '@') return origin
  if (name.endsWith('.')) return name.slice(0, -1).toLowerCase()
  return [name.toLowerCase(), origin].filter((part) => part !== '').join('.')
}

/** Optional class and TTL, in whatever order, then the type. */
function typed(fields: readonly Field[]) {
  let ttl: number | undefined
  for (const [i, { text, quoted }] of fields.entries()) {
    if (quoted) return undefined
    if (/^(?:IN|CH|HS)$/i.test(text)) continue
    if (/^\d/.test(text)) {
      ttl = seconds(text)
      if (ttl === undefined) return undefined
      continue
    }
    return /^[A-Za-z][A-Za-z0-9-]*$/.test(text) ? { ttl, type: text.toUpperCase(), fields: fields.slice(i + 1) } : undefined
  }
  return undefined
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `3600`, `1h30m`. */
function seconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^(?:\d+[smhdw])+$/i.test(text)) return undefined
  return [...text.matchAll(/(\d+)([smhdw])/gi)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (units[unit!.toLowerCase()] ?? 0),
    0,
  )
}

interface Entry {
  readonly line: number
  readonly fields: readonly Field[]
  /** It begins with a blank: the owner is the one before. */
  readonly blank: boolean
}

/** Logical lines: comments gone, those in parentheses joined. */
function* entries(text: string, faults: ZoneFault[]): Iterable<Entry> {
  let [open, line, blank] = [0, 0, false]
  let fields: Field[] = []
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    if (open === 0) [fields, line, blank] = [[], i + 1, /^\s/.test(raw)]
    for (const [token = '', quoted, bare] of raw.matchAll(/"((?:[^"\\]|\\.)*)"|((?:[^\s"();\\]|\\.)+)|[()]|;.*|"/g)) {
      if (token.startsWith(';')) break
      if (token === '(') open++
      else if (token === ')') open--
      else if (token === '"') faults.push({ line: i + 1, message: 'a quote is not closed' })
      else fields.push(quoted === undefined ? { text: bare ?? '', quoted: false } : { text: unescaped(quoted), quoted: true })
    }
    if (open < 0) {
      faults.push({ line: i + 1, message: 'a parenthesis is closed that was not opened' })
      open = 0
    }
    if (open === 0 && fields.length > 0) yield { line, fields, blank }
  }
  if (open > 0) faults.push({ line, message: 'a parenthesis is not closed' })
}

const unescaped = (text: string): string =>
  text.replace(/\\(\d{3})|\\(.)/g, (_, code?: string, plain?: string) =>
    code === undefined ? (plain ?? '') : String.fromCharCode(Number(code)),
  )
