import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Context } from '../../../playbooks/index.ts'
import { file } from '../../../src/kinds/files/file.ts'
import { ownPlaybooks } from '../../../src/own/load.ts'
import { root } from '../../../src/util/text.ts'
import { referenceServer } from '../../support/reference.ts'

const scratch = mkdtempSync(join(tmpdir(), 'own-playbooks-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const server = referenceServer()
const context = { prune: false, origins: {} } as unknown as Context

let folders = 0
/** The folder of an operator, with these files: the paths from there, and what is in them. */
function folder(files: Readonly<Record<string, string>>): string {
  const dir = join(scratch, `own-${folders++}`)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  return dir
}
const load = (dir: string) => ownPlaybooks(join(dir, 'playbooks', 'index.ts'), server, context, assert.fail)

/** A playbook of one file, with what it imports `file`, `playbook` and `step` from. */
const importing = (from: string) => `import { file, playbook, step } from '${from}'
export const server = () => [playbook('one', [step('Write a file', [file({ path: '/etc/one', content: 'one' })])])]
`
/** Another copy of the package, as a clone or as an installed package. */
function otherCopy(dir: string): string {
  for (const part of ['src', 'playbooks', 'files', 'package.json'])
    cpSync(fileURLToPath(new URL(part, root)), join(dir, part), { recursive: true })
  return dir
}
const kindOfTheFirst = async (dir: string) => (await load(dir))[0]!.steps[0]!.resources[0]!.kind
const ours = file({ path: '/a', content: '' }).kind

test('own playbooks: “provision” is the copy that runs, with nothing installed beside them', async () => {
  assert.equal(await kindOfTheFirst(folder({ 'playbooks/index.ts': importing('provision') })), ours)
})

test('own playbooks: npm init’s CommonJS, and a folder that is called provision, change nothing', async () => {
  const dir = folder({
    'package.json': '{ "name": "provision", "type": "commonjs" }',
    'playbooks/index.ts': "export { server } from './more.ts'\n",
    'playbooks/more.ts': importing('provision'),
  })
  assert.equal(await kindOfTheFirst(dir), ours)
})

test('own playbooks: with another copy installed beside them, or named by its path, it is still the one that runs', async () => {
  const dir = folder({ 'playbooks/index.ts': importing('provision') })
  otherCopy(join(dir, 'node_modules', 'provision'))
  assert.equal(await kindOfTheFirst(dir), ours)

  const copy = otherCopy(join(scratch, 'clone'))
  assert.equal(await kindOfTheFirst(folder({ 'playbooks/index.ts': importing(join(copy, 'src/playbook.ts')) })), ours)
})

test('own playbooks: any other part of another copy is refused, and so is one that is not public', async () => {
  const copy = join(scratch, 'clone')
  for (const from of [join(copy, 'src/kinds/files/file.ts'), 'provision/src/kinds/files/file.ts']) {
    const dir = folder({ 'playbooks/index.ts': `import { file } from '${from}'\nexport const server = () => []\n` })
    await assert.rejects(load(dir), {
      where: join(dir, 'playbooks', 'index.ts'),
      message: `imports “${from}”: of provision only “provision” itself may be imported`,
      hint: /^write import \{ file, playbook, step \} from 'provision'/,
    })
  }
  await assert.rejects(
    ownPlaybooks(join(copy, 'playbooks/index.ts'), server, context, assert.fail),
    /belongs to another copy of provision/,
  )
})

test('own playbooks: the command line finds them beside an inventory, and lists their steps', () => {
  const dir = folder({ 'playbooks/index.ts': importing('provision'), 'inventory/README': '' })
  copyFileSync(new URL('inventory/xoyize.xyz.yml', root), join(dir, 'inventory', 'xoyize.xyz.yml'))
  const seen = spawnSync(process.execPath, [fileURLToPath(new URL('src/bin.js', root)), 'list', '--host', 'xoyize.xyz'], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.deepEqual([seen.stdout, seen.stderr, seen.status], ['one\n  one/write-a-file  Write a file\n', '', 0])
})

test('own playbooks: ours in a clone are ours, by whatever way', async () => {
  const dir = folder({ 'inventory/README': '' })
  copyFileSync(new URL('inventory/xoyize.xyz.yml', root), join(dir, 'inventory', 'xoyize.xyz.yml'))
  symlinkSync(fileURLToPath(new URL('playbooks', root)), join(dir, 'playbooks'))
  const seen = spawnSync(process.execPath, [fileURLToPath(new URL('src/bin.js', root)), 'list', '--host', 'xoyize.xyz'], {
    cwd: dir,
    encoding: 'utf8',
  })
  assert.match(seen.stdout, /^access$/m, seen.stderr)
})

test('own playbooks: nothing of the package is public but “provision”', () => {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { readonly exports: object }
  assert.deepEqual(Object.keys(exports), ['.', './package.json'])
})
