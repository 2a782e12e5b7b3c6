import { type Answer, encode } from 'dns-packet'
import type { Said } from './record.ts'

/** A record's numbers on the wire: RFC 1035 3.2.2, and RFC 2136 for the classes that only updates have. */
export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DS: 43,
  TLSA: 52,
  TSIG: 250,
  AXFR: 252,
  CAA: 257,
} as const

/** Classes: of what is added, of one record that goes, of all of a kind. */
export const classes = { IN: 1, NONE: 254, ANY: 255 } as const

/** A name, uncompressed, in lower case: as it is signed. */
export function wireName(name: string): Buffer {
  const labels = name === '' || name === '.' ? [] : name.toLowerCase().replace(/\.$/, '').split('.')
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)]),
    Buffer.from([0]),
  ])
}

/** 16 bits. */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

/** 32 bits. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** The data of a record as it travels. A TXT that came from the network keeps the pieces that it had. */
export function wireData(said: Said): Buffer {
  // A header, the root as name, then type, class, TTL and length.
  return encode({ type: 'response', answers: [answerOf(said)] }).subarray(12 + 1 + 2 + 2 + 4 + 2)
}

function answerOf(said: Said): Answer {
  const { type, data } = said
  const name = '.'
  const words = data.split(' ')
  const number = (i: number) => Number(words[i])
  const target = (i: number) => words[i]?.replace(/\.$/, '') ?? ''
  switch (type) {
    case 'A':
    case 'AAAA':
      return { name, type, data }
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { name, type, data: target(0) }
    case 'MX':
      return { name, type, data: { preference: number(0), exchange: target(1) } }
    case 'SRV':
      return { name, type, data: { priority: number(0), weight: number(1), port: number(2), target: target(3) } }
    case 'TLSA':
      return {
        name,
        type,
        data: { usage: number(0), selector: number(1), matchingType: number(2), certificate: Buffer.from(words[3] ?? '', 'hex') },
      }
    case 'DS':
      return {
        name,
        type,
        data: { keyTag: number(0), algorithm: number(1), digestType: number(2), digest: Buffer.from(words[3] ?? '', 'hex') },
      }
    case 'CAA': {
      const [, flags = '0', tag = '', value = ''] = /^(\d+) (\S+) "?([^"]*)"?$/.exec(data) ?? []
      return { name, type, data: { flags: Number(flags), issuerCritical: Number(flags) >= 128, tag: tag as 'issue', value } }
    }
    case 'TXT':
      return { name, type, data: [...(said.parts ?? pieces(Buffer.from(data)))].map((part) => Buffer.from(part)) }
  }
}

/** At most 255 bytes each. */
function pieces(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / 255)) }, (_, i) => bytes.subarray(i * 255, (i + 1) * 255))
}
