import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

/** A dialogue in SMTP, line by line: what no mail library would send. */
export interface Dialogue {
  /** Sends a line, and answers the whole reply: `250 2.0.0 OK`, lines joined by LF. Throws when the connection ends instead. */
  say(line: string): Promise<string>
  /** Sends a mail as it is, one character a byte, with its dots doubled; the reply to it. */
  data(text: string): Promise<string>
  close(): void
}

/** Who logs in, and how. */
export interface Login {
  readonly user: string
  readonly password: string
  readonly by?: 'PLAIN' | 'LOGIN'
}

/** Connects, says EHLO, and logs in where there is a login. `tls` is for 465. Throws the reply when one of them is refused. */
export async function dialogue(
  host: string,
  port: number,
  { tls, login, from }: { readonly tls?: ConnectionOptions; readonly login?: Login; readonly from?: string } = {},
): Promise<Dialogue> {
  const at = { host, port, ...(from === undefined ? {} : { localAddress: from }) }
  const socket: Socket = tls === undefined ? connectPlain(at) : connectTls({ ...at, ...tls })
  socket.setTimeout(60_000, () => socket.destroy(new Error('no answer within a minute')))
  const lines = replies(socket)
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the connection has ended')
    return value
  }
  const say = (line: string): Promise<string> => {
    socket.write(`${line}\r\n`)
    return next()
  }
  const must = (reply: string): string => {
    if (!/^[23]/.test(reply)) {
      socket.destroy()
      throw new Error(reply)
    }
    return reply
  }
  must(await next())
  must(await say('EHLO test.peer.example'))
  if (login?.by === 'LOGIN') {
    must(await say('AUTH LOGIN'))
    must(await say(base64(login.user)))
    must(await say(base64(login.password)))
  } else if (login !== undefined) must(await say(`AUTH PLAIN ${base64(`\0${login.user}\0${login.password}`)}`))
  return {
    say,
    data: async (text) => {
      const ready = await say('DATA')
      if (!ready.startsWith('354')) return ready
      const stuffed = text.replace(/(^|\r\n)\./g, '$1..')
      socket.write(Buffer.from(`${stuffed}${stuffed.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1'))
      return next()
    },
    close: () => void socket.destroy(),
  }
}

/** One mail from start to end; the first reply that is no 2xx, or the last one. */
export async function deliver(talk: Dialogue, from: string, to: readonly string[], text: string): Promise<string> {
  for (const line of [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`)]) {
    const reply = await talk.say(line)
    if (!reply.startsWith('2')) {
      await talk.say('RSET')
      return reply
    }
  }
  return talk.data(text)
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function* replies(socket: Socket): AsyncGenerator<string, void> {
  let [rest, reply] = ['', [] as string[]]
  for await (const chunk of socket) {
    rest += String(chunk)
    for (let end = rest.indexOf('\r\n'); end !== -1; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 2)
      reply.push(line)
      if (line[3] === '-') continue
      yield reply.join('\n')
      reply = []
    }
  }
}
