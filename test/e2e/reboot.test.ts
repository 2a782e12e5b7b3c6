import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { isSettled, type Operator, operatorOf, provision, ready, stage, told } from '../support/harness.ts'

const only = ['--yes', '--only', 'access,firewall']

let rehearsal: Rehearsal
let host: Machine
let operator: Operator

before(async () => {
  rehearsal = await stage('e2e-reboot')
  host = await rehearsal.addHost('node', ready())
  operator = await operatorOf(rehearsal, host)
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
})

after(() => rehearsal && stopRehearsal(rehearsal.name))

const boot = () => host.must(sh`cat /proc/sys/kernel/random/boot_id`)
const needed = () =>
  host.must(sh`echo libc6 > /run/reboot-required.pkgs
touch /run/reboot-required`)

test('a reboot that is needed is told, and does not happen unless the run may', async () => {
  await needed()
  const before = await boot()
  const run = await provision(operator, only)
  assert.ok(isSettled(run), told(run))
  assert.deepEqual(
    run.events.filter(({ id }) => id === 'reboot:host').map(({ why }) => why),
    ['a reboot is needed by libc6: --reboot allows it'],
  )
  assert.equal(await boot(), before)
})

test('with --reboot the host is rebooted once, which its boot id proves, and the run goes on', async () => {
  const before = await boot()
  await host.must(sh`ufw delete allow 465/tcp`)
  const run = await provision(operator, [...only, '--reboot'])
  assert.equal(run.code, 0, told(run))
  const ended = run.events.filter(({ event, state }) => event === 'step' && state === 'done').map(({ id }) => id)
  assert.ok(ended.indexOf('access/reboot-when-an-upgrade-needs-it') >= 0, told(run))
  assert.ok(
    ended.indexOf('firewall/let-in-what-is-declared') > ended.indexOf('access/reboot-when-an-upgrade-needs-it'),
    told(run),
  )
  assert.notEqual(await boot(), before)
  assert.match(await host.must(sh`ufw status`), /^465\/tcp +ALLOW/m)
  const after = await boot()
  const again = await provision(operator, [...only, '--reboot'])
  assert.ok(isSettled(again), told(again))
  assert.equal(await boot(), after)
})
