import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { type Answer, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet'
import { changeOf } from '../../../src/dns/changes.ts'
import { askServer, NoAnswer } from '../../../src/dns/client.ts'
import { recordDifferences, wantedOf } from '../../../src/dns/compare.ts'
import { dataOf } from '../../../src/dns/data.ts'
import { sameMeaning } from '../../../src/dns/meaning.ts'
import { ovhSignature } from '../../../src/dns/providers/ovh-client.ts'
import type { DnsRecord, Said } from '../../../src/dns/record.ts'
import { resolvers } from '../../../src/dns/servers.ts'

const txt = (data: string, name = 'example.org'): DnsRecord => ({ name, type: 'TXT', ttl: 600, data })

const same: readonly [string, string][] = [
  ['v=spf1 mx -all', 'v=spf1 +MX  -all'],
  ['v=spf1 a mx -all', 'v=spf1 mx a mx -all'],
  ['v=spf1 mx -all', 'v=spf1 mx -all ip4:192.0.2.1'],
  ['v=spf1 mx -all exp=why.example.org', 'v=spf1 exp=why.example.org mx -all'],
  ['v=DMARC1; p=reject; sp=reject', 'v=DMARC1;p=reject'],
  [
    'v=DMARC1; p=none; rua=mailto:a@x.org,mailto:b@x.org',
    'v=DMARC1; p=none; pct=100; adkim=r; rua=mailto:b@x.org, mailto:A@x.org',
  ],
  ['v=STSv1; id=20', 'v=STSv1; id=20;'],
]
const other: readonly [string, string][] = [
  ['v=spf1 mx -all', 'v=spf1 mx ~all'],
  ['v=spf1 mx -all', 'v=spf1 a mx -all'],
  ['v=spf1 -ip4:192.0.2.1 mx -all', 'v=spf1 mx -ip4:192.0.2.1 -all'],
  ['v=spf1 mx redirect=a.example', 'v=spf1 mx redirect=b.example'],
  ['v=DMARC1; p=reject; sp=none', 'v=DMARC1; p=reject'],
  ['v=DMARC1; p=reject', 'v=DMARC1; p=reject; pct=50'],
  ['v=DMARC1; p=none; rua=mailto:a@x.org', 'v=DMARC1; p=none'],
  ['v=STSv1; id=ab', 'v=STSv1; id=AB'],
  ['v=TLSRPTv1; rua=mailto:a@x.org', 'v=TLSRPTv1; rua=mailto:b@x.org'],
]
for (const [a, b] of same) test(`meaning: “${a}” is “${b}”`, () => assert.ok(sameMeaning(txt(a), txt(b))))
for (const [a, b] of other) test(`meaning: “${a}” is not “${b}”`, () => assert.ok(!sameMeaning(txt(a), txt(b))))

test('meaning: a DKIM key is its key, however it was cut; one letter more is another', () => {
  const key = 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A'
  const at = 's._domainkey.example.org'
  assert.ok(sameMeaning(txt(`v=DKIM1; k=rsa; p=${key}`, at), txt(`p=${key.slice(0, 9)} ${key.slice(9)}; v=DKIM1`, at)))
  assert.ok(!sameMeaning(txt(`v=DKIM1; k=rsa; p=${key}`, at), txt(`v=DKIM1; k=rsa; p=${key.toLowerCase()}`, at)))
})

/** What is told of a name, in a word each. */
const told = (records: readonly DnsRecord[], there: readonly Said[]) =>
  wantedOf(records)
    .flatMap((one) =>
      recordDifferences(
        one,
        there.filter(({ name, type }) => name === one.name && (type === one.type || type === 'CNAME')),
      ),
    )
    .map(({ state, type, seen }) => [state, type, ...seen.map(({ data }) => data)].join(' '))

test('differences: nothing there is missing, another is wrong, one more is too much', () => {
  const mx: DnsRecord = { name: 'example.org', type: 'MX', ttl: 60, data: '10 mx1.example.org.' }
  const wrong: Said = { ...mx, data: '10 old.example.org.' }
  assert.deepEqual(told([mx], []), ['missing MX'])
  assert.deepEqual(told([mx], [wrong]), ['wrong MX 10 old.example.org.'])
  assert.deepEqual(told([mx], [{ ...mx, data: '10 MX1.example.org.' }, wrong]), ['extra MX 10 old.example.org.'])
})

test('differences: an address of the other kind, which nobody declared, is too much', () => {
  const a: DnsRecord = { name: 'mx1.example.org', type: 'A', ttl: 60, data: '192.0.2.1' }
  assert.deepEqual(told([a], [a, { name: a.name, type: 'AAAA', data: '2001:db8::1' }]), ['extra AAAA 2001:db8::1'])
})

test('differences: other TXT at the same name are nobody’s business; a second of a kind is', () => {
  const there = [txt('v=spf1 mx -all'), txt('site=1'), txt('v=spf1 mx -all')]
  assert.deepEqual(told([txt('v=spf1 mx -all')], there), ['extra TXT v=spf1 mx -all'])
  assert.deepEqual(told([txt('v=spf1 mx -all')], [txt('site=1')]), ['missing TXT'])
})

test('differences: another CA beside ours is too much, and does not stand in for ours', () => {
  const caa = (data: string): DnsRecord => ({ name: 'example.org', type: 'CAA', ttl: 60, data })
  assert.deepEqual(told([caa('0 issue "a.example"')], [caa('0 issue "b.example"'), caa('0 contactemail "x"')]), [
    'missing CAA',
    'extra CAA 0 issue "b.example"',
  ])
})

test('changes: what is in the way goes, what is too much stays, but for what makes ours count for nothing', () => {
  const mx: DnsRecord = { name: 'example.org', type: 'MX', ttl: 60, data: '10 mx1.example.org.' }
  const change = (records: readonly DnsRecord[], there: readonly Said[], prune = false) => {
    const { add, remove } = changeOf(
      'example.org',
      wantedOf(records).flatMap((one) =>
        recordDifferences(
          one,
          there.filter(({ type }) => type === one.type || type === 'CNAME'),
        ),
      ),
      { prune },
    )
    return [...remove.map(({ type, data }) => `- ${type} ${data}`), ...add.map(({ type, data }) => `+ ${type} ${data}`)]
  }
  const [old, backup]: Said[] = [
    { ...mx, data: '10 old.example.org.' },
    { ...mx, data: '20 backup.example.net.' },
  ]
  assert.deepEqual(change([mx], [old!]), ['- MX 10 old.example.org.', '+ MX 10 mx1.example.org.'])
  assert.deepEqual(change([mx], [mx, backup!]), [])
  assert.deepEqual(change([mx], [mx, backup!], true), ['- MX 20 backup.example.net.'])
  const spf = txt('v=spf1 mx -all')
  assert.deepEqual(change([spf], [spf, txt('v=spf1 a -all'), txt('site=1')]), ['- TXT v=spf1 a -all'])
  assert.deepEqual(change([spf], [txt('site=1')], true), ['+ TXT v=spf1 mx -all'])
  const a: DnsRecord = { name: 'www.example.org', type: 'A', ttl: 60, data: '192.0.2.1' }
  const alias: Said = { name: a.name, type: 'CNAME', data: 'other.example.net.' }
  assert.deepEqual(change([a], [alias]), ['- CNAME other.example.net.', '+ A 192.0.2.1'])
})

test('OVH: a request is signed as its API documents it', () => {
  const keys = { applicationSecret: 'EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF', consumerKey: 'MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1' }
  const asked = { method: 'GET', url: 'https://eu.api.ovh.com/1.0/domains/', body: '', time: 1366560945 }
  assert.equal(ovhSignature(keys, asked), '$1$d3705e8afb27a0d2970a322b96550abfc67bb798')
})

const answer: Answer = { type: 'TXT', name: 'example.org', ttl: 1, data: 'x'.repeat(200) }
const replyTo = (message: Buffer, answers: Answer[], flags = 0) => {
  const { id = 0, questions = [] } = decode(message)
  return encode({ type: 'response', id, flags, questions, answers })
}

test('asking: what does not fit is asked for again by TCP', async () => {
  const tcp = createServer((socket) =>
    socket.once('data', (data: Buffer) => {
      const reply = replyTo(data.subarray(2), Array<Answer>(20).fill(answer))
      // In two parts, as a network may.
      socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply.subarray(0, 9)]))
      setTimeout(() => socket.end(reply.subarray(9)), 20)
    }),
  ).listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as { readonly port: number }
  const udp = createSocket('udp4').bind(port, '127.0.0.1')
  udp.on('message', (message, from) => udp.send(replyTo(message, [], TRUNCATED_RESPONSE), from.port, from.address))
  await once(udp, 'listening')
  const { answers } = await askServer({ address: '127.0.0.1', port }, { name: 'example.org', type: 'TXT' })
  assert.deepEqual(answers.map(dataOf), Array(20).fill('x'.repeat(200)))
  udp.close()
  tcp.close()
})

test('asking: an answer to another question does not count, and a lost question is asked again', async () => {
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  let asked = 0
  udp.on('message', (message, from) => {
    asked++
    const forged = Buffer.from(message)
    forged.writeUInt16BE((message.readUInt16BE(0) + 1) & 0xffff, 0)
    udp.send(replyTo(forged, [{ ...answer, data: 'forged' }]), from.port, from.address)
    if (asked === 2) udp.send(replyTo(message, [{ ...answer, data: 'right' }]), from.port, from.address)
  })
  const { answers } = await askServer(
    { address: '127.0.0.1', port: udp.address().port },
    { name: 'example.org', type: 'TXT' },
    { tries: [200, 5000] },
  )
  assert.deepEqual(answers.map(dataOf), ['right'])
  udp.close()
})

test('asking: who is silent, and who is not there, gave no answer', async () => {
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  const server = { address: '127.0.0.1', port: udp.address().port }
  await assert.rejects(askServer(server, { name: 'example.org', type: 'A' }, { tries: [50, 50] }), NoAnswer)
  udp.close()
  await once(udp, 'close')
  await assert.rejects(askServer(server, { name: 'example.org', type: 'A' }), { message: 'nothing listens there' })
})

test('resolvers: as they are told', () => {
  assert.deepEqual(resolvers('192.0.2.1'), [{ address: '192.0.2.1', port: 53 }])
  assert.deepEqual(resolvers('192.0.2.1:5353'), [{ address: '192.0.2.1', port: 5353 }])
  assert.deepEqual(resolvers('[2001:db8::1]:5353'), [{ address: '2001:db8::1', port: 5353 }])
  assert.deepEqual(resolvers('2001:db8::1'), [{ address: '2001:db8::1', port: 53 }])
})
