import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import { overlaySecrets } from '../../src/rehearsal/network/overlay-network.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { joinOverlay, overlayPorts, pinged } from '../../src/rehearsal/proof/prove-overlay.ts'
import { stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { edit, isSettled, type Operator, operatorOf, provision, ready, stage, told } from '../support/harness.ts'

/** Nebula and NFS with what they need: packages, the admin, for the guarded steps, and the firewall. */
const only = ['--yes', '--only', 'base/configure-apt,access,firewall,nebula,nfs']

let rehearsal: Rehearsal
let host: Machine
let operator: Operator
let inventory: Inventory

before(async () => {
  rehearsal = await stage('e2e-overlay')
  host = await rehearsal.addHost('node', ready())
  operator = await operatorOf(rehearsal, host)
  inventory = await loadInventory(operator.inventory, 'xoyize.xyz')
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

const overlay = () => ({ directory: operator.home, host, internet: rehearsal.internet })
const address = '10.19.55.5'

test('nebula: what does not belong together is refused before the first change', async () => {
  edit(operator, (document) => document.setIn(['nebula', 'address'], '10.19.55.6/24'))
  const run = await provision(operator, only)
  assert.equal(run.code, 1, told(run))
  assert.match(run.error, /^nebula\/certificate: is for 10\.19\.55\.5\/24, and nebula\.address is 10\.19\.55\.6\/24$/)
  assert.equal((await host.run(sh`test -e /etc/nebula -o -e /etc/sudoers.d/xouser`)).code, 1)
  edit(operator, (document) => document.setIn(['nebula', 'address'], '10.19.55.5/24'))
})

test('nebula: a peer with a certificate of the same CA reaches the host, and of it what both firewalls let in', async () => {
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  await joinOverlay(overlay(), inventory.server)
  await pinged(rehearsal.internet, address)
  assert.match(await overlayPorts(overlay(), inventory.server), /^55148, not 7777$/)
  const again = await provision(operator, only)
  assert.ok(isSettled(again), told(again))
  // No NFS server in a container: said at every run, and everything else of it is there.
  assert.ok(
    again.events.some(({ event, id, why }) => event === 'note' && id === 'nfs-server:exports' && /^not here: /.test(why!)),
  )
  assert.equal(await host.must(sh`systemctl is-enabled nfs-server.service || :`), 'disabled\n')
  assert.equal(
    (await host.must(sh`systemctl is-enabled rpcbind.socket rpcbind.service rpc-statd.service || :`)).trim(),
    'masked\nmasked\nmasked',
  )
  assert.match(
    await host.must(sh`cat /etc/exports`),
    /^\/sharenfs\/xoyize 10\.19\.55\.0\/24\(rw,sync,root_squash,no_subtree_check,sec=sys\)$/m,
  )
  assert.equal(await host.must(sh`stat -c '%U %a' /sharenfs/xoyize; systemctl --failed --no-legend`), 'xouser 755\n')
})

test('nebula: the daemon is nobody, its key is its own, and the CA’s key is not there', async () => {
  assert.equal(await host.must(sh`stat -c '%a %U' /etc/nebula/host.key`), '600 nebula\n')
  assert.equal(await host.must(sh`ps -o user= -C nebula`), 'nebula\n')
  assert.match(await host.must(sh`cat /etc/nebula/*`), /NEBULA X25519 PRIVATE KEY/)
  assert.doesNotMatch(await host.must(sh`cat /etc/nebula/*`), /ED25519 PRIVATE KEY/)
  assert.equal((await host.run(sh`runuser -u xouser -- cat /etc/nebula/host.key`)).code, 1)
})

test('nebula: who has a certificate of another CA stays outside', async () => {
  const stranger = { ...overlay(), directory: rehearsal.directory }
  await joinOverlay(stranger, inventory.server)
  assert.notEqual((await rehearsal.internet.run(sh`ping -c 2 -W 3 ${address}`)).code, 0)
  await joinOverlay(overlay(), inventory.server)
  await pinged(rehearsal.internet, address)
})

test('nebula: after a reboot the overlay is there, and nothing is to do', async () => {
  await host.reboot()
  await pinged(rehearsal.internet, address)
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
})

test('nebula: a hand edit of its configuration is seen, and a renewed certificate is taken up', async () => {
  await host.must(sh`sed -i 's/nebula1/nebula7/' /etc/nebula/config.yml; systemctl restart nebula.service`)
  const before = await host.must(sh`cat /etc/nebula/host.crt`)
  const { store, server } = await loadInventory(operator.inventory, 'xoyize.xyz')
  await store.update((values) => new Map([...values, ...overlaySecrets(operator.home, server)]))
  const run = await provision(operator, [...only, '--overwrite'])
  assert.equal(run.code, 0, told(run))
  assert.notEqual(await host.must(sh`cat /etc/nebula/host.crt`), before)
  assert.match(await host.must(sh`ip -br addr show nebula1`), /10\.19\.55\.5\/24/)
  await pinged(rehearsal.internet, address)
})
