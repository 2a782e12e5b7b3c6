import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import type { Link } from '../../../src/ssh/link/link.ts'
import { collect, openChannel } from '../../../src/ssh/session/exec.ts'
import { lineReader } from '../../../src/ssh/session/records.ts'

/** An SSH server whose commands end at once, and which says so in the same packet in which it says that they begin. */
const hostKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })
const server = new ssh2.Server({ hostKeys: [hostKey] }, () => undefined)
const sockets: Socket[] = []
const listener = createServer((socket) => {
  sockets.push(socket)
  server.injectSocket(socket)
})
server.on('connection', (client) => {
  client.on('authentication', (attempt) => attempt.accept())
  client.on('session', (accept) =>
    accept().on('exec', (begin, _, { command }) => {
      if (command === 'hangs') return void begin()
      if (command === 'talks, then hangs') return void begin().write('begun\n')
      if (command === 'opens nothing') return
      const socket = sockets.at(-1)!
      socket.cork()
      const channel = begin()
      channel.exit(Number(command))
      channel.end()
      socket.uncork()
    }),
  )
})
const client = new ssh2.Client()

before(async () => {
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  client.connect({ host: '127.0.0.1', port: (listener.address() as AddressInfo).port, username: 'someone' })
  await once(client, 'ready')
})

after(() => {
  client.end()
  listener.close()
})

test('ssh: the exit code of a command is heard that has ended before anybody could listen', async () => {
  for (const code of [0, 1, 7]) {
    const channel = await openChannel({ client } as Link, 'here', String(code))
    const ended = collect(channel!, 'here')
    channel!.end()
    assert.equal((await ended).code, code)
  }
})

test('ssh: a host that does not go on is given up, with what it did not do', async () => {
  const link = { client } as Link
  await assert.rejects(openChannel(link, 'here', 'opens nothing', 200), { message: 'the host opened no session within 0 s' })
  const mute = await openChannel(link, 'here', 'hangs')
  await assert.rejects(collect(mute!, 'here', undefined, { firstMs: 200 }), { message: 'the host ran nothing within 0 s' })
  const silent = await openChannel(link, 'here', 'talks, then hangs')
  await assert.rejects(collect(silent!, 'here', undefined, { silenceMs: 200 }), {
    message: 'the host said nothing more within 0 s',
  })
  assert.equal((await collect((await openChannel(link, 'here', '3'))!, 'here')).code, 3, 'the link is as good as before')
})

test('ssh: a line without an end is cut into pieces, and no more of it is kept', () => {
  const seen: number[] = []
  const lines = lineReader((line) => seen.push(line.length))
  const chunk = Buffer.alloc(32 * 1024, 'x')
  const before = process.memoryUsage().rss
  for (let i = 0; i < 16 * 1024; i++) lines.add(chunk)
  lines.end()
  const grown = (process.memoryUsage().rss - before) / 1024 / 1024
  assert.equal(
    seen.reduce((all, one) => all + one, 0),
    512 * 1024 * 1024,
  )
  assert.ok(Math.max(...seen) <= 64 * 1024)
  assert.ok(grown < 200, `${grown} MB for a line of 512 MB`)
})
