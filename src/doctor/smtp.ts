import { connect as open, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { CouldNotLook } from './could-not-look.ts'
import { type Shown, secured, shown } from './tls.ts'

/** Where a mail server is asked, and for which name its certificate should be. */
export interface Door {
  readonly address: string
  readonly port: number
  readonly name: string
  readonly trusted: readonly string[]
  /** TLS from the first byte. */
  readonly implicit?: boolean
}

/** What a server answers: its code, and its lines without it. */
export interface SmtpReply {
  readonly code: number
  readonly lines: readonly string[]
}

/** A conversation with a mail server. */
export interface Smtp {
  readonly greeting: SmtpReply
  say(line: string): Promise<SmtpReply>
  /** STARTTLS, and what is shown then. Throws CouldNotLook when it is refused. */
  startTls(): Promise<Shown>
}

const patience = 7000

/** Why a connection was not made: node's code, or `ETIMEDOUT`. */
export class NoConnection extends CouldNotLook {
  readonly code: string
  constructor({ address, port }: Pick<Door, 'address' | 'port'>, code: string) {
    super(`${socketName(address, port)} ${answers[code] ?? `does not answer (${code})`}`, 'see ports')
    this.code = code
  }
}

/** `192.0.2.1:25`, `[2001:db8::1]:25`. */
export const socketName = (address: string, port: number): string => `${address.includes(':') ? `[${address}]` : address}:${port}`

/** A TCP connection; it ends itself after some seconds of silence. Throws NoAnswer. */
export function reach({ address, port }: Pick<Door, 'address' | 'port'>, limit = patience): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = open({ host: address, port })
    const fail = (code: string) => {
      socket.destroy()
      reject(new NoConnection({ address, port }, code))
    }
    socket.setTimeout(limit, () => fail('ETIMEDOUT'))
    socket.once('error', (cause: NodeJS.ErrnoException) => fail(cause.code ?? cause.message))
    socket.once('connect', () => resolve(socket))
  })
}

/** Talks SMTP, and hangs up afterwards. Throws NoAnswer and CouldNotLook. */
export async function talk<T>(door: Door, act: (smtp: Smtp) => Promise<T>): Promise<T> {
  let socket: Socket = await reach(door)
  const tls = async (): Promise<Shown> => {
    const safe = await handshake(socket, door)
    socket = safe
    replies = repliesOf(safe, door)
    return shown(safe, door.name)
  }
  let replies = repliesOf(socket, door)
  try {
    if (door.implicit) await tls()
    const greeting = await replies()
    const say = (line: string) => {
      socket.write(`${line}\r\n`)
      return replies()
    }
    const startTls = async () => {
      const { code, lines } = await say('STARTTLS')
      if (code !== 220) throw new CouldNotLook(`${socketName(door.address, door.port)} refuses STARTTLS: ${code} ${lines[0]}`)
      return tls()
    }
    const result = await act({ greeting, say, startTls })
    socket.write('QUIT\r\n')
    return result
  } finally {
    socket.destroy()
  }
}

/** What a door with TLS from the first byte shows, whatever is spoken behind it. Throws NoAnswer and CouldNotLook. */
export async function peek(door: Door): Promise<Shown> {
  const socket = await reach(door)
  try {
    return shown(await handshake(socket, door), door.name)
  } finally {
    socket.destroy()
  }
}

function handshake(socket: Socket, { address, port, name, trusted }: Door): Promise<TLSSocket> {
  return secured(socket, name, trusted).catch((cause: Error) => {
    throw new CouldNotLook(`${socketName(address, port)} does not manage TLS: ${cause.message}`, 'see units')
  })
}

/** Each call waits for one more reply. */
function repliesOf(socket: Socket, { address, port }: Door): () => Promise<SmtpReply> {
  let text = ''
  let wake = () => {}
  let ended: string | undefined
  const end = (why: string) => () => {
    ended ??= why
    wake()
  }
  socket.setTimeout(patience, end('said nothing more'))
  socket.on('error', end('broke the connection off'))
  socket.on('close', end('closed the connection'))
  socket.on('data', (part: Buffer) => {
    text += part.toString('latin1')
    wake()
  })
  return async () => {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r?\n)*(\d{3})(?: .*)?\r?\n/.exec(text)
      if (whole !== null) {
        text = text.slice(whole[0].length)
        const lines = whole[0].trimEnd().split(/\r?\n/)
        return { code: Number(whole[1]), lines: lines.map((line) => line.slice(4)) }
      }
      if (ended !== undefined) throw new CouldNotLook(`${socketName(address, port)} ${ended}`, 'see units')
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

const answers: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'is refused',
  ETIMEDOUT: 'does not answer',
  ECONNRESET: 'breaks the connection off',
  EHOSTUNREACH: 'cannot be reached from here',
  ENETUNREACH: 'cannot be reached from here: this machine has no such network',
  EADDRNOTAVAIL: 'cannot be reached from here: this machine has no such address',
}

/** Whether it was this machine that had no way there. */
export const noWay = (code: string): boolean => ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(code)
