import type { Client, ParsedKey } from 'ssh2'
import { reader, signWith } from './agent-protocol.ts'
import type { PublicKey } from './public-key.ts'

/** Whether a key is one of a security key (FIDO): its private half never leaves it, and its owner touches it to sign. */
export const isSecurityKey = ({ type }: Pick<PublicKey, 'type'>): boolean => type.startsWith('sk-')

/** How long its owner may take to touch it, in milliseconds: less than the LoginGraceTime of sshd, which is two minutes. */
export const touchLimitMs = 60_000

/** What is signed with: the part after the type, which is a string for the signature, then a byte of flags and a counter (PROTOCOL.u2f). */
export async function signWithTouch(socket: string, key: PublicKey, data: Buffer): Promise<Buffer> {
  const signature = reader(await signWith(socket, key, data, touchLimitMs))
  signature.string()
  return Buffer.concat([signature.string(), signature.rest()])
}

/** ssh2 1.17 parses no such key: an ed25519 one that stands for it, with its own type and blob. */
export const standIn = (parsed: ParsedKey, { type, blob }: PublicKey): ParsedKey =>
  Object.create(parsed, {
    type: { value: type },
    getPublicSSH: { value: () => blob },
  }) as ParsedKey

/** The flags and the counter after a signature, in bytes. */
const tail = 5

/**
 * Has a client send the signatures of security keys as they are: ssh2 puts all of a signature into one string, where theirs has flags and a
 * counter after it. So the length of that string is put right just before the packet leaves. Where a later ssh2 looks otherwise,
 * nothing changes.
 */
export function carrySecurityKeys(client: Client): void {
  const protocol = (client as unknown as { readonly _protocol?: Partial<Protocol> })._protocol
  const offer = protocol?.authPK
  if (protocol === undefined || typeof offer !== 'function') return
  protocol.authPK = function (user, key, algorithm, sign) {
    const whole: Sign | undefined =
      sign && ((data, done) => sign(data, (signature) => shortened(this._packetRW.write, signature, done)))
    offer.call(this, user, key, algorithm, isSecurityKey(key) ? whole : sign)
  }
}

function shortened(write: Write, signature: Buffer, done: (signature: Buffer) => void): void {
  const { finalize } = write
  write.finalize = (packet, ...more) => {
    const at = packet.lastIndexOf(signature) - 4
    if (at >= 0) packet.writeUInt32BE(signature.length - tail, at)
    return finalize.call(write, packet, ...more)
  }
  try {
    done(signature)
  } finally {
    write.finalize = finalize
  }
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

interface Write {
  finalize(this: unknown, packet: Buffer, ...more: readonly unknown[]): unknown
}

/** The part of ssh2's Protocol that is used: lib/protocol/Protocol.js of ssh2 1.17. */
interface Protocol {
  readonly _packetRW: { readonly write: Write }
  authPK(this: Protocol, user: string, key: ParsedKey, algorithm: string | undefined, sign: Sign | undefined): void
}
