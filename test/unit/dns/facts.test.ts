import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseFacts } from '../../../src/dns/facts.ts'
import { defineKind } from '../../../src/engine/kind.ts'
import { probe } from '../../../src/engine/probe.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'
import { certificate } from '../../../src/kinds/mail/certificate.ts'
import { sh } from '../../../src/sh.ts'
import { localShell } from '../../support/local-shell.ts'

const dir = mkdtempSync(join(tmpdir(), 'facts-')) as `/${string}`
after(() => rmSync(dir, { recursive: true }))

const server = validate(
  'x.yml',
  readYaml(
    'x.yml',
    `version: 1
hostname: example.org
address: 192.0.2.10
admin: { user: alice }
dns: { provider: manual }
mail: { hostname: mx1.example.org, primary: example.org, tlsa: { key: default, next: k202611 } }
domains: [{ name: example.org, accounts: [{ address: alice }] }]
`,
  ),
)

mkdirSync(join(dir, 'live'))
const [certFile, keyFile] = ['fullchain.pem', 'privkey.pem'].map((name) => join(dir, 'live', name)) as [string, string]
execFileSync(
  'openssl',
  ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=mx', '-days', '90'].concat([
    '-addext',
    'subjectAltName=DNS:mx1.example.org',
    '-keyout',
    keyFile,
    '-out',
    certFile,
  ]),
  { stdio: 'ignore' },
)
const pem = readFileSync(certFile, 'utf8')
const spki = execFileSync('openssl', ['pkey', '-in', keyFile, '-pubout']).toString()
const half = (text: string) => text.slice(0, Math.floor(text.length / 2))
const printed = (parts: Readonly<Record<string, string>>) =>
  Object.entries(parts)
    .map(([heading, text]) => `\n==${heading}\n${text}`)
    .join('')

const cases: Record<string, readonly [certificate: string, read: number, damaged: RegExp | undefined]> = {
  'a certificate': [`there\n${pem}`, 1, undefined],
  'none yet': ['', 0, undefined],
  'one that was cut': [`there\n${half(pem)}`, 0, /^\/var\/lib\/certificates\/\S+ on the host is damaged.*--only certificates/],
  'an empty file': ['there\n', 0, /is damaged/],
  'another text': ['there\n<html>502 Bad Gateway</html>', 0, /is damaged/],
  'a PEM of nothing': ['there\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 0, /is damaged/],
}
for (const [title, [text, read, damaged]] of Object.entries(cases))
  test(`facts: the host has ${title}`, () => {
    const facts = parseFacts(server, printed({ certificate: text, 'key default': `there\n${spki}` }))
    assert.equal(facts.tlsa?.length, read)
    // And hides nothing else.
    assert.deepEqual(
      [...(facts.keys ?? [])].map(([name]) => name),
      ['default'],
    )
    if (damaged === undefined) assert.equal(facts.damaged, undefined)
    else assert.match(facts.damaged?.join('\n') ?? '', damaged)
  })

test('facts: a damaged key and a damaged DKIM record are reported, and count as absent', () => {
  const facts = parseFacts(
    server,
    printed({
      'dkim example.org default': 'there\nv=DKIM1; k=rsa; p=',
      'key k202611': `there\n${half(spki)}`,
      certificate: `there\n${pem}`,
    }),
  )
  assert.deepEqual([facts.dkim?.size, facts.keys?.size, facts.tlsa?.length, facts.damaged?.length], [0, 0, 1, 2])
})

test('certificate: a file that holds none is replaced; it is not unknown', async () => {
  const resource = certificate({ name: 'mx', live: `${dir}/live`, names: ['mx1.example.org'], group: 'root', unit: 'x.service' })
  const seen = async () => {
    const reading = (await probe(localShell(join(dir, 'state')), [resource])).states.get(resource.id)
    assert.equal(reading?.type, 'known', JSON.stringify(reading))
    return resource.kind.diff(resource.desired, reading?.type === 'known' ? reading.state : undefined)[0]
  }
  assert.equal((await seen())?.field, 'mode')
  for (const text of [half(pem), 'nonsense']) {
    writeFileSync(certFile, text)
    assert.deepEqual(await seen(), { field: 'type', from: 'damaged', to: 'certificate' })
  }
  rmSync(certFile)
  assert.deepEqual(await seen(), { field: 'type', from: 'absent', to: 'certificate' })
})

test('probe: what a kind cannot read is unknown, and hides no other kind', async () => {
  const kind = (name: string, parse: () => ReadonlyMap<string, string>) =>
    defineKind<string, string>({ name, key: (id) => id, probe: () => sh`echo read`, parse, diff: () => [], apply: () => sh`:` })(
      'it',
    )
  const odd = kind('odd', () => {
    throw new SyntaxError('Unexpected end of JSON input')
  })
  const { states } = await probe(localShell(join(dir, 'state')), [odd, kind('even', () => new Map([['it', 'fine']]))])
  assert.deepEqual(states.get('odd:it'), {
    type: 'unknown',
    why: 'what the host printed cannot be read: Unexpected end of JSON input',
  })
  assert.deepEqual(states.get('even:it'), { type: 'known', state: 'fine' })
})
