import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { recordLines } from '../../../src/commands/dns/dns-lines.ts'
import { domainOf } from '../../../src/commands/domain/domain-questions.ts'
import { openDraft } from '../../../src/commands/inventory/draft.ts'
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
import { type Answers, back, type Close, converse, type Put, type Topic } from '../../../src/ui/converse.ts'
import { question, words } from '../../../src/ui/fields.ts'
import { nextCommand, quoted, startedAs } from '../../../src/ui/next-command.ts'
import { wrapped } from '../../../src/ui/wrap.ts'

test('question: it says what the field says, and refuses what the field refuses, in the field’s words', () => {
  const asked = question('hostname', ServerShape.shape.hostname)
  assert.equal(asked.ask, 'What is the host called?')
  assert.match(asked.hint, /such as xoyize\.xyz$/)
  assert.equal(asked.fault('example.org'), undefined)
  assert.match(asked.fault('Example') ?? '', /^“Example” is not a valid host name: /)
  assert.match(asked.fault('') ?? '', /^is not a valid host name: /)
})

test('question: what may be left out takes nothing; what has a default proposes it; a number is read as one', () => {
  assert.equal(question('address6', ServerShape.shape.address6).fault(''), undefined)
  const port = question('port', ServerShape.shape.ssh.unwrap().shape.port)
  assert.equal(port.proposal, '55148')
  assert.equal(port.fault('22'), undefined)
  assert.match(port.fault('70000') ?? '', /65535/)
  const reports = question('reports', DomainShape.shape.dmarc.unwrap().shape.reports, { read: words })
  assert.equal(reports.proposal, 'postmaster')
  assert.match(reports.fault('a, b c@') ?? '', /^“c@” is not a valid mailbox name/)
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

/** Makes nothing of the answers. */
const all: Close<Answers> = async (answers) => answers

test('converse: going back forgets what followed, and proposes what was said', async () => {
  const topics = [topic('a'), topic('b', ({ a }) => a === 'yes'), topic('c')]
  const { put, asked } = somebody(['yes', 'b1', back, back, 'no', 'c1'])
  assert.deepEqual(await converse(topics, {}, { put }, all), { a: 'no', c: 'c1' })
  assert.deepEqual(asked, ['a: usual a (first)', 'b: usual b', 'c: usual c', 'b: b1', 'a: yes (first)', 'c: usual c'])
})

test('converse: what is given is not asked, and refused when it is wrong; without anybody proposals are taken', async () => {
  const { put, asked } = somebody(['b1'])
  assert.deepEqual(await converse([topic('a'), topic('b')], { a: 'given' }, { put }, all), { a: 'given', b: 'b1' })
  assert.deepEqual(asked, ['b: usual b (first)'])
  assert.deepEqual(await converse([topic('a'), topic('b')], { b: 'given' }, undefined, all), { a: 'usual a', b: 'given' })
  await assert.rejects(
    converse([topic('a')], { a: 'bad' }, undefined, all),
    (error) => error instanceof ProvisionError && error.message === 'is bad',
  )
})

test('converse: the end goes back to the last question that was asked, and to none where none was', async () => {
  const { put, asked } = somebody(['a1', 'a2'])
  const ends: [Answers, boolean][] = []
  const close: Close<string> = async (answers, mayGoBack) => {
    ends.push([answers, mayGoBack])
    return ends.length === 1 ? back : 'closed'
  }
  assert.equal(await converse([topic('a'), topic('b')], { b: 'given' }, { put }, close), 'closed')
  assert.deepEqual(asked, ['a: usual a (first)', 'a: a1 (first)'])
  assert.deepEqual(ends, [
    [{ a: 'a1', b: 'given' }, true],
    [{ a: 'a2', b: 'given' }, true],
  ])
  ends.push([{}, true])
  assert.equal(await converse([topic('a')], { a: 'given' }, { put }, close), 'closed')
  assert.deepEqual(ends.at(-1), [{ a: 'given' }, false])
})

test('converse: each answer is kept, and what was kept is proposed', async () => {
  const kept: Answers[] = []
  const keep = async (answers: Answers) => void kept.push(answers)
  const { put, asked } = somebody(['a1', back, 'a2', 'b1'])
  await converse([topic('a'), topic('b')], {}, { put, keep, earlier: { b: '' } }, all)
  assert.deepEqual(asked, ['a: usual a (first)', 'b: ', 'a: a1 (first)', 'b: '])
  assert.deepEqual(kept, [
    { b: '', a: 'a1' },
    { b: '', a: 'a2' },
    { b: 'b1', a: 'a2' },
  ])
})

test('draft: what was answered is there the next time, for the same command alone, until it is forgotten', async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'draft-test-'))
  t.after(() => rmSync(state, { recursive: true, force: true }))
  t.after(() => void delete process.env.XDG_STATE_HOME)
  process.env.XDG_STATE_HOME = state
  const draft = await openDraft('init', '/a', 'x')
  assert.equal(draft.kept(), false)
  await draft.keep({ user: 'alice' })
  assert.equal(draft.kept(), true)
  const folder = join(state, 'provision', 'answers')
  const [file = ''] = readdirSync(folder)
  assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
  assert.deepEqual((await openDraft('init', '/a', 'x')).answers, { user: 'alice' })
  assert.deepEqual((await openDraft('init', '/b', 'x')).answers, {})
  writeFileSync(join(folder, file), '{"user": 1, "name')
  assert.deepEqual((await openDraft('init', '/a', 'x')).answers, {})
  await draft.forget()
  assert.deepEqual(readdirSync(folder), [])
})

test('draft: where nothing can be kept the conversation goes on, and it is not said that something is', async (t) => {
  const state = join(mkdtempSync(join(tmpdir(), 'draft-test-')), 'file')
  writeFileSync(state, '')
  t.after(() => void delete process.env.XDG_STATE_HOME)
  process.env.XDG_STATE_HOME = state
  const draft = await openDraft('init')
  await draft.keep({ user: 'alice' })
  assert.equal(draft.kept(), false)
})

test('wrapped: lines break at blanks, and a longer word stays whole', () => {
  assert.deepEqual(wrapped('What is its IPv4 address, if it has one?', 20), ['What is its IPv4', 'address, if it has', 'one?'])
  assert.deepEqual(wrapped('a abcdefghij b', 4), ['a', 'abcdefghij', 'b'])
  assert.deepEqual(wrapped('', 4), [''])
})

test('next command: a shell reads back what was meant, and provision is called as it was', () => {
  const words = ['plain', "it's", 'two words', '', '~/x', '$HOME', '*', 'mail/alice@example.org']
  const read = execFileSync('sh', ['-c', `printf '%s\\n' ${words.map(quoted).join(' ')}`], { encoding: 'utf8' })
  assert.deepEqual(read.split('\n').slice(0, -1), words)
  assert.equal(quoted('mail/alice@example.org'), 'mail/alice@example.org')
  assert.match(nextCommand(['init'], { host: 'x', inventory: 'my servers' }), / init --host x --inventory 'my servers'$/)
  const npx = { npm_command: 'exec', PATH: '/c/node_modules/.bin' }
  assert.deepEqual(startedAs('/c/node_modules/.bin/provision', npx), ['npx', 'provision'])
  assert.deepEqual(startedAs('/usr/local/bin/provision', { PATH: '/bin:/usr/local/bin/' }), ['provision'])
  assert.deepEqual(startedAs('/opt/provision', { PATH: '/bin' }), ['/opt/provision'])
  assert.deepEqual(startedAs(join(process.cwd(), 'src', 'bin.js'), npx), ['./src/bin.js'])
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
    ['name: Example.net\n', /is not a valid host name/],
    ['- a\n', /has no answers in it/],
    ['name: example.com\n', /is about example\.com, not about example\.net/],
  ] as const)
    assert.throws(
      () => readAnswers('a.yml', wrong, 'example.net'),
      (error) => error instanceof ProvisionError && message.test(error.message),
    )
})
