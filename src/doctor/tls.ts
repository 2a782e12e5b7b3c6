import { createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

/** What a port shows of itself by TLS. */
export interface Shown {
  readonly certificate: X509Certificate
  /** Why a stranger would not trust it for this name; undefined when they would. */
  readonly distrust: string | undefined
  /** sha256 of its public key, in hex: what TLSA 3 1 1 says. */
  readonly key: string
  readonly protocol: string
}

/** Makes a socket a TLS one, for a name. Whether it is trusted is told and not insisted upon. */
export function secured(socket: Socket, servername: string, trusted: readonly string[]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const safe = connect({ socket, servername, ca: [...trusted], rejectUnauthorized: false }, () => resolve(safe))
    safe.once('error', reject)
  })
}

/** What such a socket shows. */
export function shown(socket: TLSSocket, name: string): Shown {
  const certificate = socket.getPeerX509Certificate()!
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const code = socket.authorized ? undefined : String(socket.authorizationError)
  const days = daysLeft(certificate)
  return {
    certificate,
    distrust:
      days < 0
        ? `it ended on ${dateOf(certificate)}`
        : certificate.checkHost(name) === undefined
          ? `it is not for ${name}, but for ${certificate.subjectAltName?.replaceAll('DNS:', '') ?? 'nobody'}`
          : code === undefined
            ? undefined
            : (words[code] ?? `its chain is not trusted: ${code}`),
    key: createHash('sha256').update(spki).digest('hex'),
    protocol: socket.getProtocol() ?? '',
  }
}

/** Days until it ends, as a fraction; negative once it has. */
export const daysLeft = ({ validTo }: X509Certificate): number => (Date.parse(validTo) - Date.now()) / 86_400_000

/** The part of its life that is left, 0 to 1. */
export const lifeLeft = ({ validFrom, validTo }: X509Certificate): number =>
  (Date.parse(validTo) - Date.now()) / (Date.parse(validTo) - Date.parse(validFrom))

/** The day on which it ends. */
export const dateOf = ({ validTo }: X509Certificate): string => new Date(validTo).toISOString().slice(0, 10)

const words: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its chain does not lead to a CA that is trusted: is the intermediate certificate missing?',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the intermediate certificate is not sent along',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its CA is not one that is trusted',
  CERT_NOT_YET_VALID: 'it is not valid yet: whose clock is wrong?',
}
