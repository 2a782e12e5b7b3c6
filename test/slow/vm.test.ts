import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { joinOverlay, pinged, startNode } from '../../src/rehearsal/proof/prove-overlay.ts'
import { stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { isSettled, type Operator, operatorOf, provision, ready, stage, told } from '../support/harness.ts'

/** The kernel's own NFS server, which no container has: two virtual machines. Minutes, where the processor is emulated. */
// No guarded step: emulated, on a machine that has other work, its 90 seconds may be too short.
const steps = ['base/configure-apt', 'access/make-the-admin-user', 'firewall/close-what-would-listen-unasked', 'nebula', 'nfs']
const only = ['--yes', '--only', steps.join(',')]

let rehearsal: Rehearsal
let host: Machine
let client: Machine
let operator: Operator
let inventory: Inventory

before(async () => {
  rehearsal = await stage('e2e-vm')
  host = await rehearsal.addHost('node', ready(), true)
  operator = { ...(await operatorOf(rehearsal, host)), limit: 1_800_000 }
  inventory = await loadInventory(operator.inventory, 'xoyize.xyz')
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

const address = '10.19.55.5'
const share = `${address}:/sharenfs/xoyize`

test('NFS: the kernel of a virtual machine serves version 4 alone, on the overlay’s address alone', async () => {
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  assert.deepEqual(
    run.events.filter(({ event }) => event === 'note').map(({ why }) => why),
    [],
  )
  assert.match(await host.must(sh`cat /proc/fs/nfsd/versions`), /^(?:-2 )?-3 \+4 /)
  assert.equal((await host.must(sh`ss -Hltn 'sport = :2049' | awk '{ print $4 }'`)).trim(), `${address}:2049`)
  assert.equal((await host.must(sh`ss -Hlntu 'sport = :111'`)).trim(), '')
  assert.doesNotMatch(await host.must(sh`ss -Hlntup`), /mountd|statd/)
  const second = await provision(operator, only)
  assert.ok(isSettled(second), told(second))
})

test('NFS: another node mounts it through the overlay, and its root is nobody', async () => {
  client = await rehearsal.addHost('client', [...bare, { name: 'NFS client', packages: ['nfs-common'] }], true)
  // The program, as a peer’s owner would bring it: from a machine that has it.
  await joinOverlay({ directory: operator.home, host, internet: rehearsal.internet }, inventory.server)
  await rehearsal.internet.must(sh`systemctl stop nebula-peer.service
printf '[Socket]\nListenStream=8999\nAccept=yes\n' > /run/systemd/system/program.socket
printf '[Service]\nExecStart=cat /usr/local/bin/nebula\nStandardInput=socket\n' > /run/systemd/system/program@.service
systemctl daemon-reload
systemctl start program.socket`)
  await client.must(sh`bash -c 'cat < /dev/tcp/$1/8999 > /usr/local/bin/nebula' bash ${rehearsal.addresses.roles.dns.v4}
test -s /usr/local/bin/nebula`)
  await client.must(startNode(operator.home, host, inventory.server))
  await pinged(client, address)
  await client.must(sh`mkdir -p /mnt/share
mount -t nfs4 -o soft,timeo=100 ${share} /mnt/share`)
  assert.match(
    await client.must(sh`grep ' /mnt/share ' /proc/mounts`),
    /^10\.19\.55\.5:\/sharenfs\/xoyize \/mnt\/share nfs4 .*vers=4/,
  )
  // The folder is the admin’s, 1000 on both sides: that user writes, and root of the other side does not.
  assert.notEqual((await client.run(sh`echo root > /mnt/share/root`)).code, 0)
  await client.must(sh`useradd -u 1000 somebody
runuser -u somebody -- sh -c 'echo hello > /mnt/share/a'`)
  assert.equal(await host.must(sh`cat /sharenfs/xoyize/a; stat -c %U /sharenfs/xoyize/a`), 'hello\nxouser\n')
})

test('NFS: it is not there for who comes without the overlay, and version 3 is not spoken', async () => {
  for (const at of [host.address, address])
    assert.notEqual(
      (await client.run(sh`timeout 30 mount -t nfs -o soft,timeo=50,retry=0,vers=3 ${`${at}:/sharenfs/xoyize`} /mnt`)).code,
      0,
    )
  assert.notEqual((await client.run(sh`timeout 30 bash -c 'exec 3<>"/dev/tcp/$1/2049"' bash ${host.address}`)).code, 0)
})

test('after a reboot into the same kernel every service is there, the mount goes on, and nothing is to do', async () => {
  await host.reboot()
  await pinged(client, address)
  assert.equal(await client.must(sh`cat /mnt/share/a`), 'hello\n')
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
})

test('NFS: an export that nobody declared goes, and clients of the others notice nothing', async () => {
  await host.must(sh`exportfs -o rw '*:/etc'`)
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  assert.deepEqual(
    run.events.filter(({ event }) => event === 'change').map(({ id }) => id),
    ['nfs-server:exports', 'nfs-server:exports'],
  )
  assert.equal((await host.must(sh`exportfs -s`)).trim().split('\n').length, 1)
  assert.equal(await client.must(sh`cat /mnt/share/a`), 'hello\n')
})
