import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ofThisServer } from '../../../src/commands/domain/domain-leaves.ts'
import { changeOf, leftAlone } from '../../../src/dns/changes.ts'
import { recordDifferences, wantedOf } from '../../../src/dns/compare.ts'
import type { DnsRecord, Said } from '../../../src/dns/record.ts'
import { desiredRecords, goneRecords } from '../../../src/dns/records.ts'
import { recordText } from '../../../src/dns/zone.ts'
import { removeDomain } from '../../../src/inventory/edit/edit.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const text = `version: 1
hostname: host.example.net
address: 192.0.2.10
address6: 2001:db8::10
admin: { user: alice }
dns: { provider: manual }
mail: { hostname: mx1.example.org, primary: example.org }
domains:
  - name: example.org
    accounts: [{ address: alice }]
  - name: example.net
    web: { elsewhere: { address: 192.0.2.80 } }
    dmarc: { reports: [alice@example.org] }
sites:
  - domain: static.example.net
`
const before = validate('x.yml', readYaml('x.yml', text))
const after = removeDomain('example.net')('x.yml', text).server
const facts = {
  dkim: new Map([['example.net', [{ selector: 'default', value: 'v=DKIM1; k=rsa; p=AAAA' }]]]),
  tlsa: ['ab'.repeat(32)],
}
const gone = goneRecords(before, after, facts)
const names = (type: DnsRecord['type']) =>
  (gone.get('example.net') ?? []).filter((one) => one.type === type).map(({ name }) => name)

test('a domain that goes: what was published for it goes, its DKIM key among it', () => {
  assert.deepEqual(names('MX'), ['example.net'])
  assert.deepEqual(names('TXT').toSorted(), [
    '_dmarc.example.net',
    '_mta-sts.example.net',
    '_smtp._tls.example.net',
    'default._domainkey.example.net',
    'example.net',
  ])
  assert.deepEqual(gone.get('example.org')?.map(recordText), ['example.net._report._dmarc.example.org. 3600 IN TXT "v=DMARC1"'])
  assert.ok([...gone.values()].flat().every(({ absent }) => absent))
})

test('a domain that goes: the host’s own name in its zone stays, and so do sites and what points to another host', () => {
  assert.deepEqual(names('A').toSorted(), ['autoconfig.example.net', 'autodiscover.example.net', 'mta-sts.example.net'])
})

test('nothing goes when nothing does', () => assert.deepEqual([...goneRecords(before, before, facts)], []))

test('where its mail goes elsewhere by now, SPF, DMARC, reports and CAA may be that server’s', () => {
  const records = gone.get('example.net')!
  const mx = (host: string): readonly Said[] => [{ name: 'example.net', type: 'MX', data: `10 ${host}.` }]
  assert.equal(ofThisServer(records, mx('mx1.example.org'), 'mx1.example.org'), records)
  const left = ofThisServer(records, mx('mail.example.com'), 'mx1.example.org')
  assert.deepEqual([...new Set(left.map(({ type, name }) => (type === 'TXT' ? name : type)))].toSorted(), [
    'A',
    'AAAA',
    'MX',
    'SRV',
    '_mta-sts.example.net',
    'default._domainkey.example.net',
  ])
})

const record: DnsRecord = {
  name: 'old._domainkey.example.net',
  type: 'TXT',
  ttl: 3600,
  data: 'v=DKIM1; k=rsa; p=AAAA',
  absent: true,
}
const said = (data: string, type: Said['type'] = 'TXT'): Said => ({ name: record.name, type, data })
const cases: Record<string, readonly [readonly Said[], removed: readonly string[]]> = {
  'it is gone already': [[], []],
  'it is there': [[said(record.data)], [record.data]],
  'it says the same in other words': [[said('v=DKIM1;p=AAAA')], ['v=DKIM1;p=AAAA']],
  'what somebody else has put there stays': [[said('v=DKIM1; k=rsa; p=BBBB'), said('hello')], []],
  'an alias stays': [[said('dkim.example.com.', 'CNAME')], []],
}
for (const [title, [there, removed]] of Object.entries(cases))
  test(`a record of ours that shall not be there: ${title}`, () => {
    const found = wantedOf([record]).flatMap((one) => recordDifferences(one, there))
    const change = changeOf('example.net', found)
    assert.deepEqual(
      change.remove.map(({ data }) => data),
      removed,
    )
    assert.deepEqual([change.add, leftAlone(found)], [[], []])
  })

test('of two TLSA of which one shall go, the other one stays', () => {
  const [kept, old] = ['ab', 'cd'].map((pair): DnsRecord => {
    return { name: '_25._tcp.mx1.example.net', type: 'TLSA', ttl: 600, data: `3 1 1 ${pair.repeat(32)}` }
  }) as [DnsRecord, DnsRecord]
  const found = wantedOf([kept, { ...old, absent: true }]).flatMap((one) => recordDifferences(one, [kept, old]))
  assert.deepEqual(changeOf('example.net', found), { zone: 'example.net', add: [], remove: [old] })
})

test('what shall be there is not touched by it', () => {
  assert.ok([...desiredRecords(before, facts).values()].flat().every(({ absent }) => absent === undefined))
})
