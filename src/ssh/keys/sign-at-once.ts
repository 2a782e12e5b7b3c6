import type { Client, ParsedKey } from 'ssh2'

/**
 * Has a client sign with an ed25519 key file at once, where ssh2 first asks whether the host would take the key: a round trip less, and a
 * host that refuses the key refuses it just the same (RFC 4252 7). ssh2 has no setting for it, so this reaches into it; where a
 * later ssh2 looks otherwise, nothing changes. Keys of an agent are still asked about first: some make their owner touch them.
 */
export function signAtOnce(client: Client): void {
  const protocol = (client as unknown as { readonly _protocol?: Partial<Protocol> })._protocol
  const offer = protocol?.authPK
  if (protocol === undefined || typeof offer !== 'function') return
  protocol.authPK = function (user, key, algorithm, sign) {
    const signing = sign === undefined && algorithm === undefined && key.type === 'ssh-ed25519' && key.isPrivateKey?.()
    offer.call(this, user, key, algorithm, signing ? (data, done) => done(key.sign(data)) : sign)
  }
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

/** The part of ssh2's Protocol that is used: lib/protocol/Protocol.js of ssh2 1.17. */
interface Protocol {
  authPK(this: unknown, user: string, key: ParsedKey, algorithm: string | undefined, sign: Sign | undefined): void
}
