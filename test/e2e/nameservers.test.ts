import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { $ } from 'zx'
import { checkZones, type ZoneCheck } from '../../src/dns/check.ts'
import { resolvers } from '../../src/dns/servers.ts'
import { each, ok } from '../../src/doctor/check.ts'
import { dnsThrough } from '../../src/doctor/dns.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { checkLines, exitCode } from '../../src/ui/zones.ts'
import { stage } from '../support/harness.ts'

// A signed zone at two BINDs of its own, below a root that is at a third one: each case breaks them in one way.
let rehearsal: Rehearsal
const zone = 'lab.example'
/** Where the two are: within the network, at addresses that no machine has. */
let ns: readonly { readonly v4: string; readonly v6: string }[]

before(async () => {
  rehearsal = await stage('e2e-ns')
  const { v4, v6 } = rehearsal.addresses.roles.dns
  ns = [90, 91].map((n) => ({ v4: v4.replace(/\d+$/, String(n)), v6: v6.replace(/[0-9a-f]+$/, String(n)) }))
  for (const [i, one] of ns.entries())
    await rehearsal.internet.must(sh`
link=$(ip -o -4 addr show | awk -v at=${v4} 'index($4, at "/") == 1 { print $2; exit }')
ip addr add ${one.v4}/32 dev "$link"
ip addr add ${one.v6}/128 dev "$link" nodad
mkdir -p ${`/run/lab/${i}`}`)
  await rehearsal.internet.must(sh`cd /run/lab
dnssec-keygen -q -f KSK -a ECDSAP256SHA256 ${zone} >/dev/null
dnssec-keygen -q -a ECDSAP256SHA256 ${zone} >/dev/null`)
})

after(() => stopRehearsal(rehearsal?.name ?? ''))

/** How one of the two servers is. */
interface Server {
  /** Lines of the zone besides its SOA, its MX and the name servers. */
  readonly more?: readonly string[]
  readonly serial?: number
  /** Lines of `options`. */
  readonly options?: readonly string[]
  /** When its signatures begin and end, in days from now; `false`: none. */
  readonly signed?: readonly [from: number, to: number] | false
  /** What is done to the signed file before it is loaded. */
  readonly spoil?: Sh
}

/** Starts both anew, and has the root say this of the zone. */
async function lab(servers: readonly [Server, Server], above: readonly string[] = []): Promise<void> {
  const both = (i: number, of = ns[i]!): readonly string[] => [`ns${i + 1} A ${of.v4}`, `ns${i + 1} AAAA ${of.v6}`]
  for (const [i, { more = [], serial = 1, options = [], signed = [-1, 27], spoil = sh`:` }] of servers.entries()) {
    const text = [
      `$ORIGIN ${zone}.`,
      '$TTL 60',
      `@ SOA ns1 hostmaster ${serial} 3600 600 86400 10`,
      ...['@ NS ns1', '@ NS ns2', '@ MX 10 mx', ...both(0), ...both(1), ...more],
      ...(signed === false ? [] : [`$INCLUDE /run/lab/keys`]),
    ]
    const configuration = [
      `options { directory "/run/lab/${i}"; pid-file "/run/lab/${i}/pid"; session-keyfile none; recursion no; dnssec-validation no; notify no; empty-zones-enable no;`,
      `listen-on { ${ns[i]!.v4}; }; listen-on-v6 { ${ns[i]!.v6}; };`,
      ...options,
      '}; controls {};',
      `zone "${zone}" { type primary; file "${signed === false ? 'zone' : 'zone.signed'}"; };`,
    ]
    const time = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/\D/g, '').slice(0, 14)
    const [from, to] = signed === false ? [0, 1] : signed
    await rehearsal.internet.must(sh`cd ${`/run/lab/${i}`}
if [ -s pid ]; then kill "$(cat pid)"; while [ -e pid ]; do sleep 0.05; done; fi
cat ../K*.key > ../keys
printf '%s\n' ${text} > zone
printf '%s\n' ${configuration} > named.conf
rm -f zone.signed
${signed === false ? sh`:` : sh`dnssec-signzone -q -P -K .. -s ${time(from)} -e ${time(to)} -o ${zone} -f zone.signed zone >/dev/null`}
${spoil}
named -c ${`/run/lab/${i}/named.conf`}
until dig +tries=1 +time=1 ${`@${ns[i]!.v4}`} x.invalid | grep -q 'status:'; do sleep 0.05; done`)
  }
  const ds = (await rehearsal.internet.must(sh`cd /run/lab; dnssec-dsfromkey -2 "$(grep -l ' 257 ' K*.key)"`))
    .trim()
    .split(' DS ')[1]!
  const records = [`${zone}. 60 NS ns1.${zone}.`, `${zone}. 60 NS ns2.${zone}.`, `${zone}. 60 DS ${ds}`]
  const glue = ns.flatMap((one, i) => [`ns${i + 1}.${zone}. 60 A ${one.v4}`, `ns${i + 1}.${zone}. 60 AAAA ${one.v6}`])
  const gone = [`del ${zone}.`, ...[1, 2, 3].map((n) => `del ns${n}.${zone}.`)]
  await update(...gone, ...[...records, ...glue].map((one) => `add ${one}`), ...above)
  await rehearsal.internet.must(sh`unbound-control reload >/dev/null 2>&1 || systemctl restart unbound.service`)
  await rehearsal.internet.must(
    sh`until dig +tries=1 +time=1 ${`@${rehearsal.addresses.roles.resolver.v4}`} . SOA | grep -q 'status: NOERROR'; do sleep 0.1; done`,
  )
}

/** Changes the root. */
async function update(...lines: readonly string[]): Promise<void> {
  const { tsig, dnsServer } = rehearsal
  const script = [`server ${dnsServer}`, 'zone .', ...lines, 'send', ''].join('\n')
  await rehearsal.internet.must(sh`printf '%s' ${script} | nsupdate -y ${[tsig.algorithm, tsig.name, tsig.secret].join(':')}`)
}

const wanted = new Map([[zone, [{ name: zone, type: 'MX', ttl: 60, data: `10 mx.${zone}.` }] as const]])

async function check(): Promise<ZoneCheck> {
  const from = resolvers(rehearsal.addresses.roles.resolver.v4)
  return (await checkZones(wanted, { resolvers: from, tries: [1500, 1500] }))[0]!
}

/** All that it says, and the exit code of that. */
const told = (seen: ZoneCheck): string => [...checkLines(seen), `exit ${exitCode([seen])}`].join('\n')

/** nft in the network of the internet: rules of a table that is made anew. */
async function nft(...rules: readonly string[]): Promise<void> {
  const { id } = JSON.parse(readFileSync(join(rehearsal.directory, 'network.json'), 'utf8')) as { readonly id: string }
  const text = `table inet lab\ndelete table inet lab\n${rules.length === 0 ? '' : `table inet lab {\n${rules.join('\n')}\n}\n`}`
  await $({ input: text, quiet: true })`nsenter --net=/run/netns/provision-${id}-internet nft -f -`
}

/** What nobody may ever be told who has a good DS. */
const never = /take the DS away|the DS in the zone above is of no key/

interface Case {
  readonly servers: readonly [Server, Server]
  readonly above?: readonly string[]
  readonly says: readonly RegExp[]
  readonly code: 0 | 1 | 2
}
const broken = 'ns.broken.example'
const cases: Readonly<Record<string, () => Case>> = {
  'all is well': () => ({ servers: [{}, {}], says: [], code: 0 }),
  'one server refuses': () => ({
    servers: [{}, { options: ['allow-query { none; };'] }],
    says: [
      /! its name server ns2\.lab\.example \(\S+\.91\) is lame: it does not speak for lab\.example: REFUSED\n {4}→ load the zone there/,
    ],
    code: 2,
  }),
  'one server has a copy that cannot be loaded: SERVFAIL': () => ({
    servers: [{}, { spoil: sh`echo nonsense > zone.signed` }],
    says: [/ns2\.lab\.example \(\S+\.91\) is lame: .*: SERVFAIL/],
    code: 2,
  }),
  'one server has an unsigned copy': () => ({
    servers: [{}, { signed: false }],
    says: [/! outage at ns2\.lab\.example \(\S+\.91\): it has other keys than the DS .*\n {4}→ the DS is right/],
    code: 2,
  }),
  'a name server has no address': () => ({
    servers: [{ more: ['@ NS ns9.gone.example.'] }, { more: ['@ NS ns9.gone.example.'] }],
    says: [
      /! its name server ns9\.gone\.example has no address: whoever registers or controls gone\.example can answer for lab\.example/,
    ],
    code: 2,
  }),
  'the address of one name server cannot be looked up': () => ({
    servers: [{ more: [`@ NS ${broken}.`] }, { more: [`@ NS ${broken}.`] }],
    above: [`del broken.example. NS`, `add broken.example. 60 NS ns1.${zone}.`, `add ${zone}. 60 NS ${broken}.`],
    says: [/^ {2}\? ns\.broken\.example: its address cannot be looked up: .*SERVFAIL/m],
    code: 1,
  }),
  'the zone above names another server': () => ({
    servers: [{}, {}],
    above: [`add ${zone}. 60 NS ns1.internet.example.`],
    says: [
      /! the zone above also names ns1\.internet\.example as its name server, and lab\.example does not\n {4}→ take ns1\.internet\.example out at the registrar/,
    ],
    code: 2,
  }),
  'the zone names a server that the zone above does not know': () => ({
    servers: [{ more: ['@ NS ns3', `ns3 A ${ns[1]!.v4}`] }, { more: ['@ NS ns3', `ns3 A ${ns[1]!.v4}`] }],
    says: [
      /! lab\.example also names ns3\.lab\.example as its name server, and the zone above does not\n {4}→ add ns3\.lab\.example at the registrar/,
    ],
    code: 2,
  }),
  'the zone above has an old address of a server': () => ({
    servers: [{}, {}],
    above: [`del ns2.${zone}. A`, `add ns2.${zone}. 60 A 192.0.2.7`],
    says: [/! the zone above sends those who look for lab\.example to 192\.0\.2\.7 \(glue of ns2\.lab\.example\)/],
    code: 2,
  }),
  'one server stays behind': () => ({
    servers: [{ serial: 8 }, { serial: 7 }],
    says: [/– its name servers have copies of different age, serial 8 at ns1\S* .*, 7 at ns2.*: look again in an hour/],
    code: 0,
  }),
  'the DS is of no key, and all agree': () => ({
    servers: [{}, {}],
    above: [`del ${zone}. DS`, `add ${zone}. 60 DS 12345 13 2 ${'ab'.repeat(32)}`],
    says: [/! outage: the DS in the zone above is of no key that lab\.example has/],
    code: 2,
  }),
  'the signatures have ended at both': () => ({
    servers: [{ signed: [-30, -3] }, { signed: [-30, -3] }],
    says: [
      /! outage at ns1\S* .*: the signatures of lab\.example ended at .*\n {4}→ have the zone signed again .*the DS stays/,
      /outage at ns2/,
    ],
    code: 2,
  }),
  'the signatures have ended hours ago, and some resolvers forgive that': () => ({
    servers: [{ signed: [-30, -0.1] }, { signed: [-30, -0.1] }],
    says: [/! outage at ns1\S* .*: the signatures of lab\.example ended at/],
    code: 2,
  }),
  'the signatures have ended at one': () => ({
    servers: [{}, { signed: [-30, -3] }],
    says: [/! outage at ns2\S* .*: the signatures of lab\.example ended at/],
    code: 2,
  }),
  'the signatures end in two days': () => ({
    servers: [{ signed: [-28, 2] }, { signed: [-28, 2] }],
    says: [/! the signatures of lab\.example at ns1\S* .* end at .*, and were not renewed/],
    code: 2,
  }),
  'signatures of two days are those of who signs at each answer': () => ({
    servers: [{ signed: [-1, 1] }, { signed: [-1, 1] }],
    says: [],
    code: 0,
  }),
  'a signature that is wrong is refused by a resolver': () => {
    const spoil = sh`sed -i 's/hostmaster/hostmistress/' zone.signed`
    return {
      servers: [{ spoil }, { spoil }],
      says: [/! outage: a resolver that validates refuses lab\.example \(bogus\)/],
      code: 2,
    }
  },
}

for (const [title, make] of Object.entries(cases))
  test(`name servers: ${title}`, async () => {
    const { servers, above, says, code } = make()
    await lab(servers, above)
    const said = told(await check())
    for (const line of says) assert.match(said, line)
    assert.match(said, new RegExp(`^exit ${code}$`, 'm'), said)
    if (says.length === 0) assert.equal(said, 'exit 0')
    if (!title.startsWith('the DS is of no key')) assert.doesNotMatch(said, never)
    assert.doesNotMatch(said, /missing|wrong lab/)
  })

test('doctor: what a resolver refuses and answers without validation is an error, and not something that could not be seen', async () => {
  const spoil = sh`sed -i 's/10 mx\.lab/10 my.lab/' zone.signed`
  await lab([{ spoil }, { spoil }])
  const dns = dnsThrough(rehearsal.addresses.roles.resolver.v4)
  const look = async () => (await dns.ask(zone, 'MX')).map((mx) => ok(zone, mx))
  const [bogus] = await each([zone], (name) => name, look)
  assert.deepEqual([bogus?.verdict, /\(bogus\)/.test(bogus?.message ?? '')], ['error', true], bogus?.message)
  await lab([{ options: ['allow-query { none; };'] }, { options: ['allow-query { none; };'] }])
  const [down] = await each([zone], (name) => name, look)
  assert.equal(down?.verdict, 'could not look', down?.message)
})

test('name servers: a network that answers DNS itself is unknown, and says nothing about the DS', async () => {
  await lab([{}, {}])
  const { v4, v6 } = rehearsal.addresses.roles.resolver
  await nft(
    'chain in { type nat hook prerouting priority dstnat;',
    `ip daddr != ${v4} udp dport 53 dnat ip to ${v4}`,
    `ip6 daddr != ${v6} udp dport 53 dnat ip6 to ${v6}`,
    '}',
  )
  try {
    const said = told(await check())
    assert.match(said, /^ {2}\? ns1\.lab\.example \(\S+\): it does not speak for lab\.example(: \w+)?$/m)
    assert.match(said, /– every name server answers without speaking for it: a network that answers DNS itself looks like that/)
    assert.doesNotMatch(said, /DS|lame/)
    assert.match(said, /^exit 1$/m)
  } finally {
    await nft()
  }
})

for (const [title, verdict] of [
  ['drops it', 'drop'],
  ['forbids it (EACCES)', 'reject with icmpv6 type admin-prohibited'],
  ['has no route (ENETUNREACH)', 'reject with icmpv6 type no-route'],
  ['reaches no host (EHOSTUNREACH)', 'reject with icmpv6 type addr-unreachable'],
] as const)
  test(`name servers: where this machine's IPv6 ${title}, that is a note`, async () => {
    await nft('chain in { type filter hook prerouting priority raw;', `meta nfproto ipv6 udp dport 53 ${verdict}`, '}')
    try {
      const said = told(await check())
      assert.match(said, /^ {2}– not asked over IPv6 \(\S+:90, \S+:91\): this machine has no way there\nexit 0$/m)
    } finally {
      await nft()
    }
  })

test('name servers: one that is down beside others is unknown, and the others are heard', async () => {
  await rehearsal.internet.must(sh`kill "$(cat /run/lab/1/pid)"; while [ -e /run/lab/1/pid ]; do sleep 0.05; done`)
  const seen = await check()
  assert.deepEqual(
    seen.unknown.map(({ where, why, others }) => [where, why, others]),
    [ns[1]!.v4, ns[1]!.v6].map((address) => [`ns2.${zone} (${address})`, 'nothing listens there', true]),
  )
  assert.deepEqual(seen.trouble, [])
})
