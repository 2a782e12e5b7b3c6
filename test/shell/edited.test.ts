import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { correct, edited, lookAtStep } from '../../src/engine/converge.ts'
import type { Drift } from '../../src/engine/drift.ts'
import { step } from '../../src/engine/step.ts'
import { file } from '../../src/kinds/files/file.ts'
import { converge, localShell } from '../support/local-shell.ts'

const root = mkdtempSync(join(tmpdir(), 'provision-edited-')) as `/${string}`
after(() => rmSync(root, { recursive: true, force: true }))
const shell = localShell(join(root, 'state'))
const me = userInfo().username
const path = `${root}/a` as const
const says = (content: string) => step('Write a', [file({ path, content, owner: me, group: me })])
const edits = async (content: string) => (await lookAtStep(shell, says(content))).drift.map(edited)

test('edited: a change of the inventory is ours', async () => {
  await converge(shell, says('one'))
  assert.deepEqual(await edits('two'), [undefined])
})

test('edited: what a person wrote over ours is told with its day, and left when it is to be left', async () => {
  await converge(shell, says('one'))
  writeFileSync(path, 'theirs')
  const today = new Date().toISOString().slice(0, 10)
  assert.deepEqual(await edits('one'), [`edited on the host on ${today}`])
  const seen = await lookAtStep(shell, says('one'))
  assert.match(seen.drift[0]!.changes[0]!.from, /^edited on the host on \d{4}-\d\d-\d\d$/)
  const leave = (drift: Drift) => edited(drift) !== undefined
  assert.deepEqual((await correct(shell, seen, { leave })).changed, [])
  assert.equal(readFileSync(path, 'utf8'), 'theirs')
})

test('edited: overwritten, a copy is kept, and it is ours again', async () => {
  await converge(shell, says('one'))
  writeFileSync(path, 'theirs')
  await converge(shell, says('two'))
  assert.equal(readFileSync(join(root, 'state', 'kept', path), 'utf8'), 'theirs')
  assert.deepEqual(await edits('three'), [undefined])
})

test('edited: a run that died around its rename makes nobody an editor', async () => {
  await converge(shell, says('one'))
  const stamp = join(root, 'state', 'written', path)
  const before = readFileSync(stamp, 'utf8')
  await converge(shell, says('two'))
  const both = readFileSync(stamp, 'utf8') + before
  // It died before the rename, and after it: in both cases the stamp held the two digests.
  for (const content of ['one', 'two']) {
    writeFileSync(stamp, both)
    writeFileSync(path, content)
    assert.deepEqual(await edits('three'), [undefined], content)
  }
})

test('edited: where we have written nothing, nobody has edited', async () => {
  rmSync(join(root, 'state'), { recursive: true })
  writeFileSync(path, 'as delivered')
  assert.deepEqual(await edits('one'), [undefined])
  await converge(shell, says('one'))
  assert.deepEqual(readdirSync(root).toSorted(), ['a', 'state'])
})
