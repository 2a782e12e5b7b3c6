import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { aptCache } from '../../../src/rehearsal/image/apt-cache.ts'

const directory = mkdtempSync(join(tmpdir(), 'apt-cache-'))
const lastModified = 'Sat, 06 Sep 2025 10:00:00 GMT'
/** What the mirror was asked, with what it answered. */
let asked: string[] = []
const content = 'one'

const mirror = createServer((incoming, answer) => {
  const unchanged = incoming.headers['if-modified-since'] === lastModified
  const status = incoming.url?.endsWith('absent') ? 404 : unchanged ? 304 : 200
  asked.push(`${incoming.url} ${status}`)
  answer.writeHead(status, { 'last-modified': lastModified }).end(status === 200 ? content : '')
})
const mirrorPort = await listen(mirror)
const cache = aptCache({ directory, upstream: { 'http://deb.example/debian/': `http://127.0.0.1:${mirrorPort}/debian/` } })
const cachePort = await listen(cache)

beforeEach(() => {
  asked = []
})

after(() => {
  for (const server of [mirror, cache]) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(directory, { recursive: true, force: true })
})

async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** What apt sends to a proxy. */
const get = (path: string, headers: Record<string, string> = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: cachePort, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(`${response.statusCode} ${text}`))
    })
      .on('error', reject)
      .end()
  })

const grownOld = () => {
  const old = new Date(Date.now() - 2 * 3_600_000)
  for (const name of readdirSync(directory)) utimesSync(join(directory, name), old, old)
}

test('apt cache: a package is fetched once, even after hours', async () => {
  assert.equal(await get('http://deb.example/debian/pool/h/hello.deb'), '200 one')
  grownOld()
  assert.equal(await get('http://deb.example/debian/pool/h/hello.deb'), '200 one')
  assert.deepEqual(asked, ['/debian/pool/h/hello.deb 200'])
})

test('apt cache: an index is asked for again after an hour, and only then', async () => {
  const index = 'http://deb.example/debian/dists/bookworm/InRelease'
  assert.equal(await get(index), '200 one')
  assert.equal(await get(index), '200 one')
  grownOld()
  assert.equal(await get(index), '200 one')
  assert.equal(await get(index), '200 one')
  assert.deepEqual(asked, ['/debian/dists/bookworm/InRelease 200', '/debian/dists/bookworm/InRelease 304'])
})

test('apt cache: who has the newest is told so', async () => {
  const index = 'http://deb.example/debian/dists/bookworm/InRelease'
  assert.equal(await get(index, { 'if-modified-since': lastModified }), '304 ')
})

test('apt cache: what the mirror does not have is not kept', async () => {
  assert.equal(await get('http://deb.example/debian/dists/absent'), '404 ')
  assert.equal(await get('http://deb.example/debian/dists/absent'), '404 ')
  assert.equal(asked.length, 2)
})

test('apt cache: nothing outside the mirror is fetched, however it is written', async () => {
  for (const address of [
    `http://127.0.0.1:${mirrorPort}/debian/pool/x`,
    'http://other.example/debian/x',
    'http://deb.example/debian/../secret',
    'http://deb.example/debian/%2e%2e/secret',
    '/debian/x',
  ])
    assert.match(await get(address), /^403 /, address)
  assert.deepEqual(asked, [])
})

test('apt cache: what is kept is served when the mirror is gone', async () => {
  const index = 'http://deb.example/debian/dists/bookworm/InRelease'
  mirror.closeAllConnections()
  mirror.close()
  grownOld()
  assert.equal(await get(index), '200 one')
  assert.match(await get('http://deb.example/debian/pool/n/new.deb'), /^502 /)
})
