import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import { collect, openChannel } from '../../src/ssh/exec.ts'
import type { Link } from '../../src/ssh/link.ts'

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
