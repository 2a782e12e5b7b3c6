import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import { peerDomain, peerMx } from '../../src/rehearsal/internet/service.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { newSubject, reachedPeer, submit } from '../../src/rehearsal/proof/mail.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { root } from '../../src/util/text.ts'
import { isSettled, type Operator, operatorOf, ours, provision, ready, told, untilOn } from '../support/harness.ts'

/** A resolver that validates, and with it outbound DANE: what mail needs, without the web. */
const only = ['--yes', '--only', 'base/configure-apt,base/install-the-tools,access,unbound,certificates,maddy']

let rehearsal: Rehearsal
let operator: Operator
let inventory: Inventory

before(async () => {
  const reference = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  const { mail } = reference.server
  const name = await ours('e2e-resolver')
  rehearsal = await startRehearsal({ name, mxname: mail.hostname, zones: zonesOf(reference.server), image: null, trusted: true })
  const host = await rehearsal.addHost('host', ready())
  operator = await operatorOf(rehearsal, host, { change: (document) => document.setIn(['dns', 'resolver'], '127.0.0.1') })
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  inventory = await loadInventory(operator.inventory, reference.name)
  await inventory.store.open()
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

const sender = () => ({ address: 'xoyi@xoyize.xyz', password: inventory.store.value('mail/xoyi@xoyize.xyz')! })
const resolvConf = '# Written by provision.\nnameserver 127.0.0.1\noptions edns0 trust-ad\n'

/** Changes a zone of the small internet. */
async function update(zone: string, changes: readonly string[]): Promise<void> {
  const { name, algorithm, secret } = rehearsal.tsig
  const lines = [
    `server ${rehearsal.addresses.roles.dns.v4}`,
    `zone ${zone}`,
    ...changes.map((change) => `update ${change}`),
    'send',
  ]
  await rehearsal.internet.must(sh`printf '%s\n' ${lines} | nsupdate -y ${`${algorithm}:${name}:${secret}`}`)
}

/** Publishes the peer's TLSA record: the digest of its own key, or another one. What was known before is forgotten. */
async function publish(digest: string): Promise<void> {
  const record = `_25._tcp.${peerMx}`
  await update(peerDomain, [`delete ${record} TLSA`, `add ${record} 60 TLSA 3 1 1 ${digest}`])
  await rehearsal.host.must(sh`unbound-control -q flush_zone ${peerDomain}
systemctl restart maddy.service`)
}

test('resolver: unbound answers on 127.0.0.1 alone, and says what it has validated', async () => {
  const { host } = rehearsal
  assert.equal(await host.must(sh`cat /etc/resolv.conf`), resolvConf)
  assert.match(await host.must(sh`dig ${peerDomain} SOA`), /;; flags: [a-z ]*\bad\b[\s\S]*SERVER: 127\.0\.0\.1#53/)
  assert.deepEqual(
    [...new Set((await host.must(sh`ss -Hlntu 'sport = :53' | awk '{ print $5 }'`)).trim().split('\n'))],
    ['127.0.0.1:53'],
  )
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
})

/** The digest of the key that the peer has. */
const ownDigest = async (): Promise<string> =>
  (
    await rehearsal.internet.must(
      sh`openssl x509 -in /etc/rehearsal/peer.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -c1-64`,
    )
  ).trim()

/** Waits until a mail was tried and is kept for later, for this reason. */
async function deferred(subject: string, reason: string): Promise<void> {
  await untilOn(
    rehearsal.host,
    'the first try',
    60_000,
    sh`journalctl -u maddy.service -o cat | grep 'delivery attempt failed' | grep -qF ${reason}`,
  )
  await rehearsal.host.must(sh`grep -qF ${`Subject: ${subject}`} /var/lib/maddy/remote_queue/*.header`)
}

/** The next try is a quarter of an hour off: what waits is told that its last one was long ago. */
const tryAgain = () =>
  rehearsal.host.must(sh`systemctl stop maddy.service
sed -i 's/"LastAttempt":"[^"]*"/"LastAttempt":"2020-01-01T00:00:00Z"/' /var/lib/maddy/remote_queue/*.meta
systemctl start maddy.service`)

test('DANE: mail reaches a server whose TLSA record is that of its key', async () => {
  await publish(await ownDigest())
  await reachedPeer(rehearsal, await submit(rehearsal, inventory.server, sender(), { to: `friend@${peerDomain}` }))
})

test('DANE: mail does not reach a server whose TLSA record is another one, and does once it is right', async () => {
  await publish('00'.repeat(32))
  const subject = newSubject('to be delivered later')
  await submit(rehearsal, inventory.server, sender(), { to: `friend@${peerDomain}`, subject })
  await deferred(subject, 'No matching TLSA records')
  assert.equal((await rehearsal.internet.run(sh`grep -rqF ${`Subject: ${subject}`} /var/mail/peer`)).code, 1)
  await publish(await ownDigest())
  await tryAgain()
  await reachedPeer(rehearsal, subject)
})

test('a server whose port is closed gets its mail once it answers', async () => {
  const { internet } = rehearsal
  await internet.must(sh`systemctl stop postfix@-.service postfix.service`)
  const subject = newSubject('to a closed port')
  await submit(rehearsal, inventory.server, sender(), { to: `friend@${peerDomain}`, subject })
  await deferred(subject, 'connection refused')
  await internet.must(sh`systemctl start postfix@-.service`)
  await tryAgain()
  await reachedPeer(rehearsal, subject)
})

test('resolver: an answer that nobody vouches for is none', async () => {
  const { host } = rehearsal
  assert.match(await host.must(sh`dig cinay.eu A`), /status: NOERROR/)
  // From now on the root names a key for it that it does not have.
  await update('.', ['delete cinay.eu DS', `add cinay.eu 60 DS 12345 13 2 ${'00'.repeat(32)}`])
  await host.must(sh`unbound-control -q flush_zone cinay.eu`)
  assert.match(await host.must(sh`dig cinay.eu A`), /status: SERVFAIL/)
  assert.match(await host.must(sh`dig +cd cinay.eu SOA`), /status: NOERROR/)
})

test('resolver: DHCP does not change it, and it is still the one after a reboot', async () => {
  const { host } = rehearsal
  await host.must(sh`export DEBIAN_FRONTEND=noninteractive
apt-get -qy install --no-install-recommends isc-dhcp-client </dev/null
ip link add lease0 type veth peer name lease1
lease() { env interface=lease0 reason=BOUND new_ip_address=192.0.2.77 new_subnet_mask=255.255.255.0 new_domain_name_servers=192.0.2.1 /sbin/dhclient-script; }
mv /etc/dhcp/dhclient-enter-hooks.d/provision /root/hook
lease
mv /etc/resolv.conf /root/of-dhcp
mv /root/hook /etc/dhcp/dhclient-enter-hooks.d/provision
printf '# Written by provision.\nnameserver 127.0.0.1\noptions edns0 trust-ad\n' > /etc/resolv.conf
lease
ip link del lease0`)
  // Without our hook it would have been.
  assert.match(await host.must(sh`cat /root/of-dhcp`), /nameserver 192\.0\.2\.1/)
  assert.equal(await host.must(sh`cat /etc/resolv.conf`), resolvConf)
  await host.reboot()
  assert.equal(await host.must(sh`cat /etc/resolv.conf`), resolvConf)
  assert.match(await host.must(sh`dig ${peerDomain} SOA`), /;; flags: [a-z ]*\bad\b/)
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
})
