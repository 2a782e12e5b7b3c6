import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchConf } from '../../files/etc/provision/watch.conf.ts'

let dir: string
let root: string
const files = fileURLToPath(new URL('../../files', import.meta.url))
const script = join(files, 'usr/local/sbin/provision-watch')
/** What the programs of a host answer, by their name; each is a script of its own in front of the PATH. */
const well: Readonly<Record<string, string>> = {
  systemctl: 'case $1 in show) echo ActiveState=active ;; esac',
  df: 'echo head',
  journalctl: ':',
  'systemd-detect-virt': 'exit 1',
  timedatectl: 'echo yes',
  'fail2ban-client': "printf '`- Jail list:\\tsshd, maddy-auth\\n'",
  dig: ':',
  curl: ':',
}

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'watch-test-'))
  root = join(dir, 'root')
})
after(() => rmSync(dir, { recursive: true, force: true }))

const put = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

/** One look of the watch at such a host: what it told, title first, and how it ended. */
function look({
  programs = {},
  args = [],
  fresh = false,
  stderr: expected = /^$/,
}: {
  programs?: Record<string, string>
  args?: readonly string[]
  fresh?: boolean
  stderr?: RegExp
} = {}) {
  if (fresh) for (const path of ['told', 'run', 'root']) rmSync(join(dir, path), { recursive: true, force: true })
  const blocklists = [{ list: 'list.example', own: '10.2.0.192', test: '2.0.0.127' }]
  const settings = { units: ['a.service'], blocklists, messages: 3, recipients: 5, probe: 'probe@b.example' }
  put('/etc/provision/watch.conf', watchConf({ ...settings, heartbeat: '/nowhere' }))
  put('/usr/local/lib/provision/reported.sh', readFileSync(join(files, 'usr/local/lib/provision/reported.sh'), 'utf8'))
  put('/proc/meminfo', 'MemTotal: 1000 kB\nMemAvailable: 500 kB\n')
  put('/proc/uptime', '86400.00 1.00\n')
  const bin = join(dir, 'bin')
  rmSync(bin, { recursive: true, force: true })
  mkdirSync(bin)
  const notify = `printf '%s|' "$@" >> ${join(dir, 'said')}`
  for (const [name, text] of Object.entries({ ...well, 'provision-notify': notify, ...programs })) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  rmSync(join(dir, 'said'), { force: true })
  const env = {
    PATH: process.env.PATH,
    // The host's own programs would come first.
    PROVISION_PATH: `${bin}:`,
    PROVISION_WATCH: join(dir, 'told'),
    PROVISION_RUN: join(dir, 'run'),
    PROVISION_ROOT: root,
  }
  const { status, stdout, stderr } = spawnSync('dash', [script, ...args], { env, encoding: 'utf8' })
  assert.match(stderr, expected)
  return { code: status, stdout, said: existsSync(join(dir, 'said')) ? readFileSync(join(dir, 'said'), 'utf8') : '' }
}

test('watch: silent while all is well', () => {
  assert.deepEqual(look({ fresh: true }), { code: 0, stdout: '', said: '' })
})

test('watch: what has come is told once, what has gone is told once', () => {
  look({ fresh: true })
  const failed = {
    systemctl: "case $1 in show) echo ActiveState=active ;; list-units) echo 'borg.service loaded failed failed x' ;; esac",
  }
  assert.equal(
    look({ programs: failed }).said,
    '-p|high|borg.service has failed (journalctl -u borg.service)|borg.service has failed (journalctl -u borg.service)|',
  )
  assert.equal(look({ programs: failed }).said, '')
  assert.equal(
    look().said,
    '-p|default|all that was reported is over|over: borg.service has failed (journalctl -u borg.service)|',
  )
  assert.equal(look().said, '')
})

test('watch: what nobody could be told is told the next time', () => {
  look({ fresh: true })
  const down = { systemctl: 'case $1 in show) echo ActiveState=inactive ;; esac' }
  assert.equal(look({ programs: { ...down, 'provision-notify': 'exit 1' } }).code, 1)
  assert.match(look({ programs: down }).said, /a\.service does not run: it is inactive/)
})

/** What systemctl says of the one declared unit. */
const unit = (active: string, sub: string, restarts: number) => ({
  systemctl: `case $1 in show) printf 'NRestarts=${restarts}\\nActiveState=${active}\\nSubState=${sub}\\n' ;; esac`,
})

test('watch: a unit that dies at each start is down, by its state as by how often it was started again', () => {
  look({ fresh: true })
  assert.match(look({ programs: unit('activating', 'auto-restart', 1) }).said, /a\.service does not run: it dies at each start/)
  assert.match(look({ programs: unit('active', 'running', 1) }).said, /^-p\|default\|all that was reported is over/)
  assert.equal(look({ programs: unit('active', 'running', 3) }).said, '', 'twice within an hour')
  assert.match(look({ programs: unit('active', 'running', 6) }).said, /a\.service has died and was started again, several times/)
  assert.match(look({ programs: unit('activating', 'start', 400) }).said, /^$/, 'and it goes on')
  assert.match(
    look({ programs: unit('active', 'running', 0) }).said,
    /all that was reported is over/,
    'its counter has begun anew',
  )
  assert.equal(look({ fresh: true, programs: unit('active', 'running', 9) }).said, '', 'nobody knows when that was')
})

test('watch: what could not be checked keeps what was reported, and is reported itself', () => {
  look({ fresh: true })
  const full = { df: "echo head; case $1 in -PT) echo '/dev/a ext4 100 93 1 93% /var' ;; esac" }
  assert.match(look({ programs: full }).said, /\/var is over 90 % full/)
  assert.match(
    look({ programs: { df: 'exit 1' } }).said,
    /^-p\|high\|the file systems could not be checked\|the file systems could not be checked\|$/,
  )
  assert.match(
    look({ programs: full }).said,
    /^-p\|default\|some of what was reported is over\|over: the file systems could not be checked\|$/,
  )
  const dead = { ...full, systemctl: 'exit 1' }
  assert.match(look({ programs: dead }).said, /the units of systemd could not be checked/)
})

test('watch: on a disk that takes nothing, what was reported is neither over nor reported again; after a boot neither', () => {
  look({ fresh: true })
  const full = { df: "echo head; case $1 in -PT) echo '/dev/a ext4 100 93 1 93% /var' ;; esac" }
  // A file where the folder should be: nothing can be written there, by root neither.
  rmSync(join(dir, 'told'), { recursive: true })
  writeFileSync(join(dir, 'told'), '')
  assert.match(look({ programs: full }).said, /\/var is over 90 % full/)
  assert.deepEqual(
    [look({ programs: full }), look({ programs: full })].map(({ code, said }) => [code, said]),
    [
      [0, ''],
      [0, ''],
    ],
  )
  rmSync(join(dir, 'told'))
  assert.equal(look({ programs: full }).said, '')
  rmSync(join(dir, 'run'), { recursive: true })
  assert.equal(look({ programs: full }).said, '', 'the disk has kept it')
  // Neither place takes it: an error, and no end of anything.
  rmSync(join(dir, 'run'), { recursive: true })
  writeFileSync(join(dir, 'run'), '')
  assert.deepEqual(look({ programs: full, stderr: /Not a directory|File exists/ }).code, 1)
})

test('watch: a disk is told of at 80 and at 90 %, and not at each figure between', () => {
  look({ fresh: true })
  const at = (used: number) =>
    look({ programs: { df: `echo head\ncase $1 in -PT) echo '/dev/a ext4 100 ${used} 1 ${used}% /var' ;; esac` } }).said
  assert.match(at(79), /^$/)
  assert.match(at(81), /\/var is over 80 % full/)
  assert.equal(at(85), '')
  assert.match(at(93), /^-p\|high\|\/var is over 90 % full\|.*\nover: \/var is over 80 % full/)
})

test('watch: mail that waits, a reboot, memory, a jail that is off, an unsynchronised clock: each in a line, with a title that counts', () => {
  look({ fresh: true })
  put('/var/lib/maddy/remote_queue/a.header', '')
  const old = Date.now() / 1000 - 5 * 3600
  utimesSync(join(root, '/var/lib/maddy/remote_queue/a.header'), old, old)
  put('/run/reboot-required', '')
  put('/etc/fail2ban/jail.d/provision.local', '[DEFAULT]\nx = 1\n[sshd]\nenabled = true\n[recidive]\nenabled = true\n')
  const { said } = look({ programs: { timedatectl: 'echo no' } })
  assert.match(said, /^-p\|high\|4 things are wrong\|/)
  for (const words of [
    'waited to leave for over 4 hours',
    'a reboot is needed, since 20',
    'the jail recidive does not run',
    'the clock is not synchronised',
  ])
    assert.match(said, new RegExp(words))
  put('/proc/meminfo', '')
  assert.equal(
    look({ args: ['--now'], programs: { timedatectl: 'echo no' } })
      .stdout.trim()
      .split('\n').length,
    4,
  )
})

test('watch: a certificate at a fifth of its life, and one that cannot be read', () => {
  look({ fresh: true })
  const live = '/var/lib/certificates/mx.example/live'
  const key = join(dir, 'key')
  mkdirSync(join(root, live), { recursive: true })
  const make = (days: string) =>
    spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-subj',
      '/CN=mx',
      '-days',
      days,
      '-out',
      join(root, live, 'fullchain.pem'),
    ])
  make('90')
  assert.equal(look().said, '')
  // The clock of the host is told to be later instead.
  const later = (days: number) => ({ date: `[ "$*" != +%s ] || set -- -d '${days} days' +%s\nexec /bin/date "$@"` })
  assert.equal(look({ programs: later(71) }).said, '')
  assert.match(look({ programs: later(73) }).said, /the certificate of mx\.example ends on 20\d\d-\d\d-\d\d, and was not renewed/)
  assert.match(look({ programs: later(91) }).said, /the certificate of mx\.example has ended/)
  writeFileSync(join(root, live, 'fullchain.pem'), 'oops')
  assert.match(look().said, /the certificate of mx\.example cannot be read/)
})

test('watch: a backup of two days ago is late, the first one is waited for', () => {
  look({ fresh: true })
  put('/etc/systemd/system/provision-backup.timer', '')
  assert.equal(look().said, '')
  put('/var/lib/provision/backup/last', `${Math.floor(Date.now() / 1000) - 51 * 3600}\nmore\n`)
  assert.match(look().said, /the last backup is over 50 hours old/)
})

test('watch: the certificate of the overlay network, a month before its end', () => {
  look({ fresh: true })
  const ends = (days: number) => {
    mkdirSync(join(dir, 'told'), { recursive: true })
    writeFileSync(join(dir, 'told', 'overlay-ends'), `${Math.floor(Date.now() / 1000) + days * 86_400}\n`)
    return look().said
  }
  assert.equal(ends(31), '')
  assert.match(ends(29), /the certificate of nebula ends on 20/)
  assert.match(ends(-1), /the certificate of nebula has ended\nover: the certificate of nebula ends on/)
})

test('watch: a list that lists us is told of; one that is silent, and one that refuses, are not', () => {
  look({ fresh: true })
  const answer = (address: string) =>
    address === ''
      ? "echo ';; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1'"
      : `echo ';; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1'; echo 'x. 60 IN A ${address}'`
  const answers = (own: string, test = '127.0.0.2') => ({
    dig: `case "$*" in *' 2.0.0.127.list.example '*) ${answer(test)} ;; *' 10.2.0.192.list.example '*) ${answer(own)} ;; esac`,
  })
  assert.equal(look({ programs: answers('') }).said, '')
  assert.equal(look({ programs: answers('127.255.255.254', '127.255.255.254') }).said, '')
  assert.equal(look({ programs: answers('127.0.0.4', '') }).said, '', 'who lists everybody, and not the test entry, is no list')
  const { said } = look({ programs: answers('127.0.0.4') })
  assert.match(said, /an address of this host is on the blocklist list\.example/)
  assert.doesNotMatch(said, /192/)
  assert.equal(look({ programs: { dig: 'exit 9' } }).said, '', 'a name server that is silent is no end of a listing')
  assert.equal(look({ programs: { dig: "echo 'status: SERVFAIL'" } }).said, '')
  assert.match(look({ programs: answers('') }).said, /over: an address of this host is on the blocklist/)
})

test('watch: a login that the gate has stopped, and a gate that fails, are reported, without a name', () => {
  const gate = (...lines: readonly string[]) => ({
    journalctl: `case $* in *provision-mail-check*) printf '${lines.join('\\n')}\\n' ;; esac`,
  })
  const { said } = look({
    programs: gate(
      'login bob@b.example stopped: 3 messages to 9 recipients within an hour',
      'failed: /etc/maddy/check.conf: no mode',
    ),
  })
  assert.match(said, /a login was stopped: it has sent as much as an hour allows/)
  assert.match(said, /mail was deferred: it could not be checked/)
  assert.doesNotMatch(said, /bob|example/)
})

test('watch: a login that sends too much is told of without its name', () => {
  look({ fresh: true })
  const mail = (id: number, recipients: number, user = 'alice') =>
    [
      `submission: incoming message\\t{"msg_id":"${id}","sender":"a@b.example","src_ip":"192.0.2.1:1","username":"${user}@b.example"}`,
      ...Array.from({ length: recipients }, () => `submission: RCPT ok\\t{"msg_id":"${id}","rcpt":"x@y.example"}`),
    ].join('\\n')
  const sent = (...mails: readonly string[]) => ({
    journalctl: `case $* in *submission*) printf '${mails.join('\\n')}\\n' ;; esac`,
  })
  assert.equal(look({ programs: sent(mail(1, 2), mail(2, 3)) }).said, '')
  assert.equal(look({ programs: sent(mail(1, 3, 'probe'), mail(2, 3, 'probe')) }).said, '', 'the probe is not counted')
  const { said } = look({ programs: sent(mail(1, 3), mail(2, 3)) })
  assert.match(said, /one login has sent 2 mails to 6 recipients within an hour/)
  assert.doesNotMatch(said, /alice|example|192/)
})

/** What the probe has left in memory: seconds ago of its last look, and of the last one in which mail worked. */
const probed = (at: number, works: number) => {
  const now = Math.floor(Date.now() / 1000)
  put('/etc/systemd/system/provision-probe.timer', '')
  mkdirSync(join(dir, 'run', 'watch'), { recursive: true })
  writeFileSync(join(dir, 'run', 'watch', 'probe'), `at ${now - at}\nworks ${now - works}\n`)
}
const beat = () => ({ curl: `echo beat >> ${join(dir, 'said')}` })

test('watch: the heartbeat is sent after a look, and not when nobody could be told what is wrong', () => {
  assert.equal(look({ fresh: true, programs: beat() }).said, 'beat\n')
  const failed = { systemctl: 'case $1 in show) echo ActiveState=failed ;; list-units) echo a.service ;; esac' }
  assert.equal(look({ programs: { ...beat(), ...failed, 'provision-notify': 'exit 1' } }).said, '')
})

test('watch: the heartbeat says that mail works: it stops when the probe says no, and when the probe is silent', () => {
  look({ fresh: true })
  probed(20, 20)
  assert.equal(look({ programs: beat() }).said, 'beat\n')
  probed(20, 700)
  assert.equal(look({ programs: beat() }).said, '', 'mail does not work')
  probed(20, 20)
  assert.equal(look({ programs: beat() }).said, 'beat\n', 'it works again')
  probed(1000, 1000)
  const { said } = look({ programs: beat() })
  assert.match(said, /nobody has checked for over 15 minutes whether mail works/)
  assert.doesNotMatch(said, /beat/)
})

test('watch: a place of the heartbeat that does not answer is reported once, and once when it answers again', () => {
  assert.equal(look({ fresh: true, programs: { curl: 'exit 7' } }).said, '')
  assert.match(look({ programs: { curl: 'exit 7' } }).said, /the place that the heartbeat is sent to does not answer/)
  assert.equal(look({ programs: { curl: 'exit 7' } }).said, '')
  assert.equal(look().said, '')
  assert.match(look().said, /all that was reported is over/)
})
