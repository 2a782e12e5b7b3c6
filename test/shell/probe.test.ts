import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkConf } from '../../files/etc/maddy/check.conf.ts'
import { probeConf, probeCurl } from '../../files/etc/provision/probe.conf.ts'
import { Secret } from '../../src/secret.ts'

const dir = mkdtempSync(join(tmpdir(), 'probe-test-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const files = fileURLToPath(new URL('../../files', import.meta.url))
const put = (path: string, text: string) => {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), text, { mode: 0o755 })
}
const read = (path: string) => (existsSync(join(dir, path)) ? readFileSync(join(dir, path), 'utf8') : '')
const address = 'provision-probe@b.example'

beforeEach(() => {
  for (const name of ['root', 'run', 'told', 'state', 'bin', 'broken', 'inbox'])
    rmSync(join(dir, name), { recursive: true, force: true })
  put('root/etc/provision/probe.conf', probeConf({ address, sites: ['a.example', 'b.example'] }))
  put('root/etc/provision/probe.curl', probeCurl({ address, password: new Secret('mail/probe', () => 'p"w') }).reveal())
  put('root/usr/local/lib/provision/reported.sh', readFileSync(join(files, 'usr/local/lib/provision/reported.sh'), 'utf8'))
  mkdirSync(join(dir, 'root/var/lib/maddy'), { recursive: true })
  mkdirSync(join(dir, 'run'))
  mkdirSync(join(dir, 'broken'))
  // A server that keeps what it is given; a file in `broken` with the name of a port holds what it refuses with.
  put(
    'bin/curl',
    `#!/bin/sh
cd ${dir}
case "$*" in
  *smtps:*) port=465 ;; *127.0.0.1:25/*) port=25 ;; *:587/*) port=587 ;; *imap.curl*) port=993 ;;
  *a.example*) if [ -e broken/443 ]; then echo '0 000 timed out'; else echo '0 404 '; fi; echo '1 401 '; exit ;;
esac
if [ -e broken/$port ]; then cat broken/$port >&2; exit 56; fi
case $port in
  25 | 465) while [ "$1" != -T ]; do shift; done; grep Subject "$2" >> inbox ;;
  993) cat inbox; : > inbox ;;
esac
exit 0
`,
  )
  // A restart mends what a restart mends.
  put(
    'bin/systemctl',
    `#!/bin/sh
cd ${dir}
case "$*" in
  *ActiveState*) cat active 2>/dev/null || echo active ;;
  *SubState*) cat sub 2>/dev/null || echo running ;;
  restart*) echo restart >> said; [ -e broken/for-ever ] || rm -f broken/* ;;
esac
`,
  )
  put('bin/provision-notify', `#!/bin/sh\nprintf '%s|' "$@" >> ${dir}/said\n`)
  put('bin/df', `#!/bin/sh\nprintf 'head\\nx 10000000 1 %s 1%% /\\n' "$(cat ${dir}/free 2>/dev/null || echo 5000000)"\n`)
  for (const name of ['active', 'sub', 'free']) rmSync(join(dir, name), { force: true })
})

/** One minute: what was reported, and whether the mail worked. */
function look() {
  rmSync(join(dir, 'said'), { force: true })
  const env = {
    PATH: process.env.PATH,
    PROVISION_PATH: `${dir}/bin:`,
    PROVISION_ROOT: join(dir, 'root'),
    PROVISION_RUN: join(dir, 'run'),
    PROVISION_WATCH: join(dir, 'told'),
    PROVISION_STATE: join(dir, 'state'),
    PROVISION_PROBE_PAUSE: '0',
    PROVISION_PROBE_LIMIT: '0',
  }
  const { status, stderr, stdout } = spawnSync('dash', [join(files, 'usr/local/sbin/provision-probe')], { env, encoding: 'utf8' })
  assert.deepEqual([status, stderr, stdout], [0, '', ''])
  const at = (word: string) => new RegExp(`^${word} (\\d+)$`, 'm').exec(read('run/watch/probe'))?.[1]
  return { said: read('said'), works: at('works') !== undefined && at('works') === at('at') }
}
const refuse = (port: number, words: string) => put(`broken/${port}`, words)

test('probe: silent while all is well', () => {
  assert.deepEqual(look(), { said: '', works: true })
  assert.equal(existsSync(join(dir, 'run/watch/probe.work')), false, 'nothing of a login stays')
})

test('probe: a maddy that is stuck is restarted at once, and that is all that is reported when it helps', () => {
  refuse(25, '< 554 5.0.0 Internal server error (msg ID = 1)\ncurl: (56) DATA failed: 554\n')
  refuse(993, '< A002 NO database is locked\ncurl: (67) Login denied\n')
  const { said, works } = look()
  assert.equal(works, true)
  assert.match(
    said,
    /^restart\n-p\|high\|mail was stuck, and works again: maddy was restarted\|nobody can read mail over 993: database is locked\nno mail comes in on 25: 554 5\.0\.0 Internal server error/,
  )
  assert.equal(look().said, '')
})

test('probe: what a restart does not help is reported once, is not restarted again and again, and is over once', () => {
  refuse(993, 'curl: (28) Operation timed out after 15001 milliseconds\n')
  put('broken/for-ever', '')
  const first = look()
  assert.deepEqual([first.works, first.said.match(/restart\n/g)?.length], [false, 1])
  assert.match(first.said, /nobody can read mail over 993: Operation timed out.* \(maddy was restarted, which did not help\)\|/)
  assert.equal(look().said, '')
  const restarts = join(dir, 'run/watch/probe.restarts')
  const now = Math.floor(Date.now() / 1000)
  for (const [ago, again] of [
    [[301], true],
    [[5000, 1100], false],
    [[5000, 1201], true],
    [[9000, 8000, 3500], false],
    [[9000, 8000, 3601], true],
    [[90_000, 89_000], true],
  ] as const) {
    writeFileSync(restarts, ago.map((seconds) => `${now - seconds}\n`).join(''))
    assert.equal(/restart/.test(look().said), again, `after ${ago.join(' ')}`)
  }
  rmSync(join(dir, 'broken'), { recursive: true })
  assert.match(look().said, /^-p\|default\|all that was reported is over\|over: nobody can read mail over 993/)
})

test('probe: a restart is no cure for a wrong password, a full disk or a silent name server', () => {
  refuse(993, '< A001 NO Invalid credentials\n')
  refuse(465, '< 452 4.3.1 Insufficient system storage\n')
  refuse(25, '< 451 4.4.0 DNS error\n')
  const { said, works } = look()
  assert.equal(works, false)
  assert.match(said, /^-p\|high\|3 things are wrong\|/)
  assert.match(said, /nobody can send mail over 465: 452 4\.3\.1 Insufficient system storage/)
})

test('probe: one failure that is over at the second look is nothing', () => {
  refuse(25, 'curl: (28) timed out\n')
  put('bin/sleep', `#!/bin/sh\nrm -f ${dir}/broken/25\n`)
  assert.deepEqual(look(), { said: '', works: true })
})

test('probe: a unit that dies at each start is not restarted, and named', () => {
  refuse(993, 'curl: (7) Failed to connect\n')
  writeFileSync(join(dir, 'active'), 'activating\n')
  writeFileSync(join(dir, 'sub'), 'auto-restart\n')
  assert.match(look().said, /^-p\|high\|nobody can read mail over 993: Failed to connect \(maddy\.service dies at each start/)
})

test('probe: nothing is touched or reported while a run, an upgrade or a restore is in progress; then it is', () => {
  refuse(993, 'curl: (7) Failed to connect\n')
  for (const path of ['state/upgrade/maddy/back.sh', 'state/restore/begun']) {
    put(path, '')
    assert.deepEqual(look(), { said: '', works: false }, path)
    rmSync(join(dir, 'state'), { recursive: true })
  }
  assert.match(look().said, /^restart\n/)
  refuse(993, 'curl: (7) Failed to connect\n')
  put('state/restore/begun', '')
  writeFileSync(join(dir, 'run/watch/probe.fails'), 'mail:993 40\n')
  assert.match(look().said, /^-p\|high\|nobody can read mail/, 'one that takes too long, or has died')
})

test('probe: a lock that a run holds is seen without being taken', async () => {
  refuse(993, 'curl: (7) Failed to connect\n')
  writeFileSync(join(dir, 'run', 'work'), '')
  const { spawn } = await import('node:child_process')
  const holder = spawn('flock', [join(dir, 'run', 'work'), 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  assert.equal(look().said, '')
  holder.stdin.end()
  await new Promise((resolve) => holder.once('close', resolve))
  assert.match(look().said, /^restart\n/)
})

test('probe: a site that does not answer is reported after five minutes; what Caddy refuses is an answer', () => {
  put('broken/443', '')
  for (let i = 0; i < 4; i++) assert.deepEqual(look(), { said: '', works: true })
  assert.match(look().said, /^-p\|high\|https:\/\/a\.example does not answer: timed out\|/)
})

test('probe: a disk that is about to have mail deferred is reported at once, with the reserve of the check', () => {
  const check = {
    domains: [],
    mode: 'separate',
    messagesPerHour: 1,
    recipientsPerHour: 1,
    freePercent: 5,
    freeLeast: 200,
    takesMalformed: true,
  } as const
  put('root/etc/maddy/check.conf', checkConf(check))
  const at = (free: number) => {
    writeFileSync(join(dir, 'free'), `${free}\n`)
    return look().said
  }
  // Of 10 GB: 500 MB have to stay free.
  assert.equal(at(700_000), '')
  assert.match(
    at(600_000),
    /^-p\|high\|mail is about to be deferred \(452\): 585 MB are free on its disk, and 488 MB have to stay free/,
  )
  assert.equal(at(590_000), '')
  assert.equal(at(400_000), '', 'it is the same thing')
  assert.match(at(900_000), /all that was reported is over/)
})
