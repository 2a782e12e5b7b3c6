import { connect } from 'node:net'
import type { PublicKey } from './public-key.ts'

/** A key that an agent holds, with its comment. */
export type AgentKey = PublicKey & { readonly comment: string }

/** How long an agent may take to list its keys; one that has to ask its owner first may take longer to sign. */
const listLimitMs = 3000

/**
 * The keys that an agent holds, of whatever type: ssh2 leaves out those of security keys. draft-miller-ssh-agent-14.
 * Throws a plain Error, in a few words, when the agent does not answer.
 */
export async function listKeys(socket: string): Promise<readonly AgentKey[]> {
  const answer = reader(await ask(socket, Buffer.from([requestIdentities]), listLimitMs))
  if (answer.byte() !== identitiesAnswer) throw new Error('it refuses to list its keys')
  return Array.from({ length: answer.uint32() }, () => {
    const blob = answer.string()
    return { type: reader(blob).string().toString('latin1'), blob, comment: answer.string().toString() }
  })
}

/** An agent's signature over data, as SSH carries it: the type, and what belongs to that type. Throws a plain Error when there is none. */
export async function signWith(socket: string, key: PublicKey, data: Buffer, limitMs: number): Promise<Buffer> {
  const request = Buffer.concat([Buffer.from([signRequest]), string(key.blob), string(data), Buffer.alloc(4)])
  const answer = reader(await ask(socket, request, limitMs))
  if (answer.byte() !== signResponse) throw new Error('it refused to sign')
  return answer.string()
}

const [requestIdentities, identitiesAnswer, signRequest, signResponse] = [11, 12, 13, 14]

/** One question and its answer, without the length before each. */
function ask(socket: string, request: Buffer, limitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const stream = connect(socket, () => stream.write(string(request)))
    const end = (act: () => void) => {
      clearTimeout(limit)
      stream.destroy()
      act()
    }
    const fail = (why: string) => end(() => reject(new Error(why)))
    const limit = setTimeout(() => fail(`no answer within ${limitMs / 1000} s`), limitMs)
    stream.on('error', ({ message }) => fail(message)).on('close', () => fail('it closed the connection'))
    stream.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk])
      if (got.length >= 4 && got.length >= 4 + got.readUInt32BE(0)) end(() => resolve(got.subarray(4, 4 + got.readUInt32BE(0))))
    })
  })
}

/** Bytes with their length before them, as all of SSH's protocols carry them. */
export function string(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Reads the parts of a message in order. Throws a plain RangeError where it ends too soon. */
export function reader(bytes: Buffer): { byte(): number; uint32(): number; string(): Buffer; rest(): Buffer } {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('it is cut off')
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint32 = () => take(4).readUInt32BE()
  return { byte: () => take(1).readUInt8(), uint32, string: () => take(uint32()), rest: () => bytes.subarray(at) }
}
