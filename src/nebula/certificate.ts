import { createHash, createPublicKey, verify } from 'node:crypto'
import { elements } from './der.ts'

/** What a certificate of nebula says. */
export interface NebulaCertificate {
  readonly version: 1 | 2
  readonly name: string
  /** Addresses with the length of their network: `10.19.55.5/24`. */
  readonly networks: readonly string[]
  readonly ca: boolean
  readonly from: Date
  readonly to: Date
  readonly curve: '25519' | 'P256'
  readonly publicKey: Buffer
  /** The fingerprint of the CA that signed it; empty for one that signed itself. */
  readonly issuer: string
  readonly fingerprint: string
  /** What was signed, and the signature. */
  readonly signed: Buffer
  readonly signature: Buffer
}

/**
 * The certificates in a PEM text, of both versions: https://github.com/slackhq/nebula/tree/master/cert. Throws a plain Error, that
 * says what is wrong with it, for what holds none.
 */
export function certificatesIn(pem: string): readonly NebulaCertificate[] {
  const blocks = [
    ...pem.matchAll(/-----BEGIN NEBULA CERTIFICATE( V2)?-----\s([A-Za-z0-9+/=\s]+)-----END NEBULA CERTIFICATE\1-----/g),
  ]
  if (blocks.length === 0) throw new Error('is no PEM text with a nebula certificate')
  return blocks.map(([, second, base64]) => (second === undefined ? version1 : version2)(Buffer.from(base64!, 'base64')))
}

/** The key in a PEM text, as bytes, with what kind it is: `X25519 PRIVATE KEY`. Throws a plain Error for what is none. */
export function keyIn(pem: string): { readonly kind: string; readonly bytes: Buffer } {
  const [, kind, base64] = /-----BEGIN NEBULA ([A-Z0-9 ]+ KEY)-----\s([A-Za-z0-9+/=\s]+)-----END NEBULA \1-----/.exec(pem) ?? []
  if (kind === undefined) throw new Error('is no PEM text with a nebula key')
  return { kind, bytes: Buffer.from(base64!, 'base64') }
}

/** True when the CA has signed it. */
export function signedBy(certificate: NebulaCertificate, ca: NebulaCertificate): boolean {
  if (certificate.issuer !== ca.fingerprint || !ca.ca || certificate.curve !== ca.curve) return false
  const head = { '25519': '302a300506032b6570032100', P256: '3059301306072a8648ce3d020106082a8648ce3d030107034200' }[ca.curve]
  const key = createPublicKey({ key: Buffer.concat([Buffer.from(head, 'hex'), ca.publicKey]), format: 'der', type: 'spki' })
  return verify(ca.curve === 'P256' ? 'sha256' : null, certificate.signed, key, certificate.signature)
}

/** Version 2: DER, of which the details and what stands after them are signed as they are. */
function version2(bytes: Buffer): NebulaCertificate {
  const [outer] = elements(bytes)
  const parts = byTag(outer?.value)
  const details = parts.get(0xa0)
  const [publicKey, signature] = [parts.get(0x82)?.value, parts.get(0x83)?.value]
  if (details === undefined || publicKey === undefined || signature === undefined)
    throw new Error('is a damaged nebula certificate')
  const inner = byTag(details.value)
  const curve = parts.get(0x81)?.value[0] ?? 0
  const signed = Buffer.concat([details.whole, Buffer.of(curve), publicKey])
  const time = (tag: number) => new Date(Number(`0x${inner.get(tag)?.value.toString('hex') || '0'}`) * 1000)
  return {
    version: 2,
    name: inner.get(0x80)?.value.toString() ?? '',
    networks: elements(inner.get(0xa1)?.value ?? Buffer.alloc(0)).map(({ value }) =>
      prefix(value.subarray(0, -1), value.at(-1) ?? 0),
    ),
    ca: inner.get(0x84) !== undefined,
    from: time(0x85),
    to: time(0x86),
    curve: curve === 1 ? 'P256' : '25519',
    publicKey,
    issuer: inner.get(0x87)?.value.toString('hex') ?? '',
    fingerprint: sha256(signed, signature),
    signed,
    signature,
  }
}

const byTag = (bytes: Buffer = Buffer.alloc(0)) => new Map(elements(bytes).map((one) => [one.tag, one] as const))

/** Version 1: a message of protocol buffers, in which the details are the first field and the signature the second. */
function version1(bytes: Buffer): NebulaCertificate {
  const outer = fields(bytes)
  const [details, signature] = [outer.get(1)?.[0], outer.get(2)?.[0]]
  if (!Buffer.isBuffer(details) || !Buffer.isBuffer(signature)) throw new Error('is a damaged nebula certificate')
  const inner = fields(details)
  const text = (field: number): Buffer => {
    const [value] = inner.get(field) ?? []
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
  }
  const number = (field: number): number => Number(inner.get(field)?.[0] ?? 0)
  const ips = (inner.get(2) ?? []).flatMap((value) => (Buffer.isBuffer(value) ? varints(value) : [Number(value)]))
  return {
    version: 1,
    name: text(1).toString(),
    networks: ips.flatMap((ip, i) => (i % 2 === 0 ? [prefix(word(ip), bitsSet(ips[i + 1] ?? 0))] : [])),
    ca: number(8) === 1,
    from: new Date(number(5) * 1000),
    to: new Date(number(6) * 1000),
    curve: number(100) === 1 ? 'P256' : '25519',
    publicKey: text(7),
    issuer: text(9).toString('hex'),
    fingerprint: sha256(bytes),
    signed: details,
    signature,
  }
}

/** The fields of a message: numbers, and bytes where they have a length. */
function fields(bytes: Buffer): ReadonlyMap<number, readonly (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>()
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at)
    const value = varint(bytes, tag.next)
    const end = tag.value % 8 === 2 ? value.next + value.value : value.next
    if (![0, 2].includes(tag.value % 8) || end > bytes.length) throw new Error('is a damaged nebula certificate')
    const list = found.get(Math.floor(tag.value / 8)) ?? []
    list.push(tag.value % 8 === 2 ? bytes.subarray(value.next, end) : value.value)
    found.set(Math.floor(tag.value / 8), list)
    at = end
  }
  return found
}

function varint(bytes: Buffer, from: number): { readonly value: number; readonly next: number } {
  let value = 0
  for (let at = from; at < bytes.length; at++) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * (at - from))
    if (bytes[at]! < 0x80) return { value, next: at + 1 }
  }
  throw new Error('is a damaged nebula certificate')
}

function varints(bytes: Buffer): readonly number[] {
  const all: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { value, next } = varint(bytes, at)
    all.push(value)
    at = next
  }
  return all
}

const word = (value: number): Buffer => Buffer.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
const bitsSet = (mask: number): number => mask.toString(2).replaceAll('0', '').length
const prefix = (address: Buffer, length: number): string =>
  `${address.length === 4 ? [...address].join('.') : (address.toString('hex').match(/.{4}/g) ?? []).join(':')}/${length}`
const sha256 = (...parts: readonly Buffer[]): string => createHash('sha256').update(Buffer.concat(parts)).digest('hex')
