import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { sh } from '../../src/sh.ts'
import { edit, type Operator, operatorOf, playbooksOf, provision, ready, stage, told } from '../support/harness.ts'
import { openTerminal } from '../support/terminal.ts'

const only = ['--only', 'access,firewall']
const names = ['alpha', 'beta', 'gamma'] as const
const bin = fileURLToPath(new URL('../../src/bin.js', import.meta.url))
let rehearsal: Rehearsal
let hosts: readonly Machine[]
let operator: Operator

/** One operator with one folder of inventories, a file for each host. */
before(async () => {
  rehearsal = await stage('e2e-fleet')
  hosts = await Promise.all(names.map((name) => rehearsal.addHost(name, ready())))
  const [first, ...rest] = hosts
  operator = await operatorOf(rehearsal, first!, { as: 'fleet' })
  for (const host of rest) {
    const other = await operatorOf(rehearsal, host)
    copyFileSync(join(other.inventory, 'xoyize.xyz.yml'), join(operator.inventory, `${host.name}.yml`))
    appendFileSync(join(operator.inventory, 'known_hosts'), readFileSync(join(other.inventory, 'known_hosts')))
  }
  // Each has its own host name, or a name would mean two files.
  for (const host of hosts) {
    edit(operator, (document) => {
      document.set('hostname', `${host.name}.example`)
      document.set('address', host.address)
      document.set('address6', host.address6)
    })
    copyFileSync(join(operator.inventory, 'xoyize.xyz.yml'), join(operator.inventory, `${host.name}.yml`))
  }
  rmSync(join(operator.inventory, 'xoyize.xyz.yml'))
})

after(() => rehearsal?.stop())

test('several hosts: one name that means none, and none is talked to', async () => {
  const run = await provision(operator, ['--host', 'alpha,delta', '--yes', ...only])
  assert.equal(run.code, 1, told(run))
  assert.match(run.error, /^delta: no inventory in /)
  const alone = await provision(operator, ['--all', '--check', '--address', '192.0.2.1'])
  assert.equal(alone.error, '--address: is of one host, and several are named')
})

test('several hosts, on a terminal: what the answer begins logs in with the password that the look logged in with', async () => {
  playbooksOf(operator, 'oneFile')
  const words = [process.execPath, bin, '--host', 'alpha,beta', '--inventory', operator.inventory]
  const env = { HOME: operator.home, PROVISION_ROOT_PASSWORD: hosts[0]!.rootPassword }
  const terminal = openTerminal(words, { cwd: operator.home, env })
  try {
    await terminal.shows(/Correct these 2 hosts\?/)
    terminal.answer('y')
    const code = await terminal.ended(60_000)
    const screen = await terminal.shows(/2 hosts: 2 corrected/)
    assert.equal(code, 0, screen)
  } finally {
    terminal.close()
    playbooksOf(operator)
  }
  for (const host of hosts.slice(0, 2)) assert.equal(await host.must(sh`cat /etc/one; rm /etc/one`), 'one\n')
})

test('several hosts: all are corrected at once, a line each; a second run has nothing to do', async () => {
  const first = await provision(operator, ['--host', 'alpha,beta.example', '--yes', '--text', ...only])
  assert.equal(first.code, 0, told(first))
  for (const name of ['alpha', 'beta ']) assert.match(first.stdout, new RegExp(`^✓ ${name} {2}done: \\d+ corrected \\(`, 'm'))
  assert.match(first.stdout, /^2 hosts: 2 corrected \(/m)
  const second = await provision(operator, ['--host', 'alpha,beta', '--yes', ...only])
  assert.equal(second.code, 0, told(second))
  const ends = second.events.filter(({ event, host }) => event === 'end' && host !== undefined)
  assert.deepEqual(ends.map(({ host, changed, execs }) => [host, changed, execs]).toSorted(), [
    ['alpha', 0, 1],
    ['beta', 0, 1],
  ])
})

test('several hosts: one that is off stops no other, and what differs is said of its own host', async () => {
  const [alpha, , gamma] = hosts
  await gamma!.stop()
  await alpha!.must(sh`echo '# by hand' >> /etc/sudoers.d/xouser`)
  const look = await provision(operator, ['--all', '--check', '--text', ...only])
  assert.equal(look.code, 1, told(look))
  assert.match(look.stdout, /^≠ alpha {2}the host differs \(/m)
  assert.match(look.stdout, /^ +file:\/etc\/sudoers\.d\/xouser content /m)
  assert.match(look.stdout, /^✓ beta {3}nothing to do \(/m)
  assert.match(look.stdout, /^✗ gamma {2}\S+: cannot log in:/m)
  assert.match(look.stdout, /^3 hosts: 1 as declared, 1 different, 1 failed \(/m)
  const differs = await provision(operator, ['--host', 'alpha,beta', '--check', ...only])
  assert.equal(differs.code, 2, told(differs))
})
