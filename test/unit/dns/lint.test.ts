import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { LintRemark } from '../../../src/dns/lint/zone.ts'
import { parseZoneFile } from '../../../src/dns/lint/zone-file.ts'
import { lintZone } from '../../../src/dns/lint.ts'
import { desiredRecords, policyId } from '../../../src/dns/records.ts'
import { zoneText } from '../../../src/dns/zone.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const file = 'inventory/xoyize.xyz.yml'
const server = validate(file, readYaml(file, readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')))
const facts = { ca: 'letsencrypt.org' }
const told = (remarks: readonly LintRemark[]) =>
  remarks.map(({ line, level, name, message }) => `${line} ${level} ${name}: ${message}`)

/** A zone as the guides mean it, with their errors corrected. */
const right = `$ORIGIN example.org.
$TTL 3600
@ IN SOA dns10.ovh.net. tech.ovh.net. (
        2026112101 ; serial
        86400 3600 3600000 300 )
        IN NS    dns10.ovh.net.
        IN NS    ns10.ovh.net.
        IN MX    10 mx1
        IN A     192.0.2.10
        IN AAAA  2001:db8::10
        IN TXT   "v=spf1 mx -all"
        IN TXT   "site-verification=1"
        IN CAA   0 issue "letsencrypt.org"
        IN CAA   0 issuewild ";"
*       IN A     192.0.2.10
*       IN AAAA  2001:db8::10
mx1     IN A     192.0.2.10
mx1     IN AAAA  2001:db8::10
mx1     IN TXT   "v=spf1 a -all"
www     IN CNAME example.org.
_dmarc  IN TXT   "v=DMARC1; p=quarantine; sp=quarantine; rua=mailto:postmaster@example.org"
_mta-sts 600 IN TXT "v=STSv1; id=4f6a"
_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:postmaster@example.org"
default._domainkey IN TXT ( "v=DKIM1; k=rsa; p=${'A'.repeat(230)}"
                            "${'B'.repeat(162)}" )
_25._tcp.mx1 IN TLSA 3 1 1 ${'ab'.repeat(32)}
_imaps._tcp IN SRV 0 1 993 mx1.example.org.
static  IN A     192.0.2.10
static  IN AAAA  2001:db8::10
_acme-challenge.static 60 IN TXT "x"
`

test('lint: a corrected zone has nothing to say', () => assert.deepEqual(told(lintZone(right, facts)), []))

test('lint: neither have the zones that we publish', () => {
  const dkim = new Map(
    server.domains.map(({ name }) => [name, [{ selector: 'default', value: `v=DKIM1; k=rsa; p=${'A'.repeat(392)}` }]]),
  )
  for (const [zone, records] of desiredRecords(server, { dkim, tlsa: ['ab'.repeat(32)] })) {
    const text = zoneText(zone, records, { ns: ['ns1.example.net'], serial: 1 })
    const id = policyId(server.domains.find(({ name }) => name === zone)!, server.mail.hostname)
    assert.deepEqual(told(lintZone(text, { ...facts, policyId: id })), [], zone)
  }
})

/** Each error: what is replaced in the right zone, and what is told. */
const errors: readonly [title: string, from: string | RegExp, to: string, expected: RegExp][] = [
  [
    'an MX without its final dot',
    '10 mx1',
    '10 mx1.example.org',
    /^8 error example\.org: MX leads to mx1\.example\.org\.example\.org, which is not there: the final dot/,
  ],
  [
    'an owner without its final dot',
    /^static {2}IN A /m,
    'static.example.org IN A ',
    /error static\.example\.org\.example\.org: the name has no final dot/,
  ],
  ['no MX at all', /^.*IN MX.*\n/m, '', /error example\.org: has no MX/],
  [
    'SPF on the wildcard only',
    '        IN TXT   "v=spf1 mx -all"',
    '* IN TXT "v=spf1 mx -all"\n@',
    /error \*\.example\.org: SPF stands on the wildcard only/,
  ],
  ['a policy id that is not that of the policy', 'id=4f6a', 'id=20190429', /its id is not that of the policy/],
  ['a policy id that is none', 'id=4f6a', 'id=2019-04-29', /up to 32 letters and digits/],
  ['an alias beside other records', 'www     IN CNAME', 'mx1 IN CNAME', /a CNAME stands alone/],
  ['an alias where the MX leads', /^mx1 .*\n/gm, '', /MX leads to mx1\.example\.org, which has no address|has no address/],
  [
    'an alias into nothing',
    'CNAME example.org.',
    'CNAME gone.static.example.org.',
    /leads to gone\.static\.example\.org, which is not there/,
  ],
  ['two SPF records', '"site-verification=1"', '"v=spf1 a:mail.example.net -all"', /2 SPF records/],
  [
    'an SPF of eleven look-ups',
    'v=spf1 mx -all',
    `v=spf1 ${Array.from({ length: 10 }, (_, i) => `include:s${i}.example.net`).join(' ')} mx -all`,
    /costs 11 look-ups/,
  ],
  ['an SPF that lets everybody send', 'v=spf1 mx -all', 'v=spf1 mx +all', /everybody may send/],
  [
    'an SPF with a word that it does not know',
    'v=spf1 mx -all',
    'v=spf1 mx ipv4:192.0.2.1 -all',
    /fails as a whole: ipv4:192\.0\.2\.1/,
  ],
  ['a mail server without SPF', /^mx1 .*spf1.*\n/m, '', /the mail server has no SPF of its own/],
  ['a string of more than 255 bytes', /"\n +"/, '', /a string of \d+ bytes/],
  ['a text without quotes', '"v=STSv1; id=4f6a"', 'v=STSv1 id=4f6a', /a text without quotes falls apart/],
  ['a cut DKIM key', /p=A+"\n.*B+" \)/, 'p=AAAA" )', /its RSA key is cut off/],
  ['a TTL of a second', '_mta-sts 600', '_mta-sts 1', /is kept for 1 s only/],
  ['a TTL of a month', 'www     IN', 'www 2592000 IN', /is kept for 30 days/],
  ['no TTL', '$TTL 3600\n', '', /has no TTL/],
  ['TTLs of their own in one set', '        IN NS    ns10', '   60   IN NS    ns10', /have TTLs of their own/],
  ['a record that takes the wildcard’s address from a name', /^static .*\n/gm, '', /no longer answers for static\.example\.org/],
  [
    'a wildcard that answers for policies',
    '_smtp._tls IN',
    '*.other IN TXT "hello"\n_smtp._tls IN',
    /\*\.other\.example\.org: answers at _dmarc\.other/,
  ],
  ['another CA only', 'issue "letsencrypt.org"', 'issue "ca.example"', /letsencrypt\.org may not issue for example\.org/],
  ['no sp beside a wildcard', ' sp=quarantine;', '', /has no sp/],
  ['a DMARC policy that is none', 'p=quarantine; sp', 'p=block; sp', /its policy is block/],
  [
    'reports to what is no address',
    'rua=mailto:postmaster@example.org"\n_mta',
    'rua=postmaster@example.org"\n_mta',
    /rua has to be mailto:ADDRESS/,
  ],
  ['no DMARC', /^_dmarc.*\n/m, '', /there is no DMARC/],
  ['a TLSA of another length', 'ab'.repeat(32), 'ab'.repeat(20), /40 hex digits instead of 64/],
  [
    'an address that is none',
    'A     192.0.2.10\nmx1',
    'A     192.0.2.310\nmx1',
    /192\.0\.2\.310 is no IPv4 address|192\.0\.2\.310/,
  ],
  ['an open parenthesis', '300 )', '300', /a parenthesis is not closed/],
  ['a name of another zone', 'www     IN', 'www.example.net. IN', /is not in example\.org/],
]

for (const [title, from, to, expected] of errors)
  test(`lint: ${title}`, () => {
    const text = right.replace(from, to)
    assert.notEqual(text, right)
    const found = told(lintZone(text, title.includes('not that of the policy') ? { ...facts, policyId: '4f6a' } : facts))
    assert.ok(
      found.some((line) => expected.test(line)),
      found.join('\n') || 'nothing was told',
    )
  })

test('lint: where the web is elsewhere, “a” in its SPF and a wildcard for mail programs', () => {
  const away = right
    .replace('IN A     192.0.2.10\n        IN AAAA  2001:db8::10', 'IN A     198.51.100.7')
    .replace('*       IN A     192.0.2.10\n*       IN AAAA  2001:db8::10', '*       IN A     198.51.100.7')
    .replace('v=spf1 mx -all', 'v=spf1 a mx -all')
  const found = told(lintZone(away, facts)).join('\n')
  assert.match(found, /“a” lets the host of the web site send/)
  assert.match(found, /autoconfig\.example\.org leads with the wildcard/)
  assert.doesNotMatch(told(lintZone(away.replace('v=spf1 a mx', 'v=spf1 mx'), facts)).join('\n'), /“a” lets/)
})

test('zone file: owners, parentheses, units, classes and escapes', () => {
  const { zone, records, faults } = parseZoneFile(`$ORIGIN org.
example 1h30m IN SOA ns hostmaster ( 1 2
  3 4 5 ) ; end
  IN 60 NS ns.example
$ORIGIN example.org.
a 60 IN TXT "one;two" "\\"\\065" ; three
b TXT (
 x
 y )
`)
  assert.deepEqual(faults, [])
  assert.equal(zone, 'example.org')
  assert.deepEqual(
    records.map(({ line, name, ttl, type, fields }) => [line, name, ttl, type, fields.map(({ text }) => text).join('|')]),
    [
      [2, 'example.org', 5400, 'SOA', 'ns|hostmaster|1|2|3|4|5'],
      [4, 'example.org', 60, 'NS', 'ns.example'],
      [6, 'a.example.org', 60, 'TXT', 'one;two|"A'],
      [7, 'b.example.org', undefined, 'TXT', 'x|y'],
    ],
  )
})
