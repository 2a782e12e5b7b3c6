import { createPrivateKey, createPublicKey } from 'node:crypto'
import { ProvisionError } from '../errors.ts'
import { certificatesIn, keyIn, type NebulaCertificate, signedBy } from '../nebula/certificate.ts'
import type { Secret } from '../secret.ts'
import { bits } from '../util/addresses.ts'
import type { Server } from './schema/shape.ts'

type Declared = Pick<NonNullable<Server['nebula']>, 'address' | 'ca' | 'certificate' | 'key'>

/** What makes a host a node of its network. */
export interface NebulaNode {
  readonly ca: Secret
  readonly certificate: Secret
  readonly key: Secret
  /**
   * What an operator should know: a certificate that ends soon. Asked when the host is looked at, so that what nebula would refuse
   * is refused before the first change.
   */
  notes(): readonly string[]
}

/**
 * The credentials of a node. `notes` throws ProvisionError, with the next move, for those that do not belong together: so does
 * whoever reveals one of them.
 */
export const nebulaNode = (declared: Declared): NebulaNode => {
  const node = {
    ca: declared.ca.map((pem) => ended(read(declared.ca.name, () => certificatesIn(pem)) && pem)),
    certificate: declared.certificate.map((pem) => {
      if (declared.ca.known)
        checkCertificate(
          declared,
          read(declared.certificate.name, () => certificatesIn(pem)),
        )
      return ended(pem)
    }),
    key: declared.key.map((pem) => {
      if (declared.certificate.known) checkKey(declared, pem)
      return ended(pem)
    }),
  }
  return {
    ...node,
    notes: () => {
      for (const one of [node.ca, node.certificate, node.key]) if (one.known) one.reveal()
      return endings(declared)
    },
  }
}

/** `secrets set` drops the last newline. */
const ended = (pem: string): string => `${pem.trimEnd()}\n`

/** What is thrown by whoever reads it, as ours. */
function read<T>(name: string, attempt: () => T): T {
  try {
    return attempt()
  } catch (error) {
    throw wrong(name, error instanceof Error ? error.message : String(error))
  }
}

const wrong = (name: string, message: string): ProvisionError =>
  new ProvisionError(name, message, `sign the node with nebula-cert, then: provision secrets set ${name} < FILE`)

function checkCertificate({ ca, certificate, address }: Declared, all: readonly NebulaCertificate[]): void {
  const authorities = read(ca.name, () => certificatesIn(ca.reveal()))
  for (const one of all) {
    if (one.ca) throw wrong(certificate.name, 'is a CA, not the certificate of a node')
    if (!authorities.some((authority) => signedBy(one, authority))) throw wrong(certificate.name, `was not signed by ${ca.name}`)
    if (!one.networks.some((network) => same(network, address)))
      throw wrong(certificate.name, `is for ${one.networks.join(', ') || 'no address'}, and nebula.address is ${address}`)
  }
}

function checkKey({ certificate, key }: Declared, pem: string): void {
  const all = read(certificate.name, () => certificatesIn(certificate.reveal()))
  const { kind, bytes } = read(key.name, () => keyIn(pem))
  if (/ED25519|ECDSA/.test(kind)) throw wrong(key.name, 'is the key of a CA: it stays with you, and never goes to a host')
  // P256 keys are left for nebula itself to compare.
  if (kind !== 'X25519 PRIVATE KEY') return
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), bytes])
  const own = read(key.name, () => createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })))
  const publicKey = own.export({ format: 'der', type: 'spki' }).subarray(-32)
  if (!all.every((one) => one.publicKey.equals(publicKey))) throw wrong(key.name, `does not belong to ${certificate.name}`)
}

const same = (a: string, b: string): boolean => {
  const [[one = '', length], [other = '', otherLength]] = [a.split('/'), b.split('/')]
  return length === otherLength && one.includes(':') === other.includes(':') && bits(one) === bits(other)
}

/** Nodes are renewed by hand, and all of them end with their CA: a month is enough to notice. */
const soon = 30

/** One that has ended is told, too: mail and web go on without the overlay, and so does a run. */
function endings({ ca, certificate }: Declared): readonly string[] {
  const left = (to: Date) => Math.floor((to.getTime() - Date.now()) / 86_400_000)
  return [ca, certificate].flatMap((secret) =>
    secret.known
      ? read(secret.name, () => certificatesIn(secret.reveal()))
          .filter(({ to }) => left(to) < soon)
          .map(
            ({ to }) =>
              `${secret.name} ${left(to) < 0 ? `ended on ${day(to)}` : `ends on ${day(to)}, in ${left(to)} days`}: sign another, then: provision secrets set ${secret.name}`,
          )
      : [],
  )
}

/** When the first certificate of a node ends, in seconds since 1970: what the host is told to watch. */
export const nebulaEnds = ({ ca, certificate }: Pick<Declared, 'ca' | 'certificate'>): Secret => {
  const first = (pem: string) => Math.min(...certificatesIn(pem).map(({ to }) => to.getTime() / 1000))
  return certificate.map(
    (pem) => `${Math.floor(Math.min(first(pem), ca.known ? first(ca.reveal()) : Number.POSITIVE_INFINITY))}\n`,
  )
}

const day = (date: Date): string => date.toISOString().slice(0, 10)
