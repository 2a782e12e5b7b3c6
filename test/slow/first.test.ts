import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Document } from 'yaml'
import { loadInventory, webNames } from '../../src/inventory/inventory.ts'
import { emptyZonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { requestFromHost, requestsOf } from '../../src/rehearsal/proof/web.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { root } from '../../src/util/text.ts'
import { isSettled, type Operator, operatorOf, ours, provision, told } from '../support/harness.ts'

// A first install of the reference server, whose zones are published by the same run: they hold nothing when it begins.
let rehearsal: Rehearsal
let operator: Operator

before(async () => {
  const { server } = await loadInventory(join(root.pathname, 'inventory'), 'xoyize.xyz')
  const name = process.env.PROVISION_TEST_KEEP || (await ours('e2e-first'))
  rehearsal = await startRehearsal({ name, mxname: server.mail.hostname, zones: emptyZonesOf(server) })
  const change = (document: Document) => document.setIn(['dns', 'in_plan'], true)
  operator = { ...(await operatorOf(rehearsal, rehearsal.host, { change })), limit: 900_000 }
})

after(() => (process.env.PROVISION_TEST_KEEP ? undefined : stopRehearsal(rehearsal?.name ?? '')))

test('a first install with --publish: the addresses come before the web server, and every site answers when it says done', async () => {
  const run = await provision(operator, ['--yes', '--publish'])
  assert.equal(run.code, 0, told(run))
  // At once: nothing is waited for here.
  const { server } = await loadInventory(operator.inventory, 'xoyize.xyz')
  const names = webNames(server)
  const answers = await Promise.all(
    names.map(async (name) => [name, (await requestFromHost(rehearsal, { url: `${name}/` })).status] as const),
  )
  assert.deepEqual(
    answers.filter(([, status]) => status === 0),
    [],
    told(run),
  )
  const { obtained, failed } = await requestsOf(rehearsal.host)
  assert.deepEqual(failed, [])
  assert.deepEqual([...obtained].toSorted(), [...names].toSorted())
  assert.match(run.stderr, new RegExp(`^${names.length} of ${names.length} sites answer over HTTPS$`, 'm'))
})

test('and the second run has nothing to do, in one exec', async () => {
  const run = await provision(operator, ['--yes', '--publish'])
  assert.ok(isSettled(run), told(run))
})
