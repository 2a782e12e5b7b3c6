import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bits } from '../util/addresses.ts'
import { certificatesIn, keyIn } from './certificate.ts'
import { element, integer } from './der.ts'

/** A certificate and its key, as PEM texts. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

/** A CA of version 2 (nebula 1.10 and later read it), as `nebula-cert ca` makes one. */
export function makeCa(name: string, from: Date, to: Date): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const [seed, own] = [raw(privateKey), raw(publicKey)]
  const certificate = seal({ name, from, to, ca: true, publicKey: own }, privateKey)
  return { certificate, key: pem('ED25519 PRIVATE KEY', Buffer.concat([seed, own])) }
}

/**
 * A new key, and its certificate signed by a CA of version 2, as `nebula-cert sign` makes them. It ends when the CA does: nebula
 * takes none that ends later. Throws a plain Error for a CA or a key that cannot sign.
 */
export function signNode(ca: Pair, { name, network, from, to }: Node): Pair {
  const [authority] = certificatesIn(ca.certificate)
  const { kind, bytes } = keyIn(ca.key)
  if (authority?.version !== 2 || !authority.ca) throw new Error('is no CA of version 2: sign with nebula-cert')
  if (kind !== 'ED25519 PRIVATE KEY') throw new Error(`is a ${kind}: sign with nebula-cert`)
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes.subarray(0, 32)]),
    format: 'der',
    type: 'pkcs8',
  })
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const issuer = Buffer.from(authority.fingerprint, 'hex')
  const end = to === undefined || to >= authority.to ? new Date(authority.to.getTime() - 1000) : to
  const start = from < authority.from ? authority.from : from
  return {
    certificate: seal({ name, network, from: start, to: end, ca: false, publicKey: raw(publicKey), issuer }, key),
    key: pem('X25519 PRIVATE KEY', raw(privateKey)),
  }
}

/** Whom a certificate is for. */
export interface Node {
  readonly name: string
  /** `10.19.55.5/24`. */
  readonly network: string
  readonly from: Date
  /** As long as its CA when left out. */
  readonly to?: Date
}

interface Details {
  readonly name: string
  readonly network?: string
  readonly from: Date
  readonly to: Date
  readonly ca: boolean
  readonly publicKey: Buffer
  readonly issuer?: Buffer
}

function seal({ name, network, from, to, ca, publicKey, issuer }: Details, key: KeyObject): string {
  const details = element(
    0xa0,
    element(0x80, Buffer.from(name)),
    ...(network === undefined ? [] : [element(0xa1, element(0x04, binary(network)))]),
    ...(ca ? [element(0x84, Buffer.of(0xff))] : []),
    element(0x85, integer(Math.floor(from.getTime() / 1000))),
    element(0x86, integer(Math.floor(to.getTime() / 1000))),
    ...(issuer === undefined ? [] : [element(0x87, issuer)]),
  )
  const signature = sign(null, Buffer.concat([details, Buffer.of(0), publicKey]), key)
  return pem('CERTIFICATE V2', element(0x30, details, element(0x82, publicKey), element(0x83, signature)))
}

/** An address and the length of its network, in one byte more than the address has. */
function binary(network: string): Buffer {
  const [address = '', length] = network.split('/')
  const hex = bits(address)
    .toString(16)
    .padStart(isIPv4(address) ? 8 : 32, '0')
  return Buffer.concat([Buffer.from(hex, 'hex'), Buffer.of(Number(length))])
}

/** The 32 bytes of a key of these curves, which stand last in its DER. */
const raw = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: key.type === 'private' ? 'pkcs8' : 'spki' } as { format: 'der'; type: 'spki' }).subarray(-32)

const pem = (what: string, bytes: Buffer): string =>
  `-----BEGIN NEBULA ${what}-----\n${(bytes.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END NEBULA ${what}-----\n`
