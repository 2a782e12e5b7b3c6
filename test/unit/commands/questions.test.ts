import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordLines } from '../../../src/commands/dns/dns-lines.ts'
import { domainOf } from '../../../src/commands/domain/domain-questions.ts'
import { inventoryText, newServer } from '../../../src/commands/inventory/init-file.ts'
import { initTopics } from '../../../src/commands/inventory/init-questions.ts'
import { dkimRecord } from '../../../src/dns/dkim.ts'
import { ProvisionError } from '../../../src/errors.ts'
import { readAnswers } from '../../../src/inventory/edit/answers.ts'
import { addAlias, addDomain } from '../../../src/inventory/edit/edit.ts'
import { DomainShape } from '../../../src/inventory/schema/mail.ts'
import { ServerShape } from '../../../src/inventory/schema/shape.ts'
import { Dns } from '../../../src/inventory/schema/web.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'
import { type Answers, back, converse, type Put, type Topic } from '../../../src/ui/converse.ts'
import { question, words } from '../../../src/ui/fields.ts'

test('question: it says what the field says, and refuses what the field refuses, in the field’s words', () => {
  const asked = question('hostname', ServerShape.shape.hostname)
  assert.equal(asked.ask, 'What is the host called?')
  assert.match(asked.hint, /such as xoyize\.xyz$/)
  assert.equal(asked.fault('example.org'), undefined)
  assert.match(asked.fault('Example') ?? '', /^“Example” is no host name: /)
  assert.match(asked.fault('') ?? '', /^is no host name: /)
})

test('question: what may be left out takes nothing; what has a default proposes it; a number is read as one', () => {
  assert.equal(question('address6', ServerShape.shape.address6).fault(''), undefined)
  const port = question('port', ServerShape.shape.ssh.unwrap().shape.port)
  assert.equal(port.proposal, '55148')
  assert.equal(port.fault('22'), undefined)
  assert.match(port.fault('70000') ?? '', /65535/)
  const reports = question('reports', DomainShape.shape.dmarc.unwrap().shape.reports, { read: words })
  assert.equal(reports.proposal, 'postmaster')
  assert.match(reports.fault('a, b c@') ?? '', /^“c@” is no /)
})

test('init: a host may have no IPv4 address, and no address at all is refused', () => {
  const topics = initTopics({ given: 'xoyize.xyz', user: 'ann', from: undefined })
  const ask = (answers: Answers) => topics.flatMap((one) => one(answers) ?? []).find(({ name }) => name === 'address6')!
  assert.equal(
    topics
      .flatMap((one) => one({}) ?? [])
      .find(({ name }) => name === 'address')!
      .fault(''),
    undefined,
  )
  assert.match(ask({ address: '' }).fault('') ?? '', /^is missing: a host has an IPv4 address in address, /)
  assert.equal(ask({ address: '' }).fault('2001:db8::1'), undefined)
  assert.equal(ask({ address: '192.0.2.1' }).fault(''), undefined)
  const { address, address6 } = newServer({
    address: '',
    address6: '2001:db8::1',
    name: 'xoyize.xyz',
    accounts: 'ann',
    web: 'here',
  })
  assert.deepEqual([address, address6], [undefined, '2001:db8::1'])
})

test('question: an enum and the kinds of a union are chosen from', () => {
  const policy = question('dmarc', DomainShape.shape.dmarc.unwrap().shape.policy)
  assert.deepEqual(
    policy.choices?.map(({ value }) => value),
    ['none', 'quarantine', 'reject'],
  )
  assert.equal(policy.proposal, 'quarantine')
  assert.deepEqual(
    question('dns', Dns).choices?.map(({ value, about }) => [value, about !== '']),
    [
      ['ovh', true],
      ['nsupdate', true],
      ['manual', true],
    ],
  )
})

const topic =
  (name: string, when: (answers: Answers) => boolean = () => true): Topic =>
  (answers) =>
    when(answers)
      ? {
          name,
          ask: name,
          hint: '',
          proposal: `usual ${name}`,
          optional: false,
          fault: (answer) => (answer === 'bad' ? 'is bad' : undefined),
        }
      : undefined

/** Somebody who answers in this order; what they were asked and what was proposed. */
function somebody(answers: readonly (string | typeof back)[]): { readonly put: Put; readonly asked: string[] } {
  const asked: string[] = []
  const left = [...answers]
  const put: Put = async ({ name, proposal }, first) => {
    asked.push(`${name}: ${proposal}${first ? ' (first)' : ''}`)
    return left.shift()!
  }
  return { put, asked }
}

test('converse: going back forgets what followed, and proposes what was said', async () => {
  const topics = [topic('a'), topic('b', ({ a }) => a === 'yes'), topic('c')]
  const { put, asked } = somebody(['yes', 'b1', back, back, 'no', 'c1'])
  assert.deepEqual(await converse(topics, {}, put), { a: 'no', c: 'c1' })
  assert.deepEqual(asked, ['a: usual a (first)', 'b: usual b', 'c: usual c', 'b: b1', 'a: yes (first)', 'c: usual c'])
})

test('converse: what is given is not asked, and refused when it is wrong; without anybody proposals are taken', async () => {
  const { put, asked } = somebody(['b1'])
  assert.deepEqual(await converse([topic('a'), topic('b')], { a: 'given' }, put), { a: 'given', b: 'b1' })
  assert.deepEqual(asked, ['b: usual b (first)'])
  assert.deepEqual(await converse([topic('a'), topic('b')], { b: 'given' }, undefined), { a: 'usual a', b: 'given' })
  await assert.rejects(
    converse([topic('a')], { a: 'bad' }, undefined),
    (error) => error instanceof ProvisionError && error.message === 'is bad',
  )
})

test('domain: what is usual is not written', () => {
  assert.deepEqual(domainOf({ name: 'example.net', accounts: '', web: 'here', policies: 'usual' }), {
    domain: { name: 'example.net' },
    site: true,
  })
  assert.deepEqual(
    domainOf({
      ...{ name: 'example.net', accounts: 'bob, eve', catch_all: 'eve', web: 'elsewhere', elsewhere: '2001:db8::1 192.0.2.1' },
      ...{ policies: 'choose', dmarc: 'reject', reports: '', mta_sts: 'enforce' },
    }),
    {
      domain: {
        name: 'example.net',
        accounts: [{ address: 'bob' }, { address: 'eve' }],
        catch_all: 'eve',
        web: { elsewhere: { address6: '2001:db8::1', address: '192.0.2.1' } },
        dmarc: { policy: 'reject', reports: [] },
        mta_sts: { mode: 'enforce' },
      },
      site: false,
    },
  )
})

const text = inventoryText(
  newServer({
    ...{ hostname: 'example.org', address: '192.0.2.10', user: 'alice', name: 'example.org', accounts: 'alice' },
    ...{ mx: 'mx1.example.org', dns: 'manual', web: 'here' },
  }),
)

test('init: the shortest file there is, is a valid one', () => {
  assert.equal(validate('x.yml', readYaml('x.yml', text)).domains[0]?.accounts[0]?.address, 'alice@example.org')
})

test('records: only what a change adds or takes away, and who publishes it', () => {
  const { server } = addDomain({ name: 'example.net' }, { site: false })('x.yml', text)
  const before = validate('x.yml', readYaml('x.yml', text))
  const lines = recordLines(before, server)
  assert.ok(lines.includes('example.net. 3600 IN MX 10 mx1.example.org.'))
  assert.ok(
    lines.every((line) => line === '' || line.startsWith(';') || line.includes('example.net')),
    lines.join('\n'),
  )
  assert.match(lines.join('\n'), /you publish them \(dns\.provider: manual\)/)
  assert.match(recordLines(server, before).join('\n'), /^; 1\d records to take back$/m)
  assert.deepEqual(recordLines(before, addAlias('info@example.org', ['alice'])('x.yml', text).server), [])
  const ovh = { ...server, dns: { ...validate('x.yml', readYaml('x.yml', text.replace('manual', 'ovh'))).dns } }
  assert.match(recordLines(before, ovh).join('\n'), /“provision dns publish” writes them into the zone at OVH/)
})

test('records: a DKIM key of the host, and what is none', () => {
  const value = 'v=DKIM1; k=rsa; p=MIIB+/=='
  assert.deepEqual(dkimRecord('example.org', 'default', `${value}\n`, 60), {
    name: 'default._domainkey.example.org',
    type: 'TXT',
    ttl: 60,
    data: value,
  })
  for (const printed of ['', 'cat: no such file', 'v=DKIM1; k=rsa; p="x'])
    assert.equal(dkimRecord('example.org', 'default', printed, 60), undefined)
})

test('answers: a domain as in an inventory, with its faults named', () => {
  assert.deepEqual(readAnswers('a.yml', 'name: example.net\naccounts: [{ address: bob }]\nsite: false\n'), {
    name: 'example.net',
    accounts: [{ address: 'bob' }],
    site: false,
  })
  assert.deepEqual(readAnswers('a.yml', 'catch_all: bob\n', 'example.net'), { name: 'example.net', catch_all: 'bob' })
  for (const [wrong, message] of [
    ['nam: example.net\n', /Unrecognized key: "nam"/],
    ['name: Example.net\n', /is no host name/],
    ['- a\n', /is no answers/],
    ['name: example.com\n', /is about example\.com, not about example\.net/],
  ] as const)
    assert.throws(
      () => readAnswers('a.yml', wrong, 'example.net'),
      (error) => error instanceof ProvisionError && message.test(error.message),
    )
})
