import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type HostConfig, parseJumps, readConfig } from '../../src/ssh/config.ts'
import { rungs } from '../../src/ssh/ladder.ts'
import { afterStart, lineReader, records } from '../../src/ssh/records.ts'
import { operatorKey } from '../../src/ssh.ts'

const dir = mkdtempSync(join(tmpdir(), 'provision-'))
after(() => rmSync(dir, { recursive: true }))

const nothing: HostConfig = { hostName: 'h', alias: 'h', port: undefined, user: undefined, identityFiles: [], jumps: [] }
const ladder = (asked: { readonly port?: number }, config: Partial<HostConfig> = {}, sshPort = 55148): readonly string[] =>
  rungs({ admin: 'ann', sshPort, ...asked }, { ...nothing, ...config }).map((rung) => `${rung.user} ${rung.port} ${rung.with}`)

const ladders = {
  'the admin, then root with a key, then with a password': [
    {},
    {},
    55148,
    ['ann 55148 a key', 'root 22 a key', 'ann 22 a key', 'root 22 a password'],
  ],
  'a port that was asked for comes first, as admin and as root': [
    { port: 2222 },
    {},
    55148,
    [
      'ann 2222 a key',
      'root 2222 a key',
      'ann 55148 a key',
      'root 22 a key',
      'ann 22 a key',
      'root 2222 a password',
      'root 22 a password',
    ],
  ],
  'no rung is tried twice': [{ port: 22 }, {}, 22, ['ann 22 a key', 'root 22 a key', 'root 22 a password']],
  'the user and the port of ~/.ssh/config': [
    {},
    { port: 2200, user: 'debian' },
    22,
    [
      'ann 2200 a key',
      'root 2200 a key',
      'ann 22 a key',
      'root 22 a key',
      'debian 2200 a key',
      'root 2200 a password',
      'root 22 a password',
    ],
  ],
} as const

for (const [name, [asked, config, sshPort, expected]] of Object.entries(ladders))
  test(`ladder: ${name}`, () => assert.deepEqual(ladder(asked, config, sshPort), expected))

test('ssh config: a file that is not there says nothing', async () => {
  assert.deepEqual(await readConfig(join(dir, 'absent'), 'h', dir), nothing)
})

test('ssh config: host blocks, wildcards, includes, tokens; the first value counts', async () => {
  mkdirSync(join(dir, '.ssh', 'conf.d'), { recursive: true })
  writeFileSync(join(dir, '.ssh', 'conf.d', 'one.conf'), 'Host vps\n  HostName 192.0.2.7\n  IdentityFile ~/.ssh/%h_key\n')
  writeFileSync(
    join(dir, '.ssh', 'config'),
    'Include conf.d/*.conf\nhost v*\n  port 2200\n  User debian\n  hostname other\n  ProxyJump none\nHost *\n  Port 22\n  IdentityFile "%d/a key"\n  ProxyJump x@[2001:db8::1]:2022,ssh://gate\n',
  )
  assert.deepEqual(await readConfig(join(dir, '.ssh', 'config'), 'vps', dir), {
    hostName: '192.0.2.7',
    alias: '192.0.2.7',
    port: 2200,
    user: 'debian',
    identityFiles: [join(dir, '.ssh/192.0.2.7_key'), join(dir, 'a key')],
    jumps: [],
  })
  assert.deepEqual((await readConfig(join(dir, '.ssh', 'config'), 'else', dir)).jumps, [
    { user: 'x', host: '2001:db8::1', port: 2022 },
    { user: undefined, host: 'gate', port: undefined },
  ])
})

test('ssh config: what cannot be followed is an error, not a direct connection', async () => {
  writeFileSync(join(dir, 'proxy'), 'Host h\n  ProxyCommand nc -X connect %h %p\n')
  await assert.rejects(readConfig(join(dir, 'proxy'), 'h', dir), /h is reached through a ProxyCommand, which is not supported/)
  assert.throws(() => parseJumps('f', 'h', 'a b:c'), /ProxyJump a b:c of h cannot be read/)
})

test('ssh config: a Match exec runs nothing', async () => {
  writeFileSync(join(dir, 'match'), `Match exec "touch ${dir}/pwned"\n  HostName evil\n`)
  await readConfig(join(dir, 'match'), 'h', dir)
  assert.equal(existsSync(join(dir, 'pwned')), false)
})

test('operator key: made when there is none, and said; the same one from then on', async () => {
  const home = join(dir, 'home')
  const said: string[] = []
  const options = {
    address: 'h',
    configFile: join(home, '.ssh/config'),
    env: { HOME: home },
    log: (line: string) => said.push(line),
  }
  const made = await operatorKey(options)
  assert.equal(made.made, true)
  assert.match(said.join('\n'), /^made the key \S+\/\.ssh\/id_ed25519 \(SHA256:\S+\): keep a copy of it/)
  assert.deepEqual(
    [0o600, 0o700],
    [join(home, '.ssh/id_ed25519'), join(home, '.ssh')].map((path) => statSync(path).mode & 0o777),
  )
  assert.equal(made.publicKey, readFileSync(join(home, '.ssh/id_ed25519.pub'), 'utf8').trim())
  assert.deepEqual(await operatorKey(options), { publicKey: made.publicKey, made: false, source: join(home, '.ssh/id_ed25519') })
  assert.equal(said.length, 1)
})

/** A stream in every possible way of cutting it in two. */
function* cuts(text: string): Generator<readonly Buffer[]> {
  const bytes = Buffer.from(text)
  for (let i = 0; i <= bytes.length; i++) yield [bytes.subarray(0, i), bytes.subarray(i)]
}

test('records: told from what stands between them, wherever the packets are cut', () => {
  const stream = 'noise\x1e\x1en0 start\nfirst é\x1en1 not ours\nlast\x1en0 done 0 5\ntail'
  for (const chunks of cuts(stream)) {
    const seen: string[] = []
    const data: Buffer[] = []
    const feed = records('n0', { record: (text) => seen.push(text), data: (bytes) => data.push(bytes) })
    for (const chunk of chunks) feed(chunk)
    assert.deepEqual(seen, ['start', 'done 0 5'])
    assert.equal(Buffer.concat(data).toString(), 'noise\x1efirst é\x1en1 not ours\nlasttail')
  }
})

test('records: what stands before the start is not ours, and without a start there is nothing', () => {
  assert.equal(afterStart(Buffer.from('noise\x1en0 start\nours\n'), 'n0')?.toString(), 'ours\n')
  assert.equal(afterStart(Buffer.from('noise\x1en1 start\n'), 'n0'), undefined)
})

test('lines: whole ones as they come, the last one at the end', () => {
  for (const chunks of cuts('één\ntwo\n\nlast')) {
    const seen: string[] = []
    const reader = lineReader((line) => seen.push(line))
    for (const chunk of chunks) reader.add(chunk)
    assert.deepEqual(seen, ['één', 'two', ''])
    reader.end()
    assert.equal(seen.at(-1), 'last')
  }
})
