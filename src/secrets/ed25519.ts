import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { parsePrivate, toLine } from '../ssh/keys/public-key.ts'

/** A private key as ssh-keygen writes it, without a passphrase. The format: PROTOCOL.key of openssh-portable. */
export function newKey(): string {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const blob = Buffer.concat([string('ssh-ed25519'), string(point)])
  const check = randomBytes(4)
  const half = Buffer.concat([check, check, blob, string(Buffer.concat([seed, point])), string('')])
  const padding = Buffer.from(Array.from({ length: (8 - (half.length % 8)) % 8 }, (_, i) => i + 1))
  const whole = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), string('none'), string('none'), string(''), Buffer.from([0, 0, 0, 1])],
    ...[string(blob), string(Buffer.concat([half, padding]))],
  ])
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n')
}

/** The public half of a private key in OpenSSH's format, as a line of authorized_keys; undefined for anything else. */
export function publicLine(privateKey: string, comment: string): string | undefined {
  const key = parsePrivate(privateKey)
  return key === undefined ? undefined : toLine(key, comment)
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
