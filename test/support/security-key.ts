import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:net'
import { reader, string } from '../../src/ssh/keys/agent-protocol.ts'

/** An agent that holds one security key, in software: what ssh-agent and a FIDO stick are to a client. */
export interface SecurityKeyAgent {
  readonly socket: string
  /** The line of authorized_keys. */
  readonly publicKey: string
  /** How often it was touched to sign. */
  touched(): number
  stop(): void
}

const types = { ed25519: 'sk-ssh-ed25519@openssh.com', ecdsa: 'sk-ecdsa-sha2-nistp256@openssh.com' } as const
const application = 'ssh:'

/** Starts one on a socket. What it signs is what PROTOCOL.u2f of openssh-portable says; it speaks draft-miller-ssh-agent. */
export async function startSecurityKey(socket: string, algorithm: keyof typeof types): Promise<SecurityKeyAgent> {
  const { privateKey, publicKey } =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const part = (text = ''): Buffer => Buffer.from(text, 'base64url')
  const point = Buffer.concat([Buffer.from([4]), part(jwk.x), part(jwk.y)])
  const body = algorithm === 'ed25519' ? [part(jwk.x)] : [Buffer.from('nistp256'), point]
  const blob = Buffer.concat([Buffer.from(types[algorithm]), ...body, Buffer.from(application)].map(string))
  let touches = 0

  const signed = (data: Buffer): Buffer => {
    const tail = Buffer.alloc(5)
    tail[0] = 1
    tail.writeUInt32BE(++touches, 1)
    const hash = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest()
    const message = Buffer.concat([hash(application), tail, hash(data)])
    const raw =
      algorithm === 'ed25519'
        ? sign(null, message, privateKey)
        : ((both) => Buffer.concat([mpint(both.subarray(0, 32)), mpint(both.subarray(32))]))(
            sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
          )
    return Buffer.concat([string(Buffer.from(types[algorithm])), string(raw), tail])
  }

  const answer = (request: Buffer): Buffer => {
    const asked = reader(request)
    const kind = asked.byte()
    if (kind === 11) return Buffer.concat([Buffer.from([12, 0, 0, 0, 1]), string(blob), string(Buffer.from('a stick'))])
    if (kind !== 13 || !asked.string().equals(blob)) return Buffer.from([5])
    return Buffer.concat([Buffer.from([14]), string(signed(asked.string()))])
  }
  const server = createServer((stream) => {
    let got = Buffer.alloc(0)
    stream
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk])
        if (got.length >= 4 && got.length >= 4 + got.readUInt32BE(0)) stream.write(string(answer(got.subarray(4))))
      })
  })
  await new Promise<void>((resolve) => void server.listen(socket, resolve))
  return {
    socket,
    publicKey: `${types[algorithm]} ${blob.toString('base64')} a stick`,
    touched: () => touches,
    stop: () => void server.close(),
  }
}

/** A number as SSH carries it: no zeros before it, and one where its first bit would be a sign. */
function mpint(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0)
  const short = bytes.subarray(from)
  return string(short[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short)
}
