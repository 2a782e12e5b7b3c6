import type { DnsRecord } from './record.ts'

/** What a zone file has besides records. */
export interface ZoneHead {
  /** Its name servers, absolute, without the final dot; the first one is the primary. */
  readonly ns: readonly string[]
  readonly serial: number
}

/** A zone as text, as named-checkzone and every provider's form for a whole zone take it. */
export function zoneText(zone: string, records: readonly DnsRecord[], { ns, serial }: ZoneHead): string {
  const rows = [
    ['@', '3600', 'SOA', `${ns[0]}. hostmaster.${zone}. ${serial} 3600 900 1209600 600`],
    ...ns.map((name) => ['@', '3600', 'NS', `${name}.`]),
    ...records.map(({ name, ttl, type, data }) => [
      relative(name, zone),
      String(ttl),
      type,
      type === 'TXT' ? quoted(data) : data,
    ]),
  ]
  const width = Math.max(...rows.map(([name = '']) => name.length))
  return [
    `$ORIGIN ${zone}.`,
    ...rows.map(
      ([name = '', ttl = '', type = '', data]) => `${name.padEnd(width)} ${ttl.padEnd(6)} IN ${type.padEnd(5)} ${data}`,
    ),
    '',
  ].join('\n')
}

/** One record as a line that stands for itself: what is printed to be pasted. */
export const recordText = (record: DnsRecord): string => `${record.name}. ${record.ttl} IN ${record.type} ${dataText(record)}`

/** The data of one record as a zone file has it. */
export const dataText = ({ type, data }: { readonly type: string; readonly data: string }): string =>
  type === 'TXT' ? quoted(data) : data

/** The strings of a TXT as a zone file has them: in quotes or not, with \DDD and \" undone. */
export function characterStrings(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\\d{3}|\\.)*)"|((?:[^\s"\\]|\\\d{3}|\\.)+)/g)].map(([, quotedText, bare]) => {
    const bytes = (quotedText ?? bare ?? '').replace(
      /\\(\d{3})|\\(.)|([^\\])/gs,
      (_, code?: string, escaped?: string, plain?: string) =>
        code === undefined ? Buffer.from(escaped ?? plain ?? '').toString('latin1') : String.fromCharCode(Number(code) & 255),
    )
    return Buffer.from(bytes, 'latin1').toString()
  })
}

function relative(name: string, zone: string): string {
  if (name === zone) return '@'
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : `${name}.`
}

/** A TXT in pieces of at most 255 bytes, each in quotes; what is no plain ASCII as \DDD: RFC 1035 5.1. */
function quoted(text: string): string {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.max(1, Math.ceil(bytes.length / 255)) }, (_, i) =>
    bytes.subarray(i * 255, (i + 1) * 255),
  )
  const written = (byte: number): string =>
    byte === 0x22 || byte === 0x5c
      ? `\\${String.fromCharCode(byte)}`
      : byte < 0x20 || byte > 0x7e
        ? `\\${String(byte).padStart(3, '0')}`
        : String.fromCharCode(byte)
  return pieces.map((piece) => `"${[...piece].map(written).join('')}"`).join(' ')
}
