import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { visitors } from '../../files/usr/local/sbin/provision-visitors.ts'

let dir: string
const known = ['127.0.0.0/8', '::1', '198.51.100.0/24', '2001:db8:1::/48', '203.0.113.7']

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'visitors-test-'))
  mkdirSync(join(dir, 'bin'))
  // The host's own programs would come first.
  writeFileSync(join(dir, 'visitors'), visitors({ known }).replace(/ PATH=\S+/, ''))
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(() => {
  for (const name of ['state', 'run']) rmSync(join(dir, name), { recursive: true, force: true })
})
const files = fileURLToPath(new URL('../../files', import.meta.url))
/** Where it is kept in memory; `state` is the disk. */
const kept = (name: string) => join(dir, 'run', 'watch', name)

/** The table of fail2ban 1.0 that keeps what was banned: a jail, an address, and hours ago. */
function banned(...rows: readonly (readonly [string, string, number])[]): void {
  rmSync(join(dir, 'bans'), { force: true })
  const values = rows.map(
    ([jail, ip, hours]) => `INSERT INTO bans VALUES('${jail}','${ip}',unixepoch()-${hours * 3600},60,1,'{}');`,
  )
  const { status } = spawnSync('sqlite3', [join(dir, 'bans')], {
    input: `CREATE TABLE bans(jail, ip, timeofban INTEGER, bantime INTEGER, bancount INTEGER, data);${values.join('')}`,
  })
  assert.equal(status, 0)
}

/** One look: what journalctl was asked and says, and what was told, each word after a bar. */
function look(what: 'logins' | 'bans', { lines = [] as readonly string[], cursor = 'c1', notify = '' } = {}) {
  const journal = `printf '%s\\n' "$*" >> ${dir}/asked\ncat <<'END'\n${[...lines, ...(cursor === '' ? [] : [`-- cursor: ${cursor}`])].join('\n')}\nEND`
  const programs = { journalctl: journal, 'provision-notify': notify || `printf '%s|' "$@" >> ${dir}/said` }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(dir, 'bin', name), 0o755)
  }
  for (const name of ['said', 'asked']) rmSync(join(dir, name), { force: true })
  const env = {
    PATH: `${dir}/bin:${process.env.PATH}`,
    PROVISION_ROOT: files,
    PROVISION_RUN: join(dir, 'run'),
    PROVISION_WATCH: join(dir, 'state'),
    PROVISION_BANS: join(dir, 'bans'),
  }
  const { status, stderr } = spawnSync('dash', [join(dir, 'visitors'), what], { env, encoding: 'utf8' })
  assert.equal(stderr, '')
  const text = (name: string) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')
  return { code: status, said: text('said'), asked: text('asked') }
}
const accepted = (address: string, user = 'alice') =>
  `Accepted publickey for ${user} from ${address} port 4242 ssh2: ED25519 SHA256:abc`

test('logins: what was before the first look is nobody’s news', () => {
  const { code, said, asked } = look('logins', { lines: [accepted('192.0.2.1')] })
  assert.deepEqual([code, said], [0, ''])
  assert.match(asked, /-n 1$/m)
})

test('logins: from a network that is not declared, once a day, by its network', () => {
  look('logins')
  const { said, asked } = look('logins', { lines: [accepted('192.0.2.77'), accepted('192.0.2.78')], cursor: 'c2' })
  assert.match(asked, /_UID=0 -t sshd -t sshd-session --after-cursor c1$/m)
  assert.match(said, /^-p\|high\|alice has logged in from 192\.0\.2\.0\/24\|alice has logged in from 192\.0\.2\.0\/24\n\nby ssh/)
  assert.doesNotMatch(said, /192\.0\.2\.7/)
  assert.equal(look('logins', { lines: [accepted('192.0.2.9')], cursor: 'c3' }).said, '')
  assert.match(look('logins', { lines: [accepted('2001:db8:2:3::4')], cursor: 'c4' }).said, /from 2001:db8:2::\/48\|/)
  assert.match(
    look('logins', { lines: [accepted('192.0.2.9', 'bob')], cursor: 'c5' }).said,
    /bob has logged in from 192\.0\.2\.0\/24/,
  )
})

test('logins: from declared networks, and what only looks like one, is silent', () => {
  look('logins')
  const lines = [
    ...['198.51.100.9', '2001:db8:1:2::3', '127.0.0.1', '::1', '203.0.113.7', '::ffff:198.51.100.4'].map((one) => accepted(one)),
    'Invalid user Accepted publickey for x from 192.0.2.1 port 1 from 192.0.2.2 port 2',
    'Failed publickey for alice from 192.0.2.1 port 1 ssh2: ED25519 SHA256:abc',
  ]
  assert.equal(look('logins', { lines, cursor: 'c2' }).said, '')
  assert.match(look('logins', { lines: [accepted('203.0.113.8')], cursor: 'c3' }).said, /203\.0\.113\.0\/24/)
})

test('logins: what nobody could be told is told the next time', () => {
  look('logins')
  assert.equal(look('logins', { lines: [accepted('192.0.2.1')], cursor: 'c2', notify: 'exit 1' }).code, 1)
  const { asked, said } = look('logins', { lines: [accepted('192.0.2.1')], cursor: 'c2' })
  assert.match(asked, /--after-cursor c1$/m)
  assert.match(said, /192\.0\.2\.0\/24/)
})

test('logins: a journal in which nothing is new is silent', () => {
  look('logins')
  assert.deepEqual(look('logins', { cursor: '' }).said, '')
  assert.match(look('logins', { cursor: 'c2' }).asked, /--after-cursor c1$/m)
})

test('logins: on a full disk the same login is reported once all the same, and after a boot what the disk has kept counts', () => {
  // A file where the folder should be: nothing can be written there, by root neither.
  writeFileSync(join(dir, 'state'), '')
  look('logins')
  assert.match(look('logins', { lines: [accepted('192.0.2.1')], cursor: 'c2' }).said, /192\.0\.2\.0\/24/)
  assert.deepEqual(
    [look('logins', { lines: [accepted('192.0.2.1')], cursor: 'c3' })].map(({ code, said }) => [code, said]),
    [[0, '']],
  )
  // There is room again, and then the host boots.
  rmSync(join(dir, 'state'))
  look('logins', { lines: [accepted('198.51.100.9')], cursor: 'c4' })
  look('logins', { lines: [accepted('203.0.113.99')], cursor: 'c5' })
  rmSync(join(dir, 'run'), { recursive: true })
  const { asked, said } = look('logins', { lines: [accepted('203.0.113.98')], cursor: 'c6' })
  assert.match(asked, /--after-cursor c5$/m)
  assert.equal(said, '')
})

test('bans: counted by jail and by network since the last time, and nothing is said when there were none', () => {
  banned(['sshd', '192.0.2.1', 5])
  assert.deepEqual(look('bans').said, '', 'the first time there is nothing to look back to')
  assert.equal(look('bans').said, '')
  const ago = Math.floor(Date.now() / 1000) - 7 * 86_400
  writeFileSync(kept('bans-told'), `${ago}\n`)
  banned(
    ['sshd', '192.0.2.1', 5],
    ['sshd', '192.0.2.200', 6],
    ['sshd', '2001:db8:2:3::4', 7],
    ['maddy-auth', '198.51.100.1', 8],
    ['sshd', '203.0.113.1', 24 * 8],
  )
  const { code, said } = look('bans')
  assert.equal(code, 0)
  assert.match(
    said,
    /^-p\|low\|4 bans since 20\d\d-\d\d-\d\d\|by jail: sshd \(3\), maddy-auth \(1\)\nmost from: 192\.0\.2\.0\/24 \(2\), 198\.51\.100\.0\/24 \(1\), 2001:db8:2::\/48 \(1\)\|$/,
  )
  assert.equal(look('bans').said, '')
})

test('bans: what nobody could be told is counted again', () => {
  banned()
  look('bans')
  writeFileSync(kept('bans-told'), '1\n')
  banned(['sshd', '192.0.2.1', 5])
  assert.equal(look('bans', { notify: 'exit 1' }).code, 1)
  assert.match(look('bans').said, /^-p\|low\|1 ban since 1970-01-01\|/)
})
