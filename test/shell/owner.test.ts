import assert from 'node:assert/strict'
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { step } from '../../src/engine/step.ts'
import { owner } from '../../src/kinds/files/owner.ts'
import { sh } from '../../src/sh.ts'
import { converge, localShell } from '../support/local-shell.ts'

const dir = mkdtempSync(join(tmpdir(), 'owner-')) as `/${string}`
after(() => rmSync(dir, { recursive: true }))
const shell = localShell(join(dir, 'state'))
const me = userInfo()
const group = (await shell.run(sh`id -gn`)).stdout.trim()
const wanted = {
  ...({ path: `${dir}/mail`, large: `${dir}/mail/messages`, listed: `${dir}/listed` } as const),
  ...{ owner: me.username, group },
}
const changes = async () => (await converge(shell, step('Give', [owner(wanted)]))).flatMap(({ changes: all }) => all)
const at = (path: string) => join(dir, 'mail', path)

beforeEach(() => {
  for (const name of ['mail', 'listed', 'elsewhere']) rmSync(join(dir, name), { recursive: true, force: true })
  mkdirSync(at('messages'), { recursive: true, mode: 0o750 })
  chmodSync(at('messages'), 0o750)
  for (const name of ['a.db', 'messages/1', 'messages/2']) writeFileSync(at(name), name, { mode: 0o640 })
})

test('owner: what is as it should be is no difference, and what is not there neither', async () => {
  assert.deepEqual(await changes(), [])
  rmSync(join(dir, 'mail'), { recursive: true })
  assert.deepEqual(await changes(), [])
})

test('owner: what all may read, or its owner may not, is corrected, in the folder of messages as elsewhere; a link is left alone', async () => {
  writeFileSync(join(dir, 'elsewhere'), '', { mode: 0o644 })
  symlinkSync(join(dir, 'elsewhere'), at('link'))
  symlinkSync(join(dir, 'elsewhere'), at('messages/link'))
  assert.deepEqual(await changes(), [])
  chmodSync(at('messages/2'), 0o644)
  const found = await changes()
  assert.deepEqual(found, [
    { field: 'below it', from: `${me.username}:${group} 644 ${at('messages/2')}`, to: `${me.username}:${group}` },
  ])
  chmodSync(at('a.db'), 0o440)
  assert.equal((await changes()).length, 1)
  for (const name of ['a.db', 'messages/2']) assert.equal(statSync(at(name)).mode & 0o777, 0o640)
  assert.equal(statSync(join(dir, 'elsewhere')).mode & 0o777, 0o644)
})

test('owner: one message of many is corrected when the watch has named it; a name outside is no order', async () => {
  for (let i = 0; i < 1500; i++) writeFileSync(at(`messages/x${i}`), '', { mode: 0o640 })
  writeFileSync(join(dir, 'elsewhere'), '', { mode: 0o644 })
  chmodSync(at('messages/2'), 0o644)
  writeFileSync(wanted.listed, `${join(dir, 'elsewhere')}\n${at('messages/2')}\n${at('messages/gone')}\n`)
  assert.equal((await changes()).length, 1)
  assert.equal(statSync(at('messages/2')).mode & 0o777, 0o640)
  assert.equal(statSync(join(dir, 'elsewhere')).mode & 0o777, 0o644)
})

test('owner: root’s files become its own, links stay whose they are', { skip: me.uid !== 0 }, async () => {
  const other = { ...wanted, owner: 'nobody', group: 'nogroup' }
  symlinkSync('/etc/hostname', at('link'))
  chownSync(at('messages'), 65534, 65534)
  const run = () => converge(shell, step('Give', [owner(other)]))
  assert.match((await run())[0]!.changes[0]!.from, /^root:root 640 .* and \d more$/)
  for (const name of ['a.db', 'messages/1']) assert.equal(statSync(at(name)).uid, 65534)
  assert.equal(lstatSync(at('link')).uid, 0)
  assert.deepEqual(await run(), [])
})
