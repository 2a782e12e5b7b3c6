import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DnsRecord } from '../../../src/dns/record.ts'
import { desiredRecords, reverseRecords } from '../../../src/dns/records.ts'
import { recordText, zoneText } from '../../../src/dns/zone.ts'
import { mtaStsPolicy, type Server } from '../../../src/inventory/inventory.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const file = 'inventory/xoyize.xyz.yml'
const server = validate(file, readYaml(file, readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')))
const dkim = `v=DKIM1; k=rsa; p=${'A'.repeat(392)}`
const facts = {
  dkim: new Map(server.domains.map(({ name }) => [name, [{ selector: 'default', value: dkim }]])),
  tlsa: ['AB'.repeat(32)],
}
const zones = desiredRecords(server, facts)

/** All data of one name and type, in the zone that it belongs to. */
const data = (name: string, type: DnsRecord['type'], from = zones): readonly string[] =>
  [...from.values()]
    .flat()
    .filter((record) => record.name === name && record.type === type)
    .map((record) => record.data)

const v4 = '158.220.91.148'
const v6 = '2a02:c204:2231:478::1'
const away = '82.64.18.243'

const cases: Record<string, [name: string, type: DnsRecord['type'], data: readonly string[]]> = {
  'the MX has its final dot': ['cinay.eu', 'MX', ['10 mx1.xoyize.xyz.']],
  'the MX host has both addresses (v4)': ['mx1.xoyize.xyz', 'A', [v4]],
  'the MX host has both addresses (v6)': ['mx1.xoyize.xyz', 'AAAA', [v6]],
  'the MX host has an SPF of its own': ['mx1.xoyize.xyz', 'TXT', ['v=spf1 a -all']],
  'a domain has exactly one SPF': ['cinay.eu', 'TXT', ['v=spf1 mx -all']],
  'where the web is elsewhere its host may not send': ['rnmkcy.eu', 'TXT', ['v=spf1 mx -all']],
  'a domain points here': ['xoyize.xyz', 'A', [v4]],
  'and so does all below it': ['*.xoyize.xyz', 'AAAA', [v6]],
  'a site has a name of its own, which no record below it takes away': ['static.yanfi.net', 'A', [v4]],
  'where the web is elsewhere the domain points there': ['rnmkcy.eu', 'A', [away]],
  'and all below it': ['*.rnmkcy.eu', 'A', [away]],
  'but mail clients ask here': ['autoconfig.rnmkcy.eu', 'A', [v4]],
  'a policy that is served elsewhere has its address there': ['mta-sts.rnmkcy.eu', 'A', [away]],
  'a policy that is served here has its address here': ['mta-sts.cinay.eu', 'A', [v4]],
  'one CA may issue, and none for wildcards': [
    'cinay.eu',
    'CAA',
    ['0 issue "letsencrypt.org"', '0 issuewild ";"', '0 iodef "mailto:postmaster@cinay.eu"'],
  ],
  'DMARC covers what is below, and has no pct': [
    '_dmarc.cinay.eu',
    'TXT',
    ['v=DMARC1; p=quarantine; sp=quarantine; rua=mailto:postmaster@cinay.eu'],
  ],
  'TLS reports are asked for': ['_smtp._tls.cinay.eu', 'TXT', ['v=TLSRPTv1; rua=mailto:postmaster@cinay.eu']],
  'DKIM is what the host made': ['default._domainkey.yanfi.net', 'TXT', [dkim]],
  'TLSA stands at the MX host': ['_25._tcp.mx1.xoyize.xyz', 'TLSA', [`3 1 1 ${'ab'.repeat(32)}`]],
  'programs find IMAP': ['_imaps._tcp.cinay.eu', 'SRV', ['0 1 993 mx1.xoyize.xyz.']],
  'programs find submission': ['_submissions._tcp.cinay.eu', 'SRV', ['0 1 465 mx1.xoyize.xyz.']],
}

for (const [title, [name, type, expected]] of Object.entries(cases))
  test(`records: ${title}`, () => assert.deepEqual(data(name, type), expected))

test('records: every one stands in the zone of its own domain', () => {
  for (const [zone, records] of zones) for (const { name } of records) assert.ok(name === zone || name.endsWith(`.${zone}`), name)
  assert.equal([...zones.values()].flat().length, new Set([...zones.values()].flat().map(recordText)).size)
})

test('records: what is not known yet is left out', () => {
  const bare = [...desiredRecords(server).values()].flat()
  assert.deepEqual(
    bare.filter(({ name, type }) => type === 'TLSA' || name.includes('_domainkey')),
    [],
  )
})

test('records: the id of a policy changes when and only when the policy does', () => {
  const id = (change: Partial<Server['domains'][number]['mta_sts']>, hostname = server.mail.hostname) =>
    data(
      '_mta-sts.cinay.eu',
      'TXT',
      desiredRecords({
        ...server,
        mail: { ...server.mail, hostname },
        domains: server.domains.map((one) => ({ ...one, mta_sts: { ...one.mta_sts, ...change } })),
      }),
    )[0]
  assert.match(id({}) ?? '', /^v=STSv1; id=[0-9a-f]{20}$/)
  assert.equal(id({}), id({ served: 'elsewhere' }))
  assert.equal(new Set([id({}), id({ mode: 'enforce' }), id({ max_age: 90_000 }), id({}, 'mx2.xoyize.xyz')]).size, 4)
})

test('records: a policy has no space before a colon, and ends its lines as RFC 8461 wants', () => {
  assert.equal(
    mtaStsPolicy(server.domains[0]!, server.mail.hostname),
    'version: STSv1\r\nmode: testing\r\nmx: mx1.xoyize.xyz\r\nmax_age: 86401\r\n',
  )
})

test('records: a domain of ours that gets another one’s reports says that it takes them', () => {
  const domains = server.domains.map((one) => ({
    ...one,
    dmarc: { ...one.dmarc, reports: ['xoyi@xoyize.xyz', 'x@example.org'] as const },
  }))
  const all = desiredRecords({ ...server, domains })
  assert.deepEqual(data('cinay.eu._report._dmarc.xoyize.xyz', 'TXT', all), ['v=DMARC1'])
  assert.deepEqual(data('xoyize.xyz._report._dmarc.xoyize.xyz', 'TXT', all), [])
  assert.equal(
    data('_dmarc.cinay.eu', 'TXT', all)[0],
    'v=DMARC1; p=quarantine; sp=quarantine; rua=mailto:xoyi@xoyize.xyz,mailto:x@example.org',
  )
})

test('records: no reports asked for, none named', () => {
  const domains = server.domains.map((one) => ({
    ...one,
    tls_reports: [],
    dmarc: { ...one.dmarc, subdomains: 'reject' as const, reports: [] },
  }))
  const all = desiredRecords({ ...server, domains })
  assert.deepEqual(data('_smtp._tls.cinay.eu', 'TXT', all), [])
  assert.deepEqual(data('_dmarc.cinay.eu', 'TXT', all), ['v=DMARC1; p=quarantine; sp=reject'])
})

test('records: a host without an IPv4 address has AAAA and a PTR of that alone, and the rest as ever', () => {
  const { address: _, ...six } = server
  const all = [...desiredRecords(six, facts).values()].flat()
  assert.deepEqual(new Set(all.filter(({ type }) => type === 'A').map((one) => one.data)), new Set([away]))
  const others = (records: readonly DnsRecord[]) => records.filter(({ type }) => type !== 'A')
  assert.deepEqual(others(all), others([...zones.values()].flat()))
  assert.deepEqual(
    reverseRecords(six).map((one) => one.name),
    [reverseRecords(server)[1]!.name],
  )
})

test('records: both addresses point back at the MX name', () => {
  assert.deepEqual(reverseRecords(server).map(recordText), [
    '148.91.220.158.in-addr.arpa. 3600 IN PTR mx1.xoyize.xyz.',
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.7.4.0.1.3.2.2.4.0.2.c.2.0.a.2.ip6.arpa. 3600 IN PTR mx1.xoyize.xyz.',
  ])
})

test('zone: a long text is split at 255 bytes, quotes and backslashes are escaped, the rest is written in numbers', () => {
  const txt = (value: string) => recordText({ name: 'a', type: 'TXT', ttl: 1, data: value }).replace('a. 1 IN TXT ', '')
  assert.equal(txt('x'.repeat(256)), `"${'x'.repeat(255)}" "x"`)
  assert.equal(txt('a"b\\c\u00e9\n'), '"a\\"b\\\\c\\195\\169\\010"')
  assert.equal(txt(''), '""')
})

const checkzone = spawnSync('named-checkzone', ['-v']).status === 0 ? false : 'named-checkzone is not installed (bind9-utils)'

test('zone: named-checkzone accepts every one, and sees the records that were meant', { skip: checkzone }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  for (const [zone, records] of zones) {
    const path = join(dir, zone)
    writeFileSync(path, zoneText(zone, records, { ns: ['ns1.example.net', 'ns2.example.net'], serial: 2026010101 }))
    const { status, stdout } = spawnSync(
      'named-checkzone',
      [
        '-i',
        'local',
        '-k',
        'fail',
        '-m',
        'fail',
        '-M',
        'fail',
        '-n',
        'fail',
        '-r',
        'fail',
        '-S',
        'fail',
        '-T',
        'warn',
        '-W',
        'ignore',
        '-D',
        '-o',
        '-',
        zone,
        path,
      ],
      { encoding: 'utf8' },
    )
    assert.equal(status, 0, stdout)
    // It prints the zone in its own form: a record more or less would show.
    assert.equal(
      stdout.split('\n').filter((line) => /\sIN\s/.test(line) && !/\s(?:SOA|NS)\s/.test(line)).length,
      records.length,
      zone,
    )
    assert.ok(stdout.includes(`"v=DKIM1; k=rsa; p=${'A'.repeat(237)}" "${'A'.repeat(155)}"`), stdout)
  }
})
