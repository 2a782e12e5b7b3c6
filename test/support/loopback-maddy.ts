import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { artifactSource, openLock } from '../../src/artifacts/artifacts.ts'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { until } from '../../src/rehearsal/local.ts'
import { root } from '../../src/util/text.ts'

/** A maddy of its own, as the inventory pins it, on loopback: no TLS, no DNS, no checks, nothing that leaves this machine. */
export interface LoopbackMaddy {
  /** Everything that it keeps. */
  readonly state: string
  /** What it has logged so far. */
  log(): string
  /** Sends a message over 25, or over submission with a login, byte for byte; the answer to the first command that was refused, or to the message. */
  send(way: 'smtp' | 'submission', message: Message): Promise<string>
  /** A new login, what is done with it, and its end. */
  reading<T>(act: (client: ImapFlow) => Promise<T>, who?: string): Promise<T>
  stop(): Promise<void>
}

/** An envelope and a message, one character for each byte. */
export interface Message {
  readonly from?: string
  readonly to?: readonly string[]
  readonly text: string
}

/** Who has a mailbox there; all have the same password. */
export const [alice, bob] = ['alice@example.org', 'bob@example.org'] as const
const password = 'correct horse'

/** The bytes of a message; it is refused when it is larger. */
export const largest = 2 * 1024 * 1024

/** Starts one in `place`, or in a temporary folder that goes with it. `program` is what runs, the pinned maddy when it is left out. */
export async function loopbackMaddy({
  place,
  program,
}: {
  readonly place?: string
  readonly program?: string
} = {}): Promise<LoopbackMaddy> {
  const folder = place ?? mkdtempSync(join(tmpdir(), 'maddy-test-'))
  const maddy = program ?? (await pinnedMaddy())
  const [smtp, submission, imap] = await freePorts(3)
  const [state, config] = [join(folder, 'state'), join(folder, 'maddy.conf')]
  mkdirSync(state)
  writeFileSync(config, configuration(folder, { smtp: smtp!, submission: submission!, imap: imap! }))
  const command = (...args: readonly string[]) =>
    execFileSync(maddy, ['--config', config, ...args], { input: `${password}\n`, stdio: ['pipe', 'pipe', 'pipe'] })
  for (const who of [alice, bob]) {
    command('imap-acct', 'create', who)
    command('creds', 'create', '--bcrypt-cost', '4', who)
  }
  const daemon = spawn(maddy, ['--config', config, 'run'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const said: string[] = []
  createInterface({ input: daemon.stderr }).on('line', (line) => said.push(line))
  const ended = once(daemon, 'exit')
  const it: LoopbackMaddy = {
    state,
    log: () => said.join('\n'),
    send: (way, message) => send(way === 'smtp' ? smtp! : submission!, way === 'submission', message),
    reading: async (act, who = alice) => {
      const auth = { user: who, pass: password }
      const client = new ImapFlow({ host: '127.0.0.1', port: imap!, secure: false, logger: false, auth })
      // What breaks a connection rejects the command that waits for it.
      client.on('error', () => undefined)
      try {
        await client.connect()
        return await act(client)
      } finally {
        await client.logout().catch(() => client.close())
      }
    },
    stop: async () => {
      daemon.kill('SIGTERM')
      await ended
      if (place === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
  const limits = { where: 'maddy', what: 'its start', limit: 60_000, evidence: () => it.log() }
  await until(limits, async () => ((await answers(imap!)) && (await answers(smtp!)) ? true : undefined))
  return it
}

/** The maddy that the reference inventory pins, from the cache, or built. */
export async function pinnedMaddy(): Promise<string> {
  const { server, dir } = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  const lock = await openLock(dir, { embedded: true })
  return (await artifactSource(server.artifacts, { lock }).obtain('maddy', process.arch === 'arm64' ? 'arm64' : 'amd64')).path
}

const configuration = (folder: string, ports: { readonly smtp: number; readonly submission: number; readonly imap: number }) => `
state_dir ${folder}/state
runtime_dir ${folder}/run
hostname mx1.example.org
tls off
log stderr
auth.pass_table local_authdb {
    table sql_table {
        driver sqlite3
        dsn credentials.db
        table_name passwords
    }
}
storage.imapsql local_mailboxes {
    driver sqlite3
    dsn imapsql.db
}
msgpipeline local_routing {
    reroute {
        destination_in &local_mailboxes {
            deliver_to &local_mailboxes
        }
        default_destination {
            reject 550 5.1.1 "User doesn't exist"
        }
    }
}
smtp tcp://127.0.0.1:${ports.smtp} {
    max_message_size ${largest}b
    deliver_to &local_routing
}
submission tcp://127.0.0.1:${ports.submission} {
    max_message_size ${largest}b
    auth &local_authdb
    insecure_auth yes
    deliver_to &local_routing
}
imap tcp://127.0.0.1:${ports.imap} {
    auth &local_authdb
    insecure_auth yes
    storage &local_mailboxes
}
`

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
      .once('connect', () => resolve(true))
      .once('error', () => resolve(false))
    socket.once('close', () => undefined).unref()
    socket.once('connect', () => socket.destroy())
  })

/** How long an answer may take, in milliseconds: a database that is locked is given up after five seconds. */
const patience = 60_000

async function send(
  port: number,
  login: boolean,
  { from = 'stranger@example.net', to = [alice], text }: Message,
): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port })
  socket.setEncoding('latin1').setTimeout(patience, () => socket.destroy(new Error('no answer')))
  const replies = repliesOf(socket)
  const command = async (line: string): Promise<string> => {
    socket.write(line, 'latin1')
    const { value } = await replies.next().catch((error: unknown) => ({ value: `closed: ${String(error)}` }))
    return value ?? 'closed'
  }
  try {
    await replies.next()
    const lines = [
      'EHLO client.example.net',
      ...(login ? [`AUTH PLAIN ${Buffer.from(`\0${from}\0${password}`).toString('base64')}`] : []),
      `MAIL FROM:<${from}>`,
      ...to.map((one) => `RCPT TO:<${one}>`),
      'DATA',
    ]
    for (const line of lines) {
      const reply = await command(`${line}\r\n`)
      if (!/^[23]/.test(reply)) return reply
    }
    const stuffed = text.replace(/(^|\r\n)\./g, '$1..')
    return await command(`${stuffed}${stuffed.endsWith('\r\n') || stuffed === '' ? '' : '\r\n'}.\r\n`)
  } finally {
    socket.destroy()
  }
}

/** Replies, each with all its lines; the generator ends with the connection. */
async function* repliesOf(socket: Socket): AsyncGenerator<string> {
  let got = ''
  for await (const chunk of socket) {
    got += chunk
    for (;;) {
      const [reply] = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(got) ?? []
      if (reply === undefined) break
      got = got.slice(reply.length)
      yield reply.trimEnd()
    }
  }
}
