import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Check, error, type Finding, ok, type Verdict, warning, worst } from '../../../src/doctor/check.ts'
import { checks } from '../../../src/doctor/checks.ts'
import { CouldNotLook } from '../../../src/doctor/could-not-look.ts'
import { dnsThrough } from '../../../src/doctor/dns.ts'
import { examine, type Result } from '../../../src/doctor/examine.ts'
import { recall, remember, turns } from '../../../src/doctor/memory.ts'
import { page } from '../../../src/doctor/page.ts'
import { declaredUnits, facts, type Patient } from '../../../src/doctor/patient.ts'
import { talk } from '../../../src/doctor/smtp.ts'
import { playbook, step } from '../../../src/engine/step.ts'
import { service } from '../../../src/kinds/system/service.ts'
import { countLine, resultLines, turnLines } from '../../../src/ui/verdicts.ts'
import { reverseName } from '../../../src/util/addresses.ts'

const nobody = {} as Patient
const check = (id: string, look: () => Promise<readonly Finding[]>, limit?: number): Check => ({
  ...{ id, title: id, look },
  ...(limit === undefined ? {} : { limit }),
})
const result = (id: string, ...findings: readonly Finding[]): Result => ({
  ...{ id, title: `the title of ${id}`, findings, ms: 10 },
  verdict: worst(findings.map(({ verdict }) => verdict)),
})

for (const [verdicts, expected] of [
  [['ok', 'ok'], 'ok'],
  [['ok', 'warning'], 'warning'],
  [['warning', 'could not look', 'ok'], 'could not look'],
  [['could not look', 'error', 'warning'], 'error'],
  [[], 'could not look'],
] as const) {
  test(`doctor: ${verdicts.join(', ') || 'nothing'} is ${expected}`, () =>
    assert.equal(worst(verdicts as readonly Verdict[]), expected))
}

test('doctor: a check that throws, says nothing or takes too long could not look, and hides no other', async () => {
  const results = await examine(
    [
      check('throws', async () => {
        throw new CouldNotLook('the resolver is away', 'try another one')
      }),
      check('silent', async () => []),
      check('slow', () => new Promise(() => {}), 20),
      check('well', async () => [ok('it', 'is well')]),
    ],
    nobody,
    {},
    1,
  )
  assert.deepEqual(
    results.map(({ id, verdict, findings }) => [id, verdict, findings[0]!.message]),
    [
      ['throws', 'could not look', 'the resolver is away'],
      ['silent', 'could not look', 'there was nothing to look at'],
      ['slow', 'could not look', 'it took longer than 0.02 s'],
      ['well', 'ok', 'is well'],
    ],
  )
  assert.equal(results[0]!.findings[0]!.next, 'try another one')
})

test('doctor: no more checks at once than it may, and each is heard', async () => {
  let [now, most] = [0, 0]
  const heard: string[] = []
  const all = Array.from({ length: 7 }, (_, i) =>
    check(`c${i}`, async () => {
      most = Math.max(most, ++now)
      await new Promise(setImmediate)
      now--
      return [ok('it', 'is well')]
    }),
  )
  const results = await examine(all, nobody, { ends: ({ id }) => void heard.push(id) }, 3)
  assert.equal(most, 3)
  assert.deepEqual(
    results.map(({ id }) => id),
    heard.toSorted(),
  )
})

test('doctor: every check has a name of its own and says what is true of a well server', () => {
  assert.equal(new Set(checks.map(({ id }) => id)).size, checks.length)
  for (const { id, title } of checks) assert.match(`${id} ${title}`, /^[a-z0-9-]+ \S/)
})

test('doctor: the units that shall run are those that the playbooks declare', () => {
  const steps = [
    step('Run', [
      service({ unit: 'a.service' }),
      service({ unit: 'b.socket', state: 'off' }),
      service({ unit: 'c.timer', state: 'on' }),
    ]),
  ]
  assert.deepEqual(declaredUnits({ playbooks: [playbook('p', steps)] }), ['a.service', 'c.timer'])
})

test('doctor: what the host did not print is not taken for empty', () => {
  const get = facts('waiting 3\nservice\n')
  assert.deepEqual([get('waiting'), get('service')], ['3', ''])
  assert.throws(() => get('oldest'), CouldNotLook)
})

test('doctor: what is not well comes with its next move, what is well in one line', () => {
  const bad = result('ports', ok('IPv4', 'all answer'), error('25/tcp over IPv6', 'is refused', 'see the firewall'))
  assert.deepEqual(resultLines(bad), ['✗ ports (0.0 s)', '    ✗ 25/tcp over IPv6: is refused', '      → see the firewall'])
  assert.deepEqual(resultLines(result('clock', ok('clock', 'as ours'))), ['✓ clock: as ours (0.0 s)'])
  assert.equal(countLine([bad, bad, result('clock', ok('clock', 'as ours'))]), '2 errors, 1 ok')
})

test('doctor: --since tells what has come and what has gone, and nothing of figures that always change', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doctor-test-'))
  try {
    const file = join(dir, 'deep', 'x.json')
    assert.equal(recall(file), undefined)
    remember(file, [result('disk', ok('/', '41 % full')), result('queue', warning('queue', '3 wait', 'look'))])
    const before = recall(file)!
    assert.deepEqual(
      turns(before, [result('disk', ok('/', '42 % full')), result('queue', warning('queue', '3 wait', 'look'))]),
      [],
    )
    const seen = turns(before, [result('disk', error('/', '95 % full', 'du')), result('queue', ok('queue', 'empty'))])
    assert.deepEqual(turnLines(before.at, seen).slice(1), [
      '  disk ok → error',
      '    + /: 95 % full',
      '  queue warning → ok',
      '    - queue: 3 wait',
    ])
    writeFileSync(file, '{"version":1')
    assert.equal(recall(file), undefined)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('doctor: the page stands alone, hides no fault, and what a host says is no HTML in it', () => {
  const html = page({
    ...{ host: 'x', at: new Date(0) },
    results: [
      result('clock', ok('clock', 'as ours')),
      result('greeting', error('25', 'says <script>alert(1)</script>', 'a & b')),
    ],
  })
  assert.doesNotMatch(html, /<script|https?:\/\//)
  assert.match(html, /name="viewport"/)
  assert.match(html, /says &lt;script&gt;.*<code>a &amp; b<\/code>/)
  assert.ok(html.indexOf('greeting') < html.indexOf('clock'), 'what is not well comes first')
})

test('doctor: an address is asked for by its reverse name, in the DNS and in blocklists', () => {
  assert.equal(reverseName('192.0.2.10'), '10.2.0.192.in-addr.arpa')
  assert.equal(reverseName('192.0.2.10', 'list.example'), '10.2.0.192.list.example')
  assert.equal(reverseName('2001:db8::1'), `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`)
})

test('doctor: a resolver that refuses is no “not there”', { timeout: 20_000 }, async () => {
  const server = createSocket('udp4')
  // What comes back: the question with another code. 5 is REFUSED, 3 NXDOMAIN; 0x20 is AD.
  let [code, ad] = [5, 0]
  server.on('message', (query, from) => {
    const answer = Buffer.from(query)
    answer[2] = 0x81
    answer[3] = 0x80 | ad | code
    server.send(answer, from.port, from.address)
  })
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  try {
    const dns = dnsThrough(`127.0.0.1:${server.address().port}`)
    await assert.rejects(dns.ask('a.example', 'A'), CouldNotLook)
    await assert.rejects(dns.proved('a.example', 'A'), /REFUSED/)
    code = 3
    assert.deepEqual(await dns.ask('a.example', 'A'), [])
    assert.equal(await dns.proved('a.example', 'A'), false)
    ad = 0x20
    assert.equal(await dns.proved('a.example', 'A'), true)
  } finally {
    server.close()
  }
})

test('doctor: replies of several lines are read whole, and a server that hangs up is told', async () => {
  const server = createServer((socket: Socket) => {
    socket.write('220 mx.exa')
    socket.write('mple ready\r\n')
    socket.on('data', (line) =>
      String(line).startsWith('EHLO') ? socket.write('250-one\r\n250-two\r\n250 three\r\n') : socket.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as { port: number }
    const door = { address: '127.0.0.1', port, name: 'mx.example', trusted: [] }
    const seen = await talk(door, async ({ greeting, say }) => [greeting, await say('EHLO a')])
    assert.deepEqual(seen, [
      { code: 220, lines: ['mx.example ready'] },
      { code: 250, lines: ['one', 'two', 'three'] },
    ])
    await assert.rejects(
      talk(door, ({ say }) => say('RSET')),
      /closed the connection|broke the connection off/,
    )
  } finally {
    server.close()
  }
  await assert.rejects(
    talk({ address: '127.0.0.1', port: 1, name: 'x', trusted: [] }, async () => 1),
    /127\.0\.0\.1:1 is refused/,
  )
})
