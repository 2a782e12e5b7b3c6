import { createHmac, randomInt, timingSafeEqual } from 'node:crypto'
import { connect } from 'node:net'
import { type NameServer, NoAnswer } from './client.ts'
import type { DnsRecord, Said } from './record.ts'
import { classes, types, u16, u32, wireData, wireName } from './wire.ts'

/** What is to be done with a zone: what goes, and what comes. */
export interface ZoneChange {
  readonly zone: string
  readonly remove: readonly Said[]
  readonly add: readonly DnsRecord[]
}

/** A key that a name server knows: RFC 8945. */
export interface TsigKey {
  readonly name: string
  readonly algorithm: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512'
  /** In base64. */
  readonly secret: string
}

/** A name server said no; nothing was changed. */
export class Refused extends Error {}

/**
 * Sends a dynamic update (RFC 2136), signed, by TCP: all of it at once or none, up to what a message holds (64 kB, some 600 records).
 * More is sent in several, of which each is all that is done at some names: no name is ever left half done. The server raises the
 * serial by itself. Throws Refused with its reason, and NoAnswer when it is not known whether it was done.
 */
export async function update(server: NameServer, change: ZoneChange, key: TsigKey, now = Date.now()): Promise<void> {
  for (const part of splitChange(change)) await send(server, part, key, now)
}

/** A change in as few parts as messages take. Pure. */
export function splitChange(change: ZoneChange, most = 60_000): readonly ZoneChange[] {
  const parts: { size: number; names: Set<string> }[] = []
  for (const [name, of] of Map.groupBy([...change.remove, ...change.add], (one) => one.name)) {
    const size = of.reduce((sum, one) => sum + wireName(name).length + 10 + wireData(one).length, 0)
    const last = parts.at(-1)
    if (last !== undefined && last.size + size <= most) {
      last.size += size
      last.names.add(name)
    } else parts.push({ size, names: new Set([name]) })
  }
  return parts.map(({ names: own }) => ({
    zone: change.zone,
    remove: change.remove.filter(({ name }) => own.has(name)),
    add: change.add.filter(({ name }) => own.has(name)),
  }))
}

async function send(server: NameServer, change: ZoneChange, key: TsigKey, now: number): Promise<void> {
  const id = randomInt(65_536)
  const records = [
    ...change.remove.map((said) => resource(said.name, types[said.type], classes.NONE, 0, wireData(said))),
    ...change.add.map((record) => resource(record.name, types[record.type], classes.IN, record.ttl, wireData(record))),
  ]
  const header = (additional: number) =>
    Buffer.concat([u16(id), u16(opcodeUpdate), u16(1), u16(0), u16(records.length), u16(additional)])
  const body = Buffer.concat([wireName(change.zone), u16(types.SOA), u16(classes.IN), ...records])
  const time = Math.floor(now / 1000)
  const mac = sign(key, [header(0), body, variables(key, time, 0, Buffer.alloc(0))])
  const message = Buffer.concat([header(1), body, tsig(key, time, mac, id)])
  judge(await exchange(server, message), id, key, mac)
}

const opcodeUpdate = 5 << 11

const resource = (name: string, type: number, of: number, ttl: number, data: Buffer): Buffer =>
  Buffer.concat([wireName(name), u16(type), u16(of), u32(ttl), u16(data.length), data])

/** Clocks may differ by this many seconds. */
const fudge = 300

const uint48 = (value: number): Buffer => Buffer.concat([u16(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)])

/** What is signed besides the message: RFC 8945 4.3.3. */
const variables = ({ name, algorithm }: TsigKey, time: number, error: number, other: Buffer): Buffer =>
  Buffer.concat([
    wireName(name),
    u16(classes.ANY),
    u32(0),
    wireName(algorithm),
    uint48(time),
    u16(fudge),
    u16(error),
    u16(other.length),
    other,
  ])

const tsig = (key: TsigKey, time: number, mac: Buffer, id: number): Buffer =>
  resource(
    key.name,
    types.TSIG,
    classes.ANY,
    0,
    Buffer.concat([wireName(key.algorithm), uint48(time), u16(fudge), u16(mac.length), mac, u16(id), u16(0), u16(0)]),
  )

const sign = ({ algorithm, secret }: TsigKey, parts: readonly Buffer[]): Buffer =>
  createHmac(algorithm.replace('hmac-', ''), Buffer.from(secret, 'base64')).update(Buffer.concat(parts)).digest()

/** One message there and one back. */
function exchange({ address, port }: NameServer, message: Buffer): Promise<Buffer> {
  const limit = 10_000
  const socket = connect({ host: address, port })
  return new Promise<Buffer>((resolve, reject) => {
    let got = Buffer.alloc(0)
    socket.setTimeout(limit, () => reject(new NoAnswer(`no answer within ${limit / 1000} s`)))
    socket.on('error', (error) => reject(new NoAnswer(error.message)))
    socket.on('close', () => reject(new NoAnswer('it closed the connection without an answer')))
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk])
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) resolve(got.subarray(2, 2 + got.readUInt16BE(0)))
    })
    socket.write(Buffer.concat([u16(message.length), message]))
  }).finally(() => socket.destroy())
}

/** Throws unless the server says that it was done, and its signature is right. */
function judge(reply: Buffer, id: number, key: TsigKey, request: Buffer): void {
  if (reply.length < 12 || reply.readUInt16BE(0) !== id) throw new NoAnswer('what it answers belongs to something else')
  const rcode = reply.readUInt16BE(2) & 15
  const signed = signatureOf(reply)
  if (rcode !== 0) throw new Refused(reason(rcode, signed?.error ?? 0, key))
  if (signed === undefined) throw new NoAnswer('its answer is not signed')
  const { start, time, error, other, mac } = signed
  const unsigned = Buffer.from(reply.subarray(0, start))
  unsigned.writeUInt16BE(reply.readUInt16BE(10) - 1, 10)
  const expected = sign(key, [u16(request.length), request, unsigned, variables(key, time, error, other)])
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected))
    throw new NoAnswer('the signature of its answer is wrong')
}

/** The TSIG at the end of a message. */
function signatureOf(reply: Buffer) {
  const counts = [4, 6, 8, 10].map((at) => reply.readUInt16BE(at))
  const [questions = 0, ...rest] = counts
  let at = 12
  for (let i = 0; i < questions; i++) at = afterName(reply, at) + 4
  let start = at
  for (let i = rest.reduce((sum, n) => sum + n, 0); i > 0; i--) {
    start = at
    const fields = afterName(reply, at)
    at = fields + 10 + reply.readUInt16BE(fields + 8)
  }
  const fields = afterName(reply, start)
  if (at === start || reply.readUInt16BE(fields) !== types.TSIG) return undefined
  const data = afterName(reply, fields + 10)
  const time = reply.readUInt16BE(data) * 2 ** 32 + reply.readUInt32BE(data + 2)
  const size = reply.readUInt16BE(data + 8)
  const mac = reply.subarray(data + 10, data + 10 + size)
  const end = data + 10 + size
  return {
    start,
    time,
    mac,
    error: reply.readUInt16BE(end + 2),
    other: reply.subarray(end + 6, end + 6 + reply.readUInt16BE(end + 4)),
  }
}

function afterName(message: Buffer, from: number): number {
  let at = from
  for (;;) {
    const length = message.readUInt8(at)
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2
    at += length + 1
  }
}

function reason(rcode: number, error: number, { name }: TsigKey): string {
  if (error === 16) return `it does not take the key ${name}: another secret or algorithm`
  if (error === 17) return `it knows no key ${name}`
  if (error === 18) return 'its clock and the one here differ by more than five minutes'
  return (
    {
      2: 'it failed (SERVFAIL)',
      5: `the key ${name} may not change this (REFUSED)`,
      9: `it is not the primary of that zone, or does not take the key ${name} (NOTAUTH)`,
      10: 'that is not in the zone (NOTZONE)',
    }[rcode] ?? `it answers ${rcode}`
  )
}
