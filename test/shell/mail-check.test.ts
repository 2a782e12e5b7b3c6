import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkConf, type MailCheck } from '../../files/etc/maddy/check.conf.ts'
import { root } from '../../src/util/text.ts'
import { malformed } from '../support/malformed.ts'

const program = fileURLToPath(new URL('files/usr/local/sbin/provision-mail-check', root))
const codes = {
  ...{ ok: 0, failed: 75, junk: 140, boundary: 150, unclosed: 151, header: 152, delimiter: 153, deep: 154 },
  ...{ from: 155, unreadable: 156, list: 157, own: 160, sender: 161, disk: 170, limit: 171 },
}
type Verdict = keyof typeof codes
let dir: string

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'mail-check-'))
})
after(() => rmSync(dir, { recursive: true, force: true }))
beforeEach(() => {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true })
  settings()
})

function settings(change: Partial<MailCheck> = {}): void {
  const plain = {
    domains: ['ours.example', 'also.example'],
    mode: 'separate',
    messagesPerHour: 3,
    recipientsPerHour: 10,
  } as const
  const text = checkConf({ ...plain, takesMalformed: false, freePercent: 0, freeLeast: 0, ...change })
  writeFileSync(join(dir, 'conf'), text.replace(/^(state|disk)=.*/gm, `$1='${dir}'`))
}
const environment = () => ({ PROVISION_MAIL_CHECK: join(dir, 'conf'), PROVISION_LOG: '/nonexistent' })
const verdict = (status: number | null): Verdict | `exit ${string}` =>
  (Object.keys(codes) as Verdict[]).find((name) => codes[name] === status) ?? `exit ${status}`

function check(args: readonly string[], text = ''): Verdict | `exit ${string}` {
  const { status, stderr } = spawnSync(program, args, { env: environment(), input: Buffer.from(text, 'latin1') })
  assert.equal(String(stderr), '')
  return verdict(status)
}
const incoming = (text: string) => check(['body', 'incoming', '', 'alice@ours.example'], text)
const submitted = (text: string, login = 'bob@ours.example', to = ['a@x.example']) =>
  check(['body', 'submission', login, to.join('\n')], text)
const mail = (...header: readonly string[]) => [...header, 'Subject: a', '', 'Hello.', ''].join('\r\n')

test('mail-check: of the corpus it refuses what the storage cannot parse, and nothing else for its parts', () => {
  const shapes = malformed({ from: 'stranger@peer.example', to: 'alice@ours.example' })
  const seen = Object.groupBy(shapes, ({ text }) => incoming(text))
  const names = (verdict: Verdict) => (seen[verdict] ?? []).map(({ name }) => name).toSorted()
  assert.deepEqual(names('boundary'), ['a multipart with an empty boundary', 'a multipart without a boundary parameter'])
  assert.deepEqual(names('unclosed'), [
    'a Content-Type with RFC 2231 continuations out of order',
    'a boundary of 200 characters that is never closed',
    'a message/rfc822 with an unclosed multipart inside',
    'a multipart cut off in the header of a part',
    'a multipart in base64',
    'a multipart that ends after its first boundary line',
    'a multipart whose part has no header and no empty line',
    'a multipart with an empty body',
    'a multipart without any boundary line',
    'a multipart without its closing boundary',
    'a nested multipart whose boundary begins as the outer one',
    'a nested multipart with the boundary of the outer one',
    'a nested multipart without its inner closing boundary',
    'the last line without its end',
    'two thousand parts without the closing boundary',
  ])
  assert.deepEqual(names('header'), [
    'a message/rfc822 in base64',
    'a message/rfc822 that is no message',
    'a multipart whose part has a header line without a colon',
    'messages nested fifty deep',
  ])
  assert.deepEqual(names('deep'), [
    'multiparts nested two hundred deep',
    'multiparts nested two hundred deep, none of them closed',
  ])
  assert.deepEqual(
    Object.keys(seen).filter((name) => name.startsWith('exit') || name === 'failed'),
    [],
  )
})

test('mail-check: parts as go-message reads them', () => {
  const type = (boundary: string) => `Content-Type: multipart/mixed; boundary=${boundary}`
  const parts = (...lines: readonly string[]) => incoming(`From: a@peer.example\r\n${lines.join('\r\n')}`)
  const x = ['--x', '', 'a']
  const table: readonly (readonly [Verdict, readonly string[]])[] = [
    ['ok', [type('x'), '', ...x, '--x--', '']],
    ['ok', [type('x'), '', ...x, '--x--']],
    ['ok', [type('x'), '', 'before', ...x, '--x--', 'after']],
    ['ok', [type('x'), '', '--xy', ...x, '--xy', '--x \t', '', 'b', '--x-- ', '']],
    ['ok', [type('"x y"'), '', '--x y', '', '--x y--', '']],
    ['ok', [`${type("a; boundary*=utf-8''x")}`, '', ...x, '--x--', '']],
    ['ok', ['Content-Type: multipart/mixed;', ' boundary*0=x;', ' boundary*1=y', '', '--xy', '', '--xy--', '']],
    ['ok', ['content-type: MULTIPART/Mixed; Boundary="x"', '', ...x, '--x--', '']],
    // Nobody can say where its parts are, so it is a text.
    ['ok', ['Content-Type: multipart/mixed; boundary=x; boundary=y', '', 'a']],
    ['ok', ['Content-Type: multipart/mixed; boundary=x y', '', 'a']],
    ['ok', ['Content-Type: text/plain', type('x'), '', 'a']],
    ['delimiter', [type('x'), '', ...x, '--x-', '']],
    ['delimiter', [type('x'), '', ...x, '--x--more', '']],
    ['delimiter', [type('x'), '', 'p'.repeat(4095), ...x, '--x--', '']],
    ['ok', [type('x'), '', 'p'.repeat(4094), ...x, '--x--', '']],
    ['ok', [type('x'), '', '--x', '', 'p'.repeat(100_000), '--x--', '']],
    ['header', [type('x'), '', '--x', ' folded', '', '--x--', '']],
    ['header', [type('x'), '', '--x', 'Sub ject: a', '', '--x--', '']],
    ['ok', [type('x'), '', '--x', ': a', 'A : b', ' c', '', '--x--', '']],
    ['ok', [type('x'), '', '--x', type('y'), '', '--y', '', '--y--', '--x--', '']],
    ['unclosed', [type('x'), '', '--x', type('y'), '', '--y', '', '--x--', '']],
    ['ok', [type('x'), '', '--x', 'Content-Type: message/rfc822', '', type('y'), '', '--y', '', '--y--', '--x--', '']],
    ['ok', [type('x'), '', '--x', 'Content-Type: message/rfc822', '', 'A: b', '--x--', '']],
    ['unclosed', [type('x'), '', '--x', 'Content-Type: message/rfc822', '', type('y'), '--x--', '']],
    ['header', ['Content-Type: message/rfc822', '', 'no header', '']],
    ['deep', [...Array.from({ length: 101 }, () => ['Content-Type: message/rfc822', '']).flat(), 'A: b', '', '']],
    ['deep', [type('x'), '', ...Array.from({ length: 10_001 }, () => ['--x', '']).flat(), '--x--', '']],
  ]
  for (const [expected, lines] of table) assert.equal(parts(...lines), expected, JSON.stringify(lines).slice(0, 200))
})

test('mail-check: what the storage takes is not refused for its parts', () => {
  settings({ takesMalformed: true })
  const shapes = malformed({ from: 'stranger@peer.example', to: 'alice@ours.example' })
  const seen = new Set(shapes.map(({ text }) => incoming(text)))
  assert.deepEqual([...seen].toSorted(), ['from', 'junk', 'list', 'ok'])
})

test('mail-check: ends of lines that are mixed', () => {
  const head = 'From: a@peer.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n'
  assert.equal(incoming(`${head}--x\n\na\n--x--\n`), 'ok')
  assert.equal(incoming(`${head}--x\n\na\r\n--x--\n`), 'ok')
  // A boundary line that ends otherwise than the first one is none to go-message.
  assert.equal(incoming(`${head}--x\r\n\r\na\n--x--\n`), 'unclosed')
  assert.equal(incoming(`${head}--x\r\n\r\na\r\n--x--\n`), 'delimiter')
})

test('mail-check: on 25, one From with one address, which can be read', () => {
  const table: readonly (readonly [Verdict, readonly string[]])[] = [
    ['ok', ['From: a@peer.example']],
    ['ok', ['From: "Last, First" (of Peer) <a@peer.example>']],
    ['ok', ['From: =?utf-8?q?J=C3=B6rg?= <a@peer.example>']],
    ['ok', ['From: J. R. <a@peer.example>,']],
    ['ok', ['From: J\xc3\xb6rg <a@peer.example>']],
    ['ok', ['From: boss@ours.example']],
    // Go does not know the character set; the address is clear.
    ['ok', ['From: =?windows-1252?q?J=F6rg?= <a@peer.example>']],
    ['unreadable', ['From: =?windows-1252?q?Boss?= <boss@ours.example>']],
    ['unreadable', ['From: =?x-none?q?Boss?= <boss@mail.OURS.example>']],
    ['from', ['From: a@peer.example', 'From: b@peer.example']],
    ['from', ['from: a@peer.example', 'FROM : boss@ours.example']],
    ['from', ['To: a@peer.example']],
    ['from', ['From:']],
    ['from', ['From: The Boss']],
    ['from', ['From: nobody:;']],
    ['unreadable', ['From: "boss@ours.example" <boss@ours.example']],
    ['unreadable', ['From: boss@ours.example <a@peer.example>']],
    ['junk', ['From: a@peer.example <a@peer.example>']],
    ['junk', ['From: Peer, Inc. <a@peer.example>']],
    ['list', ['From: a@peer.example, boss@ours.example', 'Sender: a@peer.example']],
    ['list', ['From: a@peer.example, b@peer.example']],
    ['junk', ['From: a@peer.example, b@peer.example', 'Sender: a@peer.example']],
    ['list', ['From: authors: a@peer.example, boss@also.example;', 'Sender: a@peer.example']],
    ['ok', ['From: one: a@peer.example;']],
    ['ok', ['From: a@ours.example.peer.example']],
    ['ok', ['From: =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n\t<a@peer.example>']],
  ]
  for (const [expected, header] of table) assert.equal(incoming(mail(...header)), expected, header.join(' | '))
})

test('mail-check: a login sends with one From, and a Sender that is the same', () => {
  const bob = 'From: Bob <bob@ours.example>'
  const table: readonly (readonly [Verdict, readonly string[]])[] = [
    ['ok', [bob]],
    ['ok', [bob, 'Sender: "B." <Bob@Ours.example>']],
    ['ok', ['From: =?windows-1252?q?J=F6rg?= <bob@ours.example>']],
    ['own', [bob, 'From: boss@ours.example']],
    ['own', ['From: bob@ours.example, boss@ours.example', 'Sender: bob@ours.example']],
    ['own', ['To: a@x.example']],
    ['sender', ['From: boss@ours.example', 'Sender: bob@ours.example']],
    ['sender', [bob, 'Sender: bob@ours.example', 'Sender: bob@ours.example']],
    ['sender', [bob, 'Sender: boss@ours.example']],
    ['sender', [bob, 'Sender: nobody']],
  ]
  settings({ messagesPerHour: 100 })
  for (const [expected, header] of table) assert.equal(submitted(mail(...header)), expected, header.join(' | '))
})

test('mail-check: a login is stopped at its messages and at its recipients of an hour, and nobody else is', () => {
  const letter = mail('From: bob@ours.example')
  const many = Array.from({ length: 5 }, (_, i) => `a${i}@x.example`)
  const before = (login: string) => check(['sender', 'submission', login, ''])
  assert.deepEqual([submitted(letter), submitted(letter), submitted(letter)], ['ok', 'ok', 'ok'])
  // Whatever the name is written as.
  for (const name of ['bob@ours.example', 'BOB@Ours.Example']) {
    assert.equal(submitted(letter, name), 'limit')
    assert.equal(before(name), 'limit')
  }
  assert.equal(before('carol@ours.example'), 'ok')
  assert.deepEqual([submitted(letter, 'carol@ours.example', many), submitted(letter, 'carol@ours.example', many)], ['ok', 'ok'])
  assert.equal(submitted(letter, 'carol@ours.example'), 'limit')
  // What is refused for its header is not counted.
  assert.equal(submitted(mail('To: a@x.example'), 'dave@ours.example'), 'own')
  assert.equal(readdirSync(dir).includes('login-dave@ours.example'), false)
  // An hour later.
  const file = join(dir, 'login-bob@ours.example')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(/^\d+ /gm, (minute) => `${Number(minute) - 60} `),
  )
  assert.equal(submitted(letter), 'ok')
  settings({ mode: 'same_mailbox' })
  const names = ['eve', 'eve@ours.example', 'eve@also.example', 'Eve'] as const
  assert.deepEqual(
    names.map((name) => submitted(letter, name)),
    ['ok', 'ok', 'ok', 'limit'],
  )
})

test('mail-check: of many at once none is counted twice or lost', async () => {
  settings({ messagesPerHour: 10, recipientsPerHour: 1000 })
  const ended = Array.from({ length: 24 }, async () => {
    const child = spawn(program, ['body', 'submission', 'bob@ours.example', 'a@x.example'], { env: environment() })
    child.stdin.on('error', () => undefined).end(mail('From: bob@ours.example'))
    return new Promise<string>((resolve) => child.on('close', (status) => resolve(verdict(status))))
  })
  const seen = Object.groupBy(await Promise.all(ended), (name) => name)
  assert.deepEqual([seen.ok?.length, seen.limit?.length], [10, 14])
})

/** On a disk of 4 MiB and 100 inodes, so much of it used. */
function onDisk(used: { readonly kib: number; readonly files?: number }, args: readonly string[], text = '') {
  const disk = join(dir, 'disk')
  mkdirSync(disk, { recursive: true })
  const conf = readFileSync(join(dir, 'conf'), 'utf8').replace(/^disk=.*/m, `disk='${disk}'`)
  writeFileSync(join(dir, 'conf'), conf)
  const script = `mount -t tmpfs -o size=4m,nr_inodes=100 none "$1" && cd "$1" || exit 99
head -c "$2"k /dev/zero > fill; i=0; while [ $((i += 1)) -le "$3" ]; do : > "file$i"; done
shift 3; cd /; exec "$@"`
  const words = ['-rm', 'sh', '-c', script, 'sh', disk, `${used.kib}`, `${used.files ?? 0}`, program, ...args]
  return verdict(spawnSync('unshare', words, { env: { ...process.env, ...environment() }, input: text }).status)
}

test('mail-check: without room mail is deferred before it is sent over, and after', () => {
  const letter = mail('From: bob@ours.example')
  for (const [way, login] of [
    ['incoming', ''],
    ['submission', 'bob@ours.example'],
  ] as const) {
    settings({ freePercent: 5, freeLeast: 200, messagesPerHour: 100 })
    // A quarter of a disk this small.
    for (const [expected, used] of [
      ['ok', { kib: 2900 }],
      ['disk', { kib: 3200 }],
      ['ok', { kib: 0, files: 80 }],
      ['disk', { kib: 0, files: 96 }],
    ] as const) {
      assert.equal(onDisk(used, ['sender', way, login, '']), expected)
      assert.equal(onDisk(used, ['body', way, login, 'a@x.example'], letter), expected)
    }
    // What is stored once for each recipient.
    const large = mail('From: bob@ours.example') + 'x'.repeat(400 * 1024)
    assert.equal(onDisk({ kib: 2000 }, ['body', way, login, 'a@x.example'], large), 'ok')
    assert.equal(onDisk({ kib: 2000 }, ['body', way, login, 'a@x.example\nb@x.example\nc@x.example'], large), 'disk')
  }
})

test('mail-check: when it cannot do its work mail is deferred', () => {
  const letter = mail('From: bob@ours.example')
  writeFileSync(join(dir, 'conf'), readFileSync(join(dir, 'conf'), 'utf8').replace(/^state=.*/m, "state='/nonexistent'"))
  assert.equal(submitted(letter), 'failed')
  writeFileSync(join(dir, 'conf'), "domains='ours.example'\n")
  assert.equal(incoming(letter), 'failed')
  rmSync(join(dir, 'conf'))
  assert.equal(incoming(letter), 'failed')
  settings()
  assert.equal(check(['nothing', 'incoming', '', '']), 'failed')
  assert.equal(check(['sender', 'submission', '', '']), 'failed')
})
