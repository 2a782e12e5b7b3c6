import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { authenticate } from 'mailauth'
import type { Document } from 'yaml'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import { peerDomain } from '../../src/rehearsal/internet/service.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { arrived, fromPeer, reachedPeer, submit } from '../../src/rehearsal/proof/mail.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { root } from '../../src/util/text.ts'
import {
  begin,
  command,
  edit,
  isSettled,
  type Operator,
  operatorOf,
  ours,
  provision,
  ready,
  told,
  untilOn,
} from '../support/harness.ts'
import { openTerminal } from '../support/terminal.ts'

/** What mail needs, without the web. */
const only = ['--yes', '--only', 'base/configure-apt,base/install-the-tools,access,certificates,maddy']

let rehearsal: Rehearsal
let operator: Operator
let inventory: Inventory
const dns = new Resolver()
const bin = fileURLToPath(new URL('src/bin.js', root))

before(async () => {
  const reference = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  const { mail } = reference.server
  const name = await ours('e2e-rotate')
  rehearsal = await startRehearsal({ name, mxname: mail.hostname, zones: zonesOf(reference.server), image: null, trusted: true })
  const host = await rehearsal.addHost('host', ready())
  operator = await operatorOf(rehearsal, host)
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  inventory = await loadInventory(operator.inventory, reference.name)
  await inventory.store.open()
  dns.setServers([rehearsal.dnsServer])
  await does('dns', 'publish', '--yes')
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

const text = () => readFileSync(join(operator.inventory, 'xoyize.xyz.yml'), 'utf8')
const selector = `s${new Date().toISOString().slice(0, 7).replace('-', '')}`
const key = selector.replace('s', 'k')
const ago = (minutes: number) => `${new Date(Date.now() - minutes * 60_000).toISOString().slice(0, 16)}Z`
const place = (domain: string) => inventory.server.domains.findIndex(({ name }) => name === domain)

/** A command that ends well, and what it said. */
async function does(...words: readonly string[]) {
  const run = await command(operator, words)
  assert.equal(run.code, 0, told(run))
  return run.stdout + run.stderr
}

/** In each phase: nothing to correct, nothing to publish, and the doctor is content. */
async function well() {
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
  assert.match(await does('dns', 'check'), /^nothing to publish/m)
  // As a part of the plan, too.
  const zones = await provision(operator, ['--check', '--only', 'dns'])
  assert.equal(zones.code, 0, told(zones))
  await does('doctor', '--only', 'dns,tlsa,signed-mail')
}

/** A mail of a domain as the second mail server has got it. */
async function sent(domain: string): Promise<string> {
  const [account] = inventory.server.domains[place(domain)]!.accounts
  const mailbox = { address: account!.address, password: inventory.store.value(account!.password.name)! }
  const subject = await submit(rehearsal, inventory.server, mailbox, { to: `friend@${peerDomain}` })
  await reachedPeer(rehearsal, subject)
  const file = (await rehearsal.internet.must(sh`grep -rlF ${`Subject: ${subject}`} /var/mail/peer | head -n 1`)).trim()
  return rehearsal.internet.must(sh`cat ${file}`)
}

/** What mailauth says of a mail’s signatures now: `cinay.eu default pass`. */
async function signatures(message: string): Promise<readonly string[]> {
  const resolver = (name: string, type: string) => dns.resolve(name, type) as Promise<string[][]>
  const options = { ip: '192.0.2.1', helo: 'x', sender: 'x@x.example', mta: peerDomain, disableArc: true, disableBimi: true }
  const { dkim } = await authenticate(message, { ...options, resolver })
  return dkim.results.map(({ signingDomain, selector: by, status }) => `${signingDomain} ${by} ${status.result}`)
}

const keysOf = (domain: string) => rehearsal.host.must(sh`cd /var/lib/maddy/dkim_keys; stat -c '%n %a %U' ${`${domain}_`}*`)

let before_: string

test('dkim rotate: the next key is made, published, seen everywhere and used, in one run; the old one stays published', async () => {
  before_ = await sent('cinay.eu')
  assert.deepEqual(await signatures(before_), ['cinay.eu default pass'])
  const said = await does('dkim', 'rotate', '--domain', 'cinay.eu', '--yes')
  assert.match(said, new RegExp(`^\\s+private-key:/var/lib/maddy/dkim_keys/cinay\\.eu_${selector}\\.key type absent → key`, 'm'))
  assert.match(said, new RegExp(`^ {2}\\+ ${selector}\\._domainkey\\.cinay\\.eu\\. 3600 IN TXT "v=DKIM1; k=rsa; p=`, 'm'))
  assert.match(
    said,
    new RegExp(`^cinay\\.eu: ${selector} is used; default stays published until .*Z; then: provision dkim rotate`, 'm'),
  )
  assert.match(text(), new RegExp(`dkim: \\{ key: ${selector}, retired: default, since: .*Z \\}`))
  assert.deepEqual(await signatures(await sent('cinay.eu')), [`cinay.eu ${selector} pass`])
  assert.deepEqual(await signatures(await sent('xoyize.xyz')), ['xoyize.xyz default pass'])
  // What waits in queues, and what is looked at again.
  assert.deepEqual(await signatures(before_), ['cinay.eu default pass'])
  assert.match(await keysOf('cinay.eu'), new RegExp(`^cinay\\.eu_${selector}\\.key 600 maddy$`, 'm'))
  await well()
})

test('dkim rotate: too early it changes nothing, and says when', async () => {
  const was = text()
  assert.match(await does('dkim', 'rotate', '--domain', 'cinay.eu', '--yes'), /^cinay\.eu: .* stays published until /)
  assert.equal(text(), was)
  const all = await does('dkim', 'rotate', '--yes')
  assert.match(all, /^cinay\.eu: .* stays published until /m)
  assert.match(all, /^the others begin once none is under way; --domain begins one by itself$/m)
  assert.equal(text(), was)
})

test('dkim rotate: after a week the old key leaves the zone and the host, and is told of until then', async () => {
  edit(operator, (document: Document) => document.setIn(['domains', place('cinay.eu'), 'dkim', 'since'], ago(8 * 24 * 60)))
  assert.match(
    await does('dns', 'check'),
    /cinay\.eu: the retired key default of DKIM is overdue.*provision dkim rotate --host xoyize\.xyz/,
  )
  const doctor = await command(operator, ['doctor', '--only', 'dns'])
  assert.equal(doctor.code, 2, told(doctor))
  const said = await does('dkim', 'rotate', '--domain', 'cinay.eu', '--yes')
  assert.match(said, /^ {2}- default\._domainkey\.cinay\.eu\. TXT /m)
  assert.match(said, new RegExp(`^cinay\\.eu: ${selector} is used, and no other one is published$`, 'm'))
  await assert.rejects(dns.resolve('default._domainkey.cinay.eu', 'TXT'), { code: /^ENO(DATA|TFOUND)$/ })
  assert.doesNotMatch(await keysOf('cinay.eu'), /default/)
  assert.match(await does('history'), /private-key:\/var\/lib\/maddy\/dkim_keys\/cinay\.eu_default\.key type key → absent/)
  assert.doesNotMatch((await signatures(before_)).join(), /pass/)
  assert.deepEqual(await signatures(await sent('cinay.eu')), [`cinay.eu ${selector} pass`])
  await well()
  // The same command once more would be a new one in the same month.
  assert.match(await does('dkim', 'rotate', '--domain', 'cinay.eu', '--yes'), /nothing to do: .* is used already; --selector/)
})

test('dkim rotate: killed anywhere, the same command goes on', async () => {
  const words = ['--text', 'dkim', 'rotate', '--domain', 'yanfi.net', '--yes']
  for (const moment of [/wrote/, /published at/, /wrote/]) {
    const run = begin(operator, words)
    while (!moment.test(run.said())) await new Promise((resolve) => setTimeout(resolve, 20))
    run.kill('SIGKILL')
    await run.ended
  }
  await does(...words.slice(1))
  assert.match(text(), new RegExp(`dkim: \\{ key: ${selector}, retired: default, since: .*Z \\}`))
  assert.deepEqual(await signatures(await sent('yanfi.net')), [`yanfi.net ${selector} pass`])
  await well()
})

test('dkim rotate: where the zones are written by hand the record is printed, and once it is there the same command goes on', async () => {
  const dnsOf = (document: Document) => document.getIn(['dns'])
  let kept: unknown
  edit(operator, (document) => {
    kept = dnsOf(document)
    document.setIn(['dns'], { provider: 'manual', lookup: inventory.server.dns.lookup })
  })
  const words = ['dkim', 'rotate', '--domain', 'ouestline.xyz', '--yes', '--selector', 'summer']
  const [record] = /^summer\._domainkey\.ouestline\.xyz\. .*$/m.exec(await does(...words)) ?? assert.fail('no record')
  assert.deepEqual(await signatures(await sent('ouestline.xyz')), ['ouestline.xyz default pass'])
  await update('ouestline.xyz', [`add ${record.replace(' IN ', ' ')}`])
  assert.match(await does(...words), /^ouestline\.xyz: summer is used; default stays published until /m)
  assert.deepEqual(await signatures(await sent('ouestline.xyz')), ['ouestline.xyz summer pass'])
  edit(operator, (document) => document.setIn(['domains', place('ouestline.xyz'), 'dkim', 'since'], ago(8 * 24 * 60)))
  assert.match(await does(...words), /^; to take out where the zone is kept\ndefault\._domainkey\.ouestline\.xyz\. /m)
  assert.match(await keysOf('ouestline.xyz'), /default\.key/)
  await update('ouestline.xyz', ['delete default._domainkey.ouestline.xyz TXT'])
  assert.match(await does(...words), /^ouestline\.xyz: summer is used, and no other one is published$/m)
  assert.doesNotMatch(await keysOf('ouestline.xyz'), /default/)
  edit(operator, (document) => document.setIn(['dns'], kept))
  await well()
})

/** Changes a zone past us. */
async function update(zone: string, changes: readonly string[]): Promise<void> {
  const { name, algorithm, secret } = rehearsal.tsig
  const lines = [`server ${rehearsal.addresses.roles.dns.v4}`, `zone ${zone}`, ...changes.map((one) => `update ${one}`), 'send']
  await rehearsal.internet.must(sh`printf '%s\n' ${lines} | nsupdate -y ${`${algorithm}:${name}:${secret}`}`)
}

const mx = 'mx1.xoyize.xyz'
const tlsa = async (): Promise<readonly string[]> =>
  (await rehearsal.internet.must(sh`dig +short ${`@${rehearsal.addresses.roles.dns.v4}`} ${`_25._tcp.${mx}`} TLSA`))
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(3).join('').toLowerCase())
    .toSorted()
const servedKey = async (): Promise<string> =>
  (
    await rehearsal.internet.must(
      sh`openssl s_client -connect ${`${rehearsal.host.address}:25`} -starttls smtp </dev/null 2>/dev/null | openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64`,
    )
  ).trim()

/** The second mail server delivers by DANE or not at all. */
async function byDane(): Promise<void> {
  const subject = await fromPeer(rehearsal, 'xoyi@xoyize.xyz')
  const mailbox = { address: 'xoyi@xoyize.xyz', password: inventory.store.value('mail/xoyi@xoyize.xyz')! }
  await arrived(rehearsal, inventory.server, mailbox, subject)
}

test('tlsa rotate: the next key is published beside the one in use, and not used before nobody can have an older answer', async () => {
  await rehearsal.internet.must(sh`cp /etc/resolv.conf /root/resolv.conf
printf 'nameserver %s\noptions edns0 trust-ad\n' ${rehearsal.addresses.roles.resolver.v4} > /etc/resolv.conf
postconf -e smtp_dns_support_level=dnssec smtp_tls_security_level=dane-only
systemctl restart postfix.service`)
  await byDane()
  assert.match(
    await rehearsal.internet.must(sh`tail -n 50 /var/log/mail.log`),
    /Verified TLS connection established to mx1\.xoyize\.xyz/,
  )
  const first = await servedKey()
  assert.deepEqual(await tlsa(), [first])
  // The set that was there is kept by others for a day.
  await update('xoyize.xyz', [`delete _25._tcp.${mx} TLSA`, `add _25._tcp.${mx} 86400 TLSA 3 1 1 ${first}`])
  const said = await does('tlsa', 'rotate', '--yes')
  assert.match(
    said,
    new RegExp(`^${mx.replaceAll('.', '\\.')}: ${key} is published, and may be used from .*Z; then: provision tlsa rotate`, 'm'),
  )
  assert.equal((await tlsa()).length, 2)
  assert.equal(await servedKey(), first)
  await byDane()
  await well()
  const was = text()
  assert.match(await does('tlsa', 'rotate', '--yes'), /is published, and may be used from/)
  assert.equal(text(), was)
  assert.match(was, new RegExp(`tlsa: \\{ key: default, next: ${key}, (?=.*ttl: 86400).*since: `))
  later(21)
  const until = /may be used from (\S+Z)/.exec(await does('tlsa', 'rotate', '--yes'))?.[1] ?? assert.fail('it does not say when')
  assert.ok(Date.parse(until) > Date.now() + 47 * 3_600_000, until)
  assert.equal(await servedKey(), first)
  edit(operator, (document: Document) => document.deleteIn(['mail', 'tlsa', 'ttl']))
})

const later = (minutes: number) => edit(operator, (document: Document) => document.setIn(['mail', 'tlsa', 'since'], ago(minutes)))

test('tlsa rotate: a next key that is no longer at every name server is not used, but published again', async () => {
  const [first, both] = [await servedKey(), await tlsa()]
  const next = both.find((one) => one !== first)!
  await update('xoyize.xyz', [`delete _25._tcp.${mx} TLSA 3 1 1 ${next}`])
  later(21)
  assert.match(await does('tlsa', 'rotate', '--yes'), /may be used from[\s\S]*published again/)
  assert.deepEqual([await servedKey(), await tlsa()], [first, both])
})

test('tlsa rotate: then the certificate is issued with it, and the old one goes; mail by DANE comes in all the while', async () => {
  const first = await servedKey()
  later(21)
  // The CA has been asked with the next key, and gives nothing; then a run dies while the certificate is issued.
  const { host } = rehearsal
  await host.must(sh`mv /usr/bin/nsupdate /usr/bin/nsupdate.away`)
  const failed = await command(operator, ['tlsa', 'rotate', '--yes'])
  assert.equal(failed.code, 1, told(failed))
  assert.match(failed.stderr, /the CA gave no certificate/)
  assert.equal(await servedKey(), first)
  await byDane()
  await host.must(sh`mv /usr/bin/nsupdate.away /usr/bin/nsupdate`)
  const killed = begin(operator, ['--text', 'tlsa', 'rotate', '--yes'])
  await untilOn(host, 'the renewal', 60_000, sh`[ "$(systemctl is-active provision-certificates.service)" = activating ]`)
  killed.kill('SIGKILL')
  await killed.ended
  assert.match(await does('tlsa', 'rotate', '--yes'), new RegExp(`${key} is used; default stays published until`))
  const second = await servedKey()
  assert.notEqual(second, first)
  assert.deepEqual(await tlsa(), [first, second].toSorted())
  await byDane()
  await well()
  later(21)
  assert.match(await does('tlsa', 'rotate', '--yes'), new RegExp(`${key} is used, and no other one is published`))
  assert.deepEqual(await tlsa(), [second])
  await byDane()
  await well()
  assert.equal((await rehearsal.host.must(sh`ls /var/lib/acme/keys`)).trim(), `${mx}_${key}.pem`)
})

test('tlsa rotate: a renewal keeps the key, and so does a first certificate that has to have it', async () => {
  const key = await servedKey()
  const state = '/var/lib/acme/mx1.xoyize.xyz_ecc'
  for (const lost of [[`${state}/fullchain.cer`], [state, '/var/lib/certificates/mx1.xoyize.xyz']]) {
    await rehearsal.host.must(sh`rm -r ${lost}`)
    const run = await provision(operator, only)
    assert.equal(run.code, 0, told(run))
    await rehearsal.host.must(sh`systemctl start provision-certificates.service`)
    assert.equal(await servedKey(), key)
    await well()
  }
})

test('dkim rotate: at a terminal it asks once, and a no changes nothing', async () => {
  const words = [
    process.execPath,
    bin,
    'dkim',
    'rotate',
    '--domain',
    'xoyize.xyz',
    '--host',
    'xoyize.xyz',
    '--inventory',
    operator.inventory,
  ]
  const was = text()
  for (const [answer, code] of [
    ['n', 1],
    ['y', 0],
  ] as const) {
    const terminal = openTerminal(words, { cwd: operator.home, env: { HOME: operator.home } })
    try {
      await terminal.shows(
        /^\? Write this, make s\d{6} on xoyize\.xyz, publish it for xoyize\.xyz, and use it as soon as it may be\?/m,
      )
      assert.equal(text(), was)
      terminal.press(answer, 'Enter')
      assert.equal(await terminal.ended(60_000), code, await terminal.shows(/./))
    } finally {
      terminal.close()
    }
  }
  assert.match(text(), new RegExp(`dkim: \\{ key: ${selector}, retired: default, since: `))
  await well()
})
