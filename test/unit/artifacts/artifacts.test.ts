import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { artifactSource, openLock } from '../../../src/artifacts/artifacts.ts'
import { download } from '../../../src/artifacts/download.ts'
import { counted, keepBuilt } from '../../../src/artifacts/go.ts'
import { patchesDigest, patchesOf } from '../../../src/artifacts/patches.ts'
import { tar, untar } from '../../../src/artifacts/tar.ts'
import { Server } from '../../../src/inventory/inventory.ts'

/** A place with a cache and a lock, a server that has some files, and an inventory that downloads from it. */
async function place(t: TestContext, files: Record<string, Buffer>, change: object = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  const asked: string[] = []
  const http = createServer((request, response) => {
    asked.push(request.url ?? '')
    const file = files[request.url ?? '']
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-length': file.length }).end(file)
  })
  await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready))
  t.after(() => http.close())
  const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const url = (name: string) => ({
    amd64: `${base}/{version}/${name}-{version}-amd64.tar`,
    arm64: `${base}/{version}/${name}-{version}-arm64.tar`,
  })
  const { artifacts } = Server.parse({
    version: 1,
    hostname: 'example.org',
    address: '192.0.2.1',
    admin: { user: 'alice' },
    dns: { provider: 'manual' },
    mail: { hostname: 'mx1.example.org', primary: 'example.org' },
    domains: [{ name: 'example.org', accounts: [{ address: 'bob' }] }],
    artifacts: {
      maddy: { version: '1.2', source: 'release', url: url('maddy') },
      caddy: { url: url('caddy') },
      'acme.sh': { version: '3.0', url: `${base}/acme.sh-{version}.tar.gz` },
      ...change,
    },
  })
  const said: string[] = []
  const log = (line: string) => void said.push(line)
  const source = async (mirror?: string) =>
    artifactSource(artifacts, { lock: await openLock(dir, { log }), log, cacheDir: join(dir, 'cache'), mirror })
  return { dir, base, asked, said, files, source, lockFile: join(dir, 'artifacts.lock.yml') }
}

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')
const entry = (path: string, content = 'x') => ({ path, mode: 0o755, content: Buffer.from(content) })
const maddyTar = tar([entry('./maddy-1.2/maddy', 'the program'), entry('./maddy-1.2/maddy.conf')])

test('artifacts: a program is downloaded, its archive’s digest recorded aloud, and the program is what is sent', async (t) => {
  const { source, said, lockFile } = await place(t, { '/1.2/maddy-1.2-amd64.tar': zstdCompressSync(maddyTar) })
  const artifacts = await source()
  assert.equal(artifacts.origin('maddy', 'amd64'), 'maddy 1.2 amd64 release not recorded yet')
  const { path, sha256: digest, origin } = await artifacts.obtain('maddy', 'amd64')
  assert.equal(readFileSync(path, 'utf8'), 'the program')
  assert.equal(digest, sha256('the program'))
  assert.equal(artifacts.sha256('maddy', 'amd64'), digest)
  assert.equal(origin, `maddy 1.2 amd64 release sha256:${sha256(zstdCompressSync(maddyTar))}`)
  assert.match(
    said.join('\n'),
    /maddy 1\.2 amd64 release: recorded sha256:\w+ in artifacts\.lock\.yml; from now on it must match/,
  )
  assert.match(readFileSync(lockFile, 'utf8'), /^ {2}maddy 1\.2 amd64 release: sha256:[0-9a-f]{64}$/m)
  // What identifies it is known without cache and network.
  assert.equal((await source()).origin('maddy', 'amd64'), origin)
})

test('artifacts: what is in the cache is taken from there, and checked', async (t) => {
  const { source, asked, said, dir } = await place(t, { '/1.2/maddy-1.2-amd64.tar': maddyTar })
  await (await source()).obtain('maddy', 'amd64')
  await (await source()).obtain('maddy', 'amd64')
  assert.equal(asked.length, 1)
  writeFileSync(join(dir, 'cache/maddy-1.2-amd64.tar'), 'damaged')
  await (await source()).obtain('maddy', 'amd64')
  assert.equal(asked.length, 2)
  assert.match(said.join('\n'), /maddy-1\.2-amd64\.tar has sha256:\w+, and sha256:\w+ is recorded: getting it again/)
})

test('artifacts: another digest than the recorded one is refused with both, and not kept', async (t) => {
  const { source, files, dir, base, lockFile } = await place(t, { '/1.2/maddy-1.2-amd64.tar': maddyTar })
  await (await source()).obtain('maddy', 'amd64')
  const other = tar([entry('maddy', 'a bad one')])
  files['/1.2/maddy-1.2-amd64.tar'] = other
  execFileSync('rm', ['-r', join(dir, 'cache')])
  await assert.rejects((await source()).obtain('maddy', 'amd64'), {
    name: 'ProvisionError',
    where: `${base}/1.2/maddy-1.2-amd64.tar`,
    message: `its digest is sha256:${sha256(other)}, and ${lockFile} says sha256:${sha256(maddyTar)} for maddy 1.2 amd64 release`,
  })
  assert.deepEqual(readdirSync(join(dir, 'cache')), [])
})

test('artifacts: a mirror is asked first, by file name; what it does not have comes from the URL', async (t) => {
  const { source, asked, base } = await place(t, { '/m/maddy-1.2-amd64.tar': maddyTar, '/1.2/maddy-1.2-arm64.tar': maddyTar })
  const artifacts = await source(`${base}/m/`)
  await artifacts.obtain('maddy', 'amd64')
  await artifacts.obtain('maddy', 'arm64')
  assert.deepEqual(asked, ['/m/maddy-1.2-amd64.tar', '/m/maddy-1.2-arm64.tar', '/1.2/maddy-1.2-arm64.tar'])
})

test('artifacts: a server that stumbles once fails nothing; what it does not have is not asked for again', async (t) => {
  const asked: string[] = []
  const http = createServer((request, response) => {
    asked.push(request.url ?? '')
    const times = asked.filter((one) => one === request.url).length
    if (request.url === '/gone') response.writeHead(404).end()
    else if (request.url === '/always') response.writeHead(503).end()
    else if (times > 1) response.end('whole')
    else if (request.url === '/busy') response.writeHead(502).end()
    else if (request.url === '/reset') response.destroy()
    else response.writeHead(200, { 'content-length': 5 }).write('wh', () => response.destroy())
  })
  await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready))
  t.after(() => http.close())
  const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  const get = (path: string) => download(base + path, join(dir, path), () => undefined, [1, 1])
  for (const path of ['/busy', '/reset', '/cut']) {
    await get(path)
    assert.equal(readFileSync(join(dir, path), 'utf8'), 'whole')
  }
  await assert.rejects(get('/gone'), /answered 404/)
  await assert.rejects(get('/always'), /answered 503/)
  assert.equal(asked.filter((path) => path === '/gone').length, 1)
  assert.equal(asked.filter((path) => path === '/always').length, 3)
  assert.deepEqual(readdirSync(dir).toSorted(), ['busy', 'cut', 'reset'])
})

test('artifacts: what cannot be had is an error with all that was tried', async (t) => {
  const { source, base } = await place(t, {})
  await assert.rejects((await source('http://127.0.0.1:1')).obtain('caddy', 'arm64'), {
    name: 'ProvisionError',
    where: 'caddy 2.11.9 arm64 release',
    message: new RegExp(
      `cannot be downloaded: http://127\\.0\\.0\\.1:1/caddy-2\\.11\\.9-arm64\\.tar: .+; ${base}/2\\.11\\.9/caddy-2\\.11\\.9-arm64\\.tar: the server answered 404`,
    ),
  })
})

test('artifacts: an archive without the program, and what is no archive, are errors', async (t) => {
  const { source } = await place(t, {
    '/1.2/maddy-1.2-amd64.tar': tar([entry('a')]),
    '/1.2/maddy-1.2-arm64.tar': Buffer.from('<html>'),
  })
  const artifacts = await source()
  await assert.rejects(artifacts.obtain('maddy', 'amd64'), /its archive has 0 files of this name/)
  await assert.rejects(artifacts.obtain('maddy', 'arm64'), /is no tar archive/)
  assert.match(artifacts.origin('maddy', 'amd64'), /not recorded yet/)
  assert.match(artifacts.origin('maddy', 'arm64'), /not recorded yet/)
})

test('artifacts: of acme.sh the script and its DNS providers are sent, as the same bytes each time', async (t) => {
  const archive = gzipSync(
    tar(
      ['acme.sh', 'dnsapi/dns_ovh.sh', 'dnsapi/dns_nsupdate.sh', 'README.md', 'deploy/x.sh'].map((path) =>
        entry(`acme.sh-3.0/${path}`, path),
      ),
    ),
  )
  const { source } = await place(t, { '/acme.sh-3.0.tar.gz': archive })
  const { path, sha256: digest, origin } = await (await source()).obtain('acme.sh', 'amd64')
  assert.equal(origin, `acme.sh 3.0 release sha256:${sha256(archive)}`)
  assert.deepEqual(
    untar(path, readFileSync(path)).map((one) => [one.path, one.mode]),
    [
      ['acme.sh', 0o755],
      ['dnsapi/dns_nsupdate.sh', 0o755],
      ['dnsapi/dns_ovh.sh', 0o755],
    ],
  )
  assert.equal((await (await source()).obtain('acme.sh', 'arm64')).sha256, digest)
})

test('artifacts: what was built from the recorded module is not built again, and is checked', async (t) => {
  const sum = `h1:${Buffer.alloc(32, 0xfb).toString('base64')}` as const
  const { source, dir, lockFile } = await place(t, {}, { maddy: { version: '1.2', source: 'build' } })
  writeFileSync(join(dir, 'built'), 'the program')
  const path = await keepBuilt(
    { name: 'maddy', version: '1.2', architecture: 'arm64', cacheDir: join(dir, 'cache'), patches: patchesOf('maddy') },
    sum,
    join(dir, 'built'),
  )
  const got = await (await source()).obtain('maddy', 'arm64')
  const patches = patchesDigest(patchesOf('maddy'))!
  assert.deepEqual(
    [got.path, got.sha256, got.origin],
    [path, sha256('the program'), `maddy 1.2 arm64 build ${sum} patched ${patches.slice(7, 19)}`],
  )
  assert.match(readFileSync(lockFile, 'utf8'), new RegExp(`^ {2}maddy 1\\.2 build patches: ${patches}$`, 'm'))

  // Not from another module, nor when it is no longer what was built: then it is built, which fails here for want of a Go.
  const before = process.env.PATH
  t.after(() => (process.env.PATH = before))
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'go'), '#!/bin/sh\necho no such module >&2\nexit 1\n', { mode: 0o755 })
  process.env.PATH = `${bin}:/bin:/usr/bin`
  chmodSync(path, 0o700)
  writeFileSync(path, 'changed')
  await assert.rejects((await source()).obtain('maddy', 'arm64'), { name: 'ProvisionError', message: /no such module/ })
  assert.ok(!existsSync(path))
})

test('artifacts: a damaged lock file is an error, and one that came with the package is not written', async (t) => {
  const { dir, lockFile } = await place(t, {})
  const lock = await openLock(dir, { embedded: true })
  await lock.check('a', `sha256:${'a'.repeat(64)}`, 'a')
  await assert.rejects(lock.check('a', `sha256:${'b'.repeat(64)}`, 'a'), /its digest is sha256:bbb/)
  assert.ok(!existsSync(lockFile))
  for (const text of ['version: 2\n', 'x', 'version: 1\ndigests: {a: hello}\n', 'version: [\n']) {
    writeFileSync(lockFile, text)
    await assert.rejects(openLock(dir), { name: 'ProvisionError', where: lockFile })
  }
})

test('artifacts: two that record at once both end up in the lock', async (t) => {
  const { dir } = await place(t, {})
  const digest = (n: number) => `sha256:${String(n).repeat(64)}` as const
  await Promise.all([1, 2, 3, 4].map(async (n) => (await openLock(dir)).check(`x ${n}`, digest(n), 'x')))
  const lock = await openLock(dir)
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => lock.get(`x ${n}`)),
    [1, 2, 3, 4].map(digest),
  )
})

test('tar: what GNU tar writes is read, long names and all compressions included; what we write GNU tar reads', () => {
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  for (const [long, ...options] of [
    [`d/${'n'.repeat(150)}`, '--format=gnu'],
    [`d/${'n'.repeat(150)}`, '--format=pax', '-z'],
    [`d/${'n'.repeat(90)}/${'m'.repeat(90)}`, '--format=ustar', '--zstd'],
  ] as const) {
    execFileSync('rm', ['-rf', join(dir, 'd')])
    mkdirSync(dirname(join(dir, long)), { recursive: true })
    writeFileSync(join(dir, 'd/a'), 'hello\n')
    writeFileSync(join(dir, long), Buffer.alloc(1000, 1))
    execFileSync('tar', ['-cf', 'x.tar', ...options, 'd'], { cwd: dir })
    const entries = untar('x.tar', readFileSync(join(dir, 'x.tar')))
    assert.deepEqual(entries.map(({ path, content }) => [path, content.length]).toSorted(), [
      ['d/a', 6],
      [long, 1000],
    ])
  }
  writeFileSync(join(dir, 'y.tar'), tar([{ path: 'e/f', mode: 0o755, content: Buffer.from('hello\n') }]))
  execFileSync('tar', ['-xf', 'y.tar'], { cwd: dir })
  assert.equal(readFileSync(join(dir, 'e/f'), 'utf8'), 'hello\n')
  assert.throws(() => untar('x', readFileSync(join(dir, 'y.tar')).subarray(0, 515)), /is cut off/)
  assert.throws(() => untar('x', gzipSync(Buffer.from('hello')).subarray(0, 15)), /cannot be unpacked/)
})

test('go’s hundreds of lines become one for every fifty; what it complains of is passed on', () => {
  const heard: string[] = []
  const log = counted((line) => heard.push(line), 'caddy')
  for (let i = 0; i < 120; i++) log(`go: downloading github.com/a/b${i} v1.0.${i}`)
  for (let i = 0; i < 60; i++) log(`github.com/a/b/v2/internal/p${i}`)
  log('runtime')
  log('# github.com/a/b')
  log('./main.go:3:8: undefined: x')
  assert.deepEqual(heard, [
    'caddy: downloading its modules, 1 begun',
    'caddy: downloading its modules, 51 begun',
    'caddy: downloading its modules, 101 begun',
    'caddy: compiling its packages, 1 begun',
    'caddy: compiling its packages, 51 begun',
    '# github.com/a/b',
    './main.go:3:8: undefined: x',
  ])
})
