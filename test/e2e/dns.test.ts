import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseDocument } from 'yaml'
import { $ } from 'zx'
import { changeOf, isEmpty } from '../../src/dns/changes.ts'
import { checkZones, type ZoneCheck } from '../../src/dns/check.ts'
import { recordDifferences, wantedOf } from '../../src/dns/compare.ts'
import { plannedChange } from '../../src/dns/planned.ts'
import type { OvhKeys } from '../../src/dns/providers/ovh-client.ts'
import { providerOf } from '../../src/dns/providers.ts'
import type { DnsRecord } from '../../src/dns/record.ts'
import { desiredRecords } from '../../src/dns/records.ts'
import { resolvers } from '../../src/dns/servers.ts'
import { ProvisionError } from '../../src/errors.ts'
import { loadInventory, type Server } from '../../src/inventory/inventory.ts'
import { secretTag } from '../../src/inventory/yaml.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { caFile, rehearsed } from '../../src/rehearsal/rehearsed.ts'
import { makeIdentity } from '../../src/secrets/identity.ts'
import { sh } from '../../src/sh.ts'
import { root } from '../../src/util/text.ts'
import { ours } from '../support/harness.ts'

let rehearsal: Rehearsal
let server: Server
let zones: ReadonlyMap<string, readonly DnsRecord[]>
let inventory: string

before(async () => {
  const text = readFileSync(new URL('inventory/xoyize.xyz.yml', root), 'utf8')
  const reference = (await loadInventory(new URL('inventory', root).pathname, 'xoyize.xyz')).server
  const mxname = reference.mail.hostname
  rehearsal = await startRehearsal({ name: await ours('dns-zones'), mxname, zones: zonesOf(reference), image: null })
  inventory = join(rehearsal.directory, 'inventory')
  mkdirSync(inventory, { mode: 0o700 })
  copyFileSync(rehearsal.caBundle, join(inventory, caFile))
  const document = rehearsed(parseDocument(text, { customTags: [secretTag] }), rehearsal)
  writeFileSync(join(inventory, 'xoyize.xyz.yml'), document.toString())
  await makeIdentity(join(inventory, 'identity'), () => undefined)
  const loaded = await loadInventory(inventory, 'xoyize.xyz')
  await loaded.store.update(() => new Map([['dns/tsig', rehearsal.tsig.secret]]))
  server = loaded.server
  zones = desiredRecords(server)
})

after(() => stopRehearsal(rehearsal?.name ?? ''))

const check = (of = zones): Promise<readonly ZoneCheck[]> =>
  checkZones(of, { resolvers: resolvers(server.dns.lookup), tries: [1000, 1000] })

/** Each finding in a line. */
const told = (checks: readonly ZoneCheck[]): readonly string[] =>
  checks.flatMap(({ findings, unknown }) => [
    ...findings.map(({ state, name, type, seen }) => [state, name, type, ...seen.map(({ data }) => data)].join(' ')),
    ...unknown.map(({ where, why }) => `unknown ${where}: ${why}`),
  ])

/** What a hand does to the zones, past us. */
async function update(...lines: readonly string[]): Promise<void> {
  const { tsig, dnsServer } = rehearsal
  const script = [`server ${dnsServer}`, ...lines, 'send', ''].join('\n')
  await rehearsal.internet.must(sh`printf '%s' ${script} | nsupdate -y ${[tsig.algorithm, tsig.name, tsig.secret].join(':')}`)
}

/** The command line of an operator without a host. */
const provision = (...args: readonly string[]) => provisionIn(inventory, ...args)

async function provisionIn(folder: string, ...args: readonly string[]) {
  const flags = ['--host', 'xoyize.xyz', '--inventory', folder, '--offline']
  return $({
    nothrow: true,
    quiet: true,
    timeout: '60s',
  })`${process.execPath} ${join(root.pathname, 'src/bin.js')} ${args} ${flags}`
}

test('zones as they should be: nothing to say, over IPv4 and IPv6', async () => {
  const checks = await check()
  assert.deepEqual(told(checks), [])
  for (const { servers } of checks)
    assert.deepEqual(
      servers.map(({ address }) => address),
      [rehearsal.addresses.roles.dns.v4, rehearsal.addresses.roles.dns.v6],
    )
})

const stranger = '192.0.2.66'
const faults: readonly {
  readonly fault: string
  readonly make: readonly string[]
  readonly found: readonly string[]
}[] = [
  {
    fault: 'no MX',
    make: ['del cinay.eu MX'],
    found: ['missing cinay.eu MX'],
  },
  {
    fault: 'an MX without its final dot',
    make: ['del cinay.eu MX', 'add cinay.eu 3600 MX 10 mx1.xoyize.xyz.cinay.eu.'],
    found: ['wrong cinay.eu MX 10 mx1.xoyize.xyz.cinay.eu.'],
  },
  {
    fault: 'the address of the server before',
    make: ['del mx1.xoyize.xyz A', `add mx1.xoyize.xyz 3600 A ${stranger}`],
    found: [`wrong mx1.xoyize.xyz A ${stranger}`],
  },
  {
    fault: 'a second address that nobody declared',
    make: [`add yanfi.net 3600 A ${stranger}`],
    found: [`extra yanfi.net A ${stranger}`],
  },
  {
    fault: 'a second SPF record',
    make: ['add yanfi.net 600 TXT "v=spf1 a -all"'],
    found: ['extra yanfi.net TXT v=spf1 a -all'],
  },
  {
    fault: 'an SPF that lets the web’s host send',
    make: ['del rnmkcy.eu TXT', 'add rnmkcy.eu 600 TXT "v=spf1 a mx -all"'],
    found: ['wrong rnmkcy.eu TXT v=spf1 a mx -all'],
  },
  {
    fault: 'the id of an old policy',
    make: ['del _mta-sts.cinay.eu TXT', 'add _mta-sts.cinay.eu 600 TXT "v=STSv1; id=1"'],
    found: ['wrong _mta-sts.cinay.eu TXT v=STSv1; id=1'],
  },
  {
    fault: 'an alias where the MX leads',
    make: ['del autoconfig.yanfi.net A', 'del autoconfig.yanfi.net AAAA', 'add autoconfig.yanfi.net 3600 CNAME nowhere.example.'],
    found: ['wrong autoconfig.yanfi.net A nowhere.example.', 'wrong autoconfig.yanfi.net AAAA nowhere.example.'],
  },
  {
    fault: 'a record below a name, which takes the wildcard’s address from it',
    make: ['del static.cinay.eu A', 'del static.cinay.eu AAAA', 'add _acme-challenge.static.cinay.eu 60 TXT "x"'],
    found: ['missing static.cinay.eu A', 'missing static.cinay.eu AAAA'],
  },
  {
    fault: 'another CA that may issue',
    make: ['add cinay.eu 3600 CAA 0 issue "ca.example"'],
    found: ['extra cinay.eu CAA 0 issue "ca.example"'],
  },
]

for (const { fault, make, found } of faults) {
  test(`dns check finds it, and dns publish mends it: ${fault}`, async () => {
    await update(...make)
    assert.deepEqual(told(await check()), found)
    const published = await provision('dns', 'publish', '--yes', '--prune')
    assert.equal(published.exitCode, 0, published.stderr)
    assert.deepEqual(told(await check()), [])
  })
}

test('dns check: what says the same in other words is the same, and what is none of our business is not told', async () => {
  await update('del cinay.eu TXT', 'add cinay.eu 60 TXT "v=spf1  +MX" " -ALL"', 'add cinay.eu 60 TXT "site-verification=1"')
  await update(
    'del _dmarc.cinay.eu TXT',
    'add _dmarc.cinay.eu 60 TXT "v=DMARC1;p=quarantine;rua=mailto:Postmaster@cinay.eu;pct=100"',
  )
  try {
    assert.deepEqual(told(await check()), [])
  } finally {
    const dmarc = zones.get('cinay.eu')!.find(({ name }) => name === '_dmarc.cinay.eu')!.data
    await update('del cinay.eu TXT', 'add cinay.eu 600 TXT "v=spf1 mx -all"')
    await update('del _dmarc.cinay.eu TXT', `add _dmarc.cinay.eu 3600 TXT "${dmarc}"`)
  }
})

test('dns check: a name server that does not answer is unknown, and the others are heard', async () => {
  // Nobody has this address.
  const silent = rehearsal.dnsServer.replace(/\d+$/, '99')
  await update('add yanfi.net 60 NS silent.internet.example.', 'del yanfi.net MX')
  await update(`add silent.internet.example 60 A ${silent}`)
  try {
    const found = told(await check())
    assert.deepEqual(found, ['missing yanfi.net MX', `unknown silent.internet.example (${silent}): no answer within 2 s`])
  } finally {
    await update('del yanfi.net NS silent.internet.example.', 'add yanfi.net 3600 MX 10 mx1.xoyize.xyz.')
    await update('del silent.internet.example A')
  }
})

test('dns check: a name server that does not speak for the zone is unknown', async () => {
  await update('add yanfi.net 60 NS mx.peer.example.')
  try {
    const { v4, v6 } = rehearsal.addresses.roles.peer
    const lame = (await check()).flatMap(({ unknown }) => unknown.map(({ where }) => where))
    assert.deepEqual(lame, [`mx.peer.example (${v4})`, `mx.peer.example (${v6})`])
  } finally {
    await update('del yanfi.net NS mx.peer.example.')
  }
})

test('the command: nothing to publish is 0, a finding 2, nobody there 1 and never “missing”', async () => {
  assert.equal((await provision('dns', 'check')).exitCode, 0)
  await update('del cinay.eu MX')
  try {
    const { exitCode, stdout } = await provision('dns', 'check', '--domain', 'cinay.eu')
    assert.equal(exitCode, 2, stdout)
    assert.match(stdout, /missing cinay\.eu MX: mail outage/)
    assert.match(stdout, /publish: cinay\.eu\. 3600 IN MX 10 mx1\.xoyize\.xyz\.$/m)
    const events = (await provision('dns', 'check', '--json')).stdout.trim().split('\n')
    assert.deepEqual(
      events.map((line) => JSON.parse(line).event),
      ['finding', 'end'],
    )
  } finally {
    await update('add cinay.eu 3600 MX 10 mx1.xoyize.xyz.')
  }
  await rehearsal.internet.must(sh`systemctl stop named`)
  try {
    const { exitCode, stdout } = await provision('dns', 'check')
    assert.equal(exitCode, 1, stdout)
    assert.doesNotMatch(stdout, /missing|wrong|extra/)
  } finally {
    await rehearsal.internet.must(sh`systemctl start named`)
  }
})

test('dns zone: named-checkzone accepts each', async () => {
  const { exitCode, stdout, stderr } = await provision('dns', 'zone', '--json')
  assert.equal(exitCode, 0, stderr)
  for (const line of stdout
    .trim()
    .split('\n')
    .filter((one) => !one.startsWith('{"event":"end"'))) {
    const { zone, text } = JSON.parse(line) as { readonly zone: string; readonly text: string }
    await rehearsal.internet.must(
      sh`printf '%s' ${text} > /tmp/zone; named-checkzone -k fail -m fail -M fail -n fail -S fail ${zone} /tmp/zone`,
    )
  }
})

test('dns check and dns lint: a DS of no key that the zone has is an outage, and none at all is told', async () => {
  const right = (await rehearsal.internet.must(sh`dig +short @${rehearsal.dnsServer} yanfi.net DS`)).trim()
  assert.match(right, /^\d+ \d+ 2 [0-9A-F ]+$/)
  const zone = join(inventory, 'yanfi.net.zone')
  writeFileSync(zone, (await provision('dns', 'zone', '--domain', 'yanfi.net')).stdout)
  /** The resolver forgets what it knew. */
  const above = async (...lines: readonly string[]) => {
    await update('zone .', 'del yanfi.net DS', ...lines)
    await rehearsal.internet.must(sh`systemctl restart unbound`)
  }
  const seen = async () => {
    const [checked, linted] = [await provision('dns', 'check', '--domain', 'yanfi.net'), await lint(zone)]
    return { codes: [checked.exitCode, linted.exitCode], checked: checked.stdout, linted: linted.stdout }
  }
  assert.deepEqual((await seen()).codes, [0, 0])
  try {
    await above(`add yanfi.net 60 DS 12345 13 2 ${'ab'.repeat(32)}`)
    const wrong = await seen()
    assert.deepEqual(wrong.codes, [2, 2], wrong.checked + wrong.linted)
    assert.match(wrong.checked, /! outage: the DS in the zone above is of no key that yanfi\.net has/)
    assert.match(wrong.linted, /^\S+yanfi\.net\.zone:1: error: yanfi\.net: outage: the DS/)
    await above()
    const none = await seen()
    assert.deepEqual(none.codes, [2, 2], none.checked + none.linted)
    assert.match(none.checked, /! yanfi\.net is signed, and the zone above has no DS of it/)
    assert.match(none.linted, /warning: yanfi\.net: yanfi\.net is signed/)
  } finally {
    await above(`add yanfi.net 60 DS ${right}`)
  }
  assert.deepEqual((await seen()).codes, [0, 0])
})

test('dns lint: reports to strangers need their word', async () => {
  const { stdout: text } = await provision('dns', 'zone', '--domain', 'cinay.eu')
  const zone = join(inventory, 'cinay.eu.zone')
  writeFileSync(zone, text.replace('rua=mailto:postmaster@cinay.eu"', 'rua=mailto:dmarc@peer.example"'))
  const { exitCode, stdout } = await lint(zone)
  assert.equal(exitCode, 2, stdout)
  assert.match(stdout, /peer\.example does not say that it takes these reports/)
  await update('add cinay.eu._report._dmarc.peer.example 60 TXT "v=DMARC1"')
  const { exitCode: then, stdout: said } = await lint(zone)
  assert.equal(then, 0, said)
})

/** By the command line. */
const lint = (zone: string) =>
  $({
    nothrow: true,
    quiet: true,
    timeout: '60s',
  })`${process.execPath} ${join(root.pathname, 'src/bin.js')} dns lint --host xoyize.xyz --inventory ${inventory} ${zone}`

test('dns publish: shows what it would do, and without somebody to ask does nothing', async () => {
  await update('del cinay.eu MX')
  const refused = await provision('dns', 'publish')
  assert.equal(refused.exitCode, 1)
  assert.match(refused.stderr, /no terminal to ask on/)
  assert.deepEqual(told(await check()), ['missing cinay.eu MX'])
  const published = await provision('dns', 'publish', '--yes')
  assert.match(published.stdout, /^ {2}\+ cinay\.eu\. 3600 IN MX 10 mx1\.xoyize\.xyz\.$/m)
})

test('dns publish: only what is ours; what is too much stays, and is told', async () => {
  await update(
    'add cinay.eu 60 MX 20 backup.example.',
    'add cinay.eu 60 TXT "site-verification=1"',
    'add www.cinay.eu 60 TXT "hand made"',
  )
  const published = await provision('dns', 'publish', '--yes')
  assert.equal(published.exitCode, 0, published.stderr)
  assert.match(published.stdout, /stays, and --prune takes it away: cinay\.eu\. MX 20 backup\.example\./)
  assert.deepEqual(told(await check()), ['extra cinay.eu MX 20 backup.example.'])
  const pruned = await provision('dns', 'publish', '--yes', '--prune')
  assert.equal(pruned.exitCode, 0, pruned.stderr)
  const kept = await rehearsal.internet.must(
    sh`dig +short @${rehearsal.dnsServer} cinay.eu TXT; dig +short @${rehearsal.dnsServer} www.cinay.eu TXT`,
  )
  assert.match(kept, /site-verification=1/)
  assert.match(kept, /hand made/)
})

test('dns publish: an address for which a wildcard answered stands by itself once something else does', async () => {
  await update('del autoconfig.cinay.eu A', 'del autoconfig.cinay.eu AAAA', 'del cinay.eu MX')
  assert.deepEqual(told(await check()), ['missing cinay.eu MX'])
  assert.equal((await provision('dns', 'publish', '--yes')).exitCode, 0)
  await update('add _x.autoconfig.cinay.eu 60 TXT "x"')
  assert.deepEqual(told(await check()), [])
  await update('del _x.autoconfig.cinay.eu TXT')
})

test('dns publish: a second run has nothing to do, and sends nothing', async () => {
  const updates = () => rehearsal.internet.must(sh`journalctl -u named -o cat | grep -c 'updating zone'`)
  const before = await updates()
  const { exitCode, stdout } = await provision('dns', 'publish', '--yes')
  assert.equal(exitCode, 0)
  assert.match(stdout, /^nothing to do/)
  assert.equal(await updates(), before)
})

test('dns publish: a key that the name server does not take is told, and nothing is changed', async () => {
  const { store } = await loadInventory(inventory, 'xoyize.xyz')
  await update('del cinay.eu MX')
  await store.update(() => new Map([['dns/tsig', Buffer.alloc(32, 1).toString('base64')]]))
  const refused = await provision('dns', 'publish', '--yes')
  await store.update(() => new Map([['dns/tsig', rehearsal.tsig.secret]]))
  assert.equal(refused.exitCode, 1)
  assert.match(refused.stderr, /does not take the key provision/)
  assert.doesNotMatch(refused.stderr, /AQEB/)
  assert.deepEqual(told(await check()), ['missing cinay.eu MX'])
  assert.equal((await provision('dns', 'publish', '--yes')).exitCode, 0)
})

for (const where of ['nsupdate', 'ovh'] as const)
  test(`dns check: keys that others keep for longer than declared are a difference, and publishing mends it: ${where}`, async () => {
    const ovh = await rehearsal.ovh()
    const folder = join(rehearsal.directory, `inventory-ttl-${where}`)
    cpSync(inventory, folder, { recursive: true })
    if (where === 'ovh') {
      const file = join(folder, 'xoyize.xyz.yml')
      const document = parseDocument(readFileSync(file, 'utf8'), { customTags: [secretTag] })
      document.setIn(['dns'], document.createNode({ provider: 'ovh', endpoint: ovh.endpoint, lookup: rehearsal.dnsServer }))
      writeFileSync(file, document.toString())
      const { store } = await loadInventory(folder, 'xoyize.xyz')
      await store.update(() => keysOf(ovh.operator))
    }
    const tlsa = ['ab', 'cd'].map((pair): DnsRecord => {
      return { name: '_25._tcp.mx1.xoyize.xyz', type: 'TLSA', ttl: 600, data: `3 1 1 ${pair.repeat(32)}` }
    })
    const dkim: DnsRecord = { name: 's1._domainkey.xoyize.xyz', type: 'TXT', ttl: 600, data: 'v=DKIM1; k=rsa; p=AAAA' }
    const records = [...tlsa, dkim]
    await update(
      ...records.map(({ name, type }) => `del ${name} ${type}`),
      ...tlsa.map(({ name, data }) => `add ${name} 86400 TLSA ${data}`),
      `add ${dkim.name} 86400 TXT "${dkim.data}"`,
    )
    const of = new Map([['xoyize.xyz', [...zones.get('xoyize.xyz')!, ...records]]])
    try {
      const [seen] = await check(of)
      assert.deepEqual(
        told([seen!]).map((line) => line.split(' ').slice(0, 3).join(' ')),
        [`wrong ${tlsa[0]!.name} TLSA`, `wrong ${tlsa[0]!.name} TLSA`, `wrong ${dkim.name} TXT`],
      )
      assert.match(seen!.findings[0]!.risk, /others keep it for 86400 s instead of 600/)
      const provider = providerOf((await opened(folder)).server, resolvers(rehearsal.dnsServer))
      const { change } = await plannedChange(provider, 'xoyize.xyz', of.get('xoyize.xyz')!)
      await provider.publish(change, records)
      assert.deepEqual(told(await check(of)), [])
    } finally {
      await update(...records.map(({ name, type }) => `del ${name} ${type}`))
    }
  })

const keysOf = ({ applicationKey, applicationSecret, consumerKey }: OvhKeys) =>
  new Map([
    ['ovh/publish/application-key', applicationKey],
    ['ovh/publish/application-secret', applicationSecret],
    ['ovh/publish/consumer-key', consumerKey],
  ])

test('dns publish at OVH', async (t) => {
  const ovh = await rehearsal.ovh()
  const folder = join(rehearsal.directory, 'inventory-ovh')
  cpSync(inventory, folder, { recursive: true })
  const file = join(folder, 'xoyize.xyz.yml')
  const document = parseDocument(readFileSync(file, 'utf8'), { customTags: [secretTag] })
  document.setIn(['dns'], document.createNode({ provider: 'ovh', endpoint: ovh.endpoint, lookup: rehearsal.dnsServer }))
  writeFileSync(file, document.toString())
  const { store } = await loadInventory(folder, 'xoyize.xyz')
  const keys = keysOf
  const publish = (...flags: readonly string[]) => provisionIn(folder, 'dns', 'publish', '--yes', ...flags)

  await t.test('without its keys: which are missing, and how they are given', async () => {
    await store.update(() => new Map())
    const { exitCode, stderr } = await publish()
    assert.equal(exitCode, 1)
    assert.match(stderr, /provision secrets set ovh\/publish\/consumer-key/)
  })
  await store.update(() => keys(ovh.operator))

  for (const { fault, make, found } of faults)
    await t.test(`mended: ${fault}`, async () => {
      await update(...make)
      assert.deepEqual(told(await check()), found)
      const { exitCode, stderr } = await publish('--prune')
      assert.equal(exitCode, 0, stderr)
      assert.deepEqual(told(await check()), [])
    })

  await t.test('a whole zone, with a DKIM key of two strings, from nothing', async () => {
    await update(
      ...zones
        .get('yanfi.net')!
        .map(({ name }) => `del ${name}`)
        .filter((line) => line !== 'del yanfi.net'),
    )
    await update(...(['A', 'AAAA', 'MX', 'TXT', 'CAA'] as const).map((type) => `del yanfi.net ${type}`))
    const { exitCode, stderr } = await publish()
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual(told(await check()), [])
    const long = {
      name: 'default._domainkey.yanfi.net',
      type: 'TXT',
      ttl: 600,
      data: `v=DKIM1; k=rsa; p=${'A'.repeat(390)}`,
    } as const
    const provider = providerOf((await opened(folder)).server, resolvers(rehearsal.dnsServer))
    for (let i = 0; i < 2; i++) {
      const wanted = wantedOf([long])
      const [there = []] = await provider.look('yanfi.net', wanted)
      assert.equal(there.length, i)
      await provider.publish(changeOf('yanfi.net', recordDifferences(wanted[0]!, there)), [])
    }
    assert.deepEqual(told(await check(new Map([['yanfi.net', [...zones.get('yanfi.net')!, long]]]))), [])
    // And it goes, when it is retired; what another hand has put at its name stays.
    await update(`add ${long.name} 60 TXT "by hand"`)
    const retired = new Map([['yanfi.net', [{ ...long, absent: true } as const]]])
    assert.match(told(await check(retired)).join(), /^extra default\._domainkey\.yanfi\.net TXT v=DKIM1; k=rsa; p=A+$/)
    const [gone] = wantedOf(retired.get('yanfi.net')!) as [ReturnType<typeof wantedOf>[number]]
    for (const left of [2, 1]) {
      const [there = []] = await provider.look('yanfi.net', [gone])
      assert.equal(there.length, left)
      await provider.publish(changeOf('yanfi.net', recordDifferences(gone, there)), [])
    }
    assert.deepEqual(told(await check(retired)), [])
    const [stays = []] = await provider.look('yanfi.net', [gone])
    assert.deepEqual(
      stays.map(({ data }) => data),
      ['by hand'],
    )
    await update(`del ${long.name}`)
  })

  for (const call of ['GET .*/record/\\d+$', 'PUT .*/record/\\d+$', 'POST .*/refresh$', 'GET /auth/time'])
    await t.test(`the API fails at ${call}: nothing is lost, and the next run succeeds`, async () => {
      await update('del cinay.eu MX', 'add cinay.eu 60 MX 10 old.example.')
      ovh.fail(`${call} 500`)
      const failed = await publish()
      ovh.fail()
      assert.equal(failed.exitCode, 1)
      assert.match(failed.stderr, /500.*\n.*nothing is lost: run it again/)
      assert.deepEqual(told(await check()), ['wrong cinay.eu MX 10 old.example.'])
      const { exitCode, stderr } = await publish()
      assert.equal(exitCode, 0, stderr)
      assert.deepEqual(told(await check()), [])
    })

  await t.test(
    'the API fails at its n-th change, done or not: the zone has MX and SPF all the same, and the next run makes the rest',
    async () => {
      const provider = providerOf((await opened(folder)).server, resolvers(rehearsal.dnsServer))
      const records = zones.get('cinay.eu')!
      const publishIt = async (): Promise<ProvisionError | undefined> => {
        const { change } = await plannedChange(provider, 'cinay.eu', records, { prune: true })
        try {
          await (isEmpty(change) ? provider.giveOut!('cinay.eu') : provider.publish(change, records))
          return undefined
        } catch (error) {
          if (!(error instanceof ProvisionError)) throw error
          return error
        }
      }
      const found: number[] = []
      for (const done of ['', ' done'])
        for (let n = 1, failed: ProvisionError | undefined | 0 = 0; failed !== undefined; n++) {
          await update(
            ...['MX', 'TXT'].map((type) => `del cinay.eu ${type}`),
            'add cinay.eu 60 MX 10 old.example.',
            'add cinay.eu 60 MX 20 older.example.',
            'add cinay.eu 60 TXT "v=spf1 a -all"',
            'add cinay.eu 60 TXT "site-verification=1"',
            'add cinay.eu 60 CAA 0 issue "ca.example"',
            ...['A', 'AAAA'].map((type) => `del autoconfig.cinay.eu ${type}`),
            'add autoconfig.cinay.eu 60 CNAME nowhere.example.',
            'del _dmarc.cinay.eu TXT',
          )
          ovh.fail(`(PUT|POST|DELETE) .* 500 ${n}${done}`)
          failed = await publishIt()
          ovh.fail()
          if (failed !== undefined) {
            assert.match(
              `${failed.message} ${failed.hint}`,
              /500 .* changes? of cinay\.eu are made.* run it again|500 .*run it again/,
            )
            // Somebody else gives it out as it is: the host, when it renews its certificate.
            await provider.giveOut!('cinay.eu')
            const dig = await rehearsal.internet.must(
              sh`dig +short @${rehearsal.dnsServer} cinay.eu MX; dig +short @${rehearsal.dnsServer} cinay.eu TXT`,
            )
            assert.match(dig, /^10 (old\.example|mx1\.xoyize\.xyz)\.$/m, `${n}${done}: ${dig}`)
            assert.match(dig, /v=spf1/, `${n}${done}: ${dig}`)
            assert.match(dig, /site-verification/)
            assert.equal(await publishIt(), undefined)
            found.push(n)
          }
          assert.deepEqual(told(await check()), [], `${n}${done}`)
        }
      // Every change and the refresh, once not done and once done.
      assert.ok(found.length >= 16, found.join())
      await update('del cinay.eu TXT "site-verification=1"')
    },
  )

  await t.test('the host’s key may not write the other zones, which is told', async () => {
    await store.update(() => keys(ovh.host))
    await update('del cinay.eu MX')
    const { exitCode, stderr } = await publish('--domain', 'cinay.eu')
    assert.equal(exitCode, 1)
    assert.match(stderr, /the key may not see it/)
    await store.update(() => keys({ ...ovh.operator, applicationSecret: 'wrong' }))
    assert.match((await publish()).stderr, /Invalid signature/)
    await store.update(() => keys(ovh.operator))
    assert.equal((await publish()).exitCode, 0)
  })
})

async function opened(folder: string) {
  const loaded = await loadInventory(folder, 'xoyize.xyz')
  await loaded.store.open()
  return loaded
}
