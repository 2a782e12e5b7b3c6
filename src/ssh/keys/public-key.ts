import { createHash } from 'node:crypto'

/** A public key: its type, its blob as it travels, and whether a passphrase protects its private half. */
export interface PublicKey {
  readonly type: string
  readonly blob: Buffer
}

/** `SHA256:…` of a key blob, as ssh-keygen -l shows it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The type that a key blob names: its first string. */
export function typeOf(blob: Buffer): string {
  return string(blob, 0).toString('latin1')
}

/** The key of a line of authorized_keys or of a .pub file, options before it and a comment after it or not; nothing when there is none. */
export function parseLine(line: string): PublicKey | undefined {
  for (const [, type, encoded] of line.matchAll(/(?<=^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+(AAAA[\w+/]+={0,2})/g)) {
    const blob = Buffer.from(encoded!, 'base64')
    if (typeOf(blob) === type) return { type: type!, blob }
  }
  return undefined
}

/**
 * The public half that a private key file in OpenSSH's own format carries in clear, and whether its private half is encrypted.
 * Nothing for any other format. The format: PROTOCOL.key of openssh-portable.
 */
export function parsePrivate(text: string): (PublicKey & { readonly encrypted: boolean }) | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1]
  const bytes = Buffer.from(body ?? '', 'base64')
  const magic = 'openssh-key-v1\0'
  if (bytes.toString('latin1', 0, magic.length) !== magic) return undefined
  const cipher = string(bytes, magic.length)
  const kdf = string(bytes, magic.length + 4 + cipher.length)
  const afterKdf = magic.length + 8 + cipher.length + kdf.length
  const blob = string(bytes, afterKdf + 4 + string(bytes, afterKdf).length + 4)
  return blob.length === 0 ? undefined : { type: typeOf(blob), blob, encrypted: cipher.toString('latin1') !== 'none' }
}

/** The line that authorized_keys takes. */
export function toLine({ type, blob }: PublicKey, comment = ''): string {
  return `${type} ${blob.toString('base64')} ${comment}`.trimEnd()
}

/** The length-prefixed string at this offset; empty when the bytes end before it. */
function string(bytes: Buffer, at: number): Buffer {
  if (at + 4 > bytes.length) return Buffer.alloc(0)
  return bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at))
}
