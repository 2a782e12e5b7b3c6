import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { arm, finish } from '../../src/engine/arm.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { stage, untilOn } from '../support/harness.ts'

/**
 * The undo on a machine that is reset: what no sync has brought to the disk is lost, and a rename may be there without what was renamed.
 * Only a virtual machine has a page cache of its own.
 */
const id = '0123456789abcdef'
const undo = '/var/lib/provision/undo'

let rehearsal: Rehearsal
let host: Machine

before(async () => {
  rehearsal = await stage('e2e-vm-undo')
  host = await rehearsal.addHost('undo', bare, true)
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

/** What is at the saved paths: names, modes, and digests. */
const seen = (): Promise<string> =>
  host.must(sh`cd /etc/guarded && find . -printf '%y %m %p -> %l\n' | sort && find . -type f -exec sha256sum -- {} + | sort -k 2`)

/** Nothing is armed, and a folder is as it was: five files, a link, and one of a megabyte, all on the disk. */
const given: Sh = sh`rm -rf /etc/guarded ${undo}
mkdir -p /etc/guarded/more
for n in $(seq 5); do echo "old $n" >"/etc/guarded/more/$n"; done
head -c 1000000 /dev/urandom >/etc/guarded/large
ln -s large /etc/guarded/link
chmod 600 /etc/guarded/large
sync`

/** What a correction makes of it. */
const corrected: Sh = sh`for n in $(seq 5); do echo "new $n" >"/etc/guarded/more/.$n" && mv "/etc/guarded/more/.$n" "/etc/guarded/more/$n"; done
: >/etc/guarded/large
chmod 644 /etc/guarded/large
rm /etc/guarded/link
mkdir /etc/guarded/link`

/** In this boot, undo.sh waits for ever at the line that begins so. */
const waitingAt = (line: string): Sh =>
  sh`boot=$(cat /proc/sys/kernel/random/boot_id)
awk -v boot="$boot" -v at=${line} 'index($0, at) == 1 && !done { print "if grep -q " boot " /proc/sys/kernel/random/boot_id; then : >/run/there; sleep infinity; fi"; done = 1 }
{ print } END { exit !done }' ${undo}/undo.sh >/root/undo.sh
cp /root/undo.sh ${undo}/undo.sh
sync`

const armed: Sh = sh`session=
${arm({ save: ['/etc/guarded'], undo: sh`:`, login: 'current port' }, 'test/it', id)}
systemctl stop provision-undo.timer`

/** Pulls the plug, and boots it again: its boot has ended what was armed, and the next run removes what is left of the units. */
const reset = async (): Promise<void> => {
  await host.kill()
  await host.start()
  await untilOn(host, 'the undo of the next boot', 600_000, sh`[ ! -e ${undo} ]`)
  await host.must(finish)
  assert.equal(await host.must(sh`ls /etc/systemd/system | grep provision-undo || :`), '')
}

for (const [name, at] of [
  ['before anything was put back', '  (each_saved place)'],
  ['when all was put back, before it was brought to the disk', '  to_disk || fail '],
  ['while it removes itself', '  mv -T -- "$undo" "$undo.done"'],
] as const)
  test(`undo: reset ${name}, the next boot ends it, and all is as it was`, async () => {
    await host.must(given)
    const was = await seen()
    await host.must(sh`${armed}
${corrected}
sync
${waitingAt(at)}
systemd-run -q --no-block sh ${undo}/undo.sh`)
    await untilOn(host, 'the undo there', 600_000, sh`[ -e /run/there ]`)
    await reset()
    assert.equal(await seen(), was)
  })

test('undo: reset when a correction was armed and nothing but the copies is on the disk, all is as it was', async () => {
  await host.must(given)
  const was = await seen()
  await host.must(sh`${armed}
${corrected}`)
  await reset()
  assert.equal(await seen(), was)
})

test('undo: what is confirmed is on the disk before the copies are removed: reset at once, it stays', async () => {
  await host.must(given)
  await host.must(sh`${armed}
${corrected}`)
  const now = await seen()
  await host.must(sh`sh ${undo}/undo.sh confirm`)
  await reset()
  assert.equal(await seen(), now)
})
