import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import {
  type Answer,
  AUTHENTIC_DATA,
  CHECKING_DISABLED,
  type DecodedPacket,
  decode,
  encode,
  RECURSION_DESIRED,
  type RecordType,
} from 'dns-packet'

/** A name server, at one of its addresses. */
export interface NameServer {
  readonly address: string
  readonly port: number
}

/** What is asked. */
export interface Query {
  readonly name: string
  readonly type: RecordType
}

/** What a name server answered. */
export interface DnsReply {
  readonly rcode: string
  /** It speaks for the zone itself. */
  readonly authoritative: boolean
  /** It says that it has validated this. */
  readonly authentic: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

/** How long, and how. */
export interface QueryOptions {
  /** Milliseconds until each try is given up. */
  readonly tries?: readonly number[] | undefined
  /** To a resolver: it shall find out. */
  readonly recursion?: boolean | undefined
  /** With signatures, and whether they were validated. */
  readonly dnssec?: boolean | undefined
  /** To a resolver that validates: also what it would not believe. */
  readonly unchecked?: boolean | undefined
}

/** A name server did not answer, or not in a way that can be read: what it knows is unknown. */
export class NoAnswer extends Error {
  /** Nothing at all came back: the server is down, or this machine has no way to it. */
  readonly silent: boolean

  constructor(message: string, silent = false) {
    super(message)
    this.silent = silent
  }
}

/** IPv4 or IPv6, as a person says it. */
export type Family = 'IPv4' | 'IPv6'

/** The family of an address. */
export const familyOf = (address: string): Family => (isIPv6(address) ? 'IPv6' : 'IPv4')

/** Asks one name server one thing: by UDP, again when nothing comes, and by TCP what did not fit. Throws NoAnswer. */
export async function askServer(server: NameServer, query: Query, asking: QueryOptions = {}): Promise<DnsReply> {
  const { tries = [1500, 2500] } = asking
  for (const [i, limit] of tries.entries()) {
    const packet = await byUdp(server, query, asking, limit)
    if (packet?.flag_tc) return replyOf(await byTcp(server, query, asking, limit))
    if (packet !== undefined) return replyOf(packet)
    if (i === tries.length - 1) break
  }
  throw new NoAnswer(`no answer within ${tries.reduce((sum, one) => sum + one, 0) / 1000} s`, true)
}

/** Does this to each of them, at most so many at a time. */
export async function inParallel<T, R>(limit: number, list: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(list.length)
  const queue = list.entries()
  const worker = async () => {
    for (const [i, one] of queue) results[i] = await work(one)
  }
  await Promise.all(Array.from({ length: Math.min(limit, list.length) }, worker))
  return results
}

function replyOf(packet: DecodedPacket): DnsReply {
  return {
    // dns-packet puts it there, and its types do not say so.
    rcode: (packet as { readonly rcode?: string }).rcode ?? 'NOERROR',
    authoritative: packet.flag_aa,
    authentic: packet.flag_ad,
    answers: packet.answers ?? [],
    authorities: packet.authorities ?? [],
    additionals: packet.additionals ?? [],
  }
}

function question(
  { name, type }: Query,
  { recursion = false, dnssec = false, unchecked = false }: QueryOptions,
  id: number,
): Buffer {
  return encode({
    type: 'query',
    id,
    // AD in a query: it may say so in its answer (RFC 6840 5.7).
    flags: (recursion ? RECURSION_DESIRED : 0) | (dnssec ? AUTHENTIC_DATA : 0) | (unchecked ? CHECKING_DISABLED : 0),
    questions: [{ name, type }],
    // 1232 bytes pass everywhere unbroken.
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: dnssec ? 0x8000 : 0,
        flag_do: dnssec,
        options: [],
      },
    ],
  })
}

/** Undefined when nothing came. A socket a question: its port is the other half of what nobody can guess. */
function byUdp(
  { address, port }: NameServer,
  query: Query,
  asking: QueryOptions,
  limit: number,
): Promise<DecodedPacket | undefined> {
  const id = randomInt(65_536)
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  return new Promise<DecodedPacket | undefined>((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), limit)
    const end = () => clearTimeout(timer)
    const fail = (error: Error | undefined) => {
      end()
      reject(refused(error ?? new Error('the socket failed')))
    }
    socket.on('error', fail)
    socket.on('message', (message) => {
      const packet = read(message, id, query)
      if (packet === undefined) return
      end()
      resolve(packet)
    })
    // Connected: what others send is dropped by the kernel, and a closed port is heard of at once.
    socket.connect(port, address, (error?: Error) => {
      if (error === undefined) socket.send(question(query, asking, id))
      else fail(error)
    })
  }).finally(() => socket.close())
}

function byTcp({ address, port }: NameServer, query: Query, asking: QueryOptions, limit: number): Promise<DecodedPacket> {
  const id = randomInt(65_536)
  const socket = connect({ host: address, port })
  return new Promise<DecodedPacket>((resolve, reject) => {
    let got = Buffer.alloc(0)
    socket.setTimeout(limit, () => reject(new NoAnswer(`no answer by TCP within ${limit / 1000} s`)))
    socket.on('error', (error) => reject(refused(error)))
    socket.on('close', () => reject(new NoAnswer('it closed the TCP connection without an answer')))
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk])
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return
      const packet = read(got.subarray(2, 2 + got.readUInt16BE(0)), id, query)
      if (packet === undefined) reject(new NoAnswer('what it answered by TCP cannot be read'))
      else resolve(packet)
    })
    const message = question(query, asking, id)
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]))
  }).finally(() => socket.destroy())
}

/** The packet, if it is the answer to that question. */
function read(message: Buffer, id: number, { name, type }: Query): DecodedPacket | undefined {
  try {
    const packet = decode(message)
    const [asked] = packet.questions ?? []
    return packet.id === id && packet.flag_qr && asked?.type === type && asked.name.toLowerCase() === name.toLowerCase()
      ? packet
      : undefined
  } catch {
    return undefined
  }
}

function refused(error: NodeJS.ErrnoException): NoAnswer {
  // All but a refusal is this machine's own: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL (a scope of IPv6), EADDRNOTAVAIL.
  return error.code === 'ECONNREFUSED' ? new NoAnswer('nothing listens there') : new NoAnswer(error.message, true)
}
