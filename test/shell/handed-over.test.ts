import assert from 'node:assert/strict'
import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { step } from '../../src/engine/step.ts'
import { handedOver } from '../../src/kinds/files/handed-over.ts'
import { converge, localShell } from '../support/local-shell.ts'

const dir = mkdtempSync(join(tmpdir(), 'handed-over-')) as `/${string}`
after(() => rmSync(dir, { recursive: true }))
const shell = localShell(join(dir, 'state'))
const [path, witness] = [`${dir}/site`, `${dir}/witness`] as const
const made = (output: (line: string) => void = () => undefined) =>
  converge(shell, step('Hand over', [handedOver({ path, to: 'daemon', witness })]), { output })
const owner = (name: string) => lstatSync(join(path, name)).uid

// Who is not root cannot give anything away.
const options = { skip: userInfo().uid === 0 ? false : 'needs root' }

test('handed-over: without a former owner there is nothing to do', options, async () => {
  mkdirSync(path)
  assert.deepEqual(await made(), [])
  mkdirSync(witness)
  assert.deepEqual(await made(), [])
})

test(
  'handed-over: what the former user owned goes to the one of now, links as themselves, and nothing else does',
  options,
  async () => {
    const { execFileSync } = await import('node:child_process')
    mkdirSync(join(path, 'a/b'), { recursive: true })
    for (const name of ['a/b/file', 'a/twice', "a/it's", 'of root']) writeFileSync(join(path, name), '')
    writeFileSync(join(dir, 'outside'), '')
    linkSync(join(path, 'a/twice'), join(dir, 'elsewhere'))
    symlinkSync(join(dir, 'outside'), join(path, 'a/link'))
    execFileSync('chown', ['-hR', 'nobody', join(path, 'a'), witness])
    const said: string[] = []
    assert.deepEqual(
      (await made((line) => said.push(line))).flatMap(({ changes }) => changes),
      [{ field: 'owner', from: 'nobody', to: 'daemon' }],
    )
    for (const name of ['a', 'a/b', 'a/b/file', "a/it's", 'a/link']) assert.equal(owner(name), 1, name)
    assert.equal(owner('a/twice'), 65534)
    assert.ok(
      said.some((line) => line.endsWith(`several names: ${path}/a/twice`)),
      said.join(),
    )
    assert.equal(owner('of root'), 0)
    assert.equal(lstatSync(join(dir, 'outside')).uid, 0)
    assert.deepEqual(await made(), [])
  },
)

test('handed-over: a link in place of the witness is not read through', options, async () => {
  rmSync(witness, { recursive: true })
  symlinkSync('/var', witness)
  await assert.rejects(made(), /is no directory/)
})
