import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { corrections } from '../../../src/engine/act.ts'
import { ProvisionError } from '../../../src/errors.ts'
import { file } from '../../../src/kinds/files/file.ts'
import { Secret, secretsIn, secretText } from '../../../src/secret.ts'
import { type Sh, sh } from '../../../src/sh.ts'

/** What a playbook of one's own has when it imports another copy of the package than the one that runs it: a clone, or its parts. */
let other: {
  secret: typeof import('../../../src/secret.ts')
  sh: typeof import('../../../src/sh.ts')
  file: typeof import('../../../src/kinds/files/file.ts')
  errors: typeof import('../../../src/errors.ts')
}
const dir = mkdtempSync(join(tmpdir(), 'provision-copy-'))
const root = fileURLToPath(new URL('../../..', import.meta.url))

before(async () => {
  for (const part of ['src', 'package.json']) cpSync(join(root, part), join(dir, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const load = async <T>(path: string) => (await import(pathToFileURL(join(dir, 'src', path)).href)) as T
  other = {
    secret: await load('secret.ts'),
    sh: await load('sh.ts'),
    file: await load('kinds/files/file.ts'),
    errors: await load('errors.ts'),
  }
})

after(() => rmSync(dir, { recursive: true, force: true }))

test('another copy of the package: its secrets and its sh are what they are for ours, and ours for it', () => {
  assert.notEqual(other.secret.Secret, Secret)
  const theirs = new other.secret.Secret('root', () => "pa'ss")
  for (const script of [
    sh`chpasswd ${theirs} ${[theirs, 'x']}`,
    other.sh.sh`chpasswd ${new Secret('root', () => "pa'ss")} ${['y']}`,
  ]) {
    assert.ok(script.text.includes(`'pa'\\''ss'`), script.text)
    assert.doesNotMatch(script.shown, /pa'/)
    assert.doesNotMatch(script.text, /undefined/)
  }
  assert.equal(sh`${[other.sh.sh`a`, sh`b`]}`.text, 'a\nb')
  assert.equal(secretText`password ${theirs}\n`.reveal(), "password pa'ss\n")
  assert.deepEqual(secretsIn([{ theirs }]), [theirs])
})

test('another copy of the package: a file of its kind with a secret of ours, and the other way round, reaches the host whole', () => {
  const pairs = [
    other.file.file({ path: '/etc/a', content: new Secret('a', () => 'word one'), check: sh`test -s "$tmp"` }),
    file({ path: '/etc/a', content: new other.secret.Secret('a', () => 'word one'), check: other.sh.sh`test -s "$tmp"` }),
  ]
  for (const resource of pairs) {
    const changes = resource.kind.diff(resource.desired, { type: 'absent' })
    const { text, shown } = corrections('one', [{ resource, current: { type: 'absent' }, changes }], 'nonce')
    assert.match(text, /printf %s 'word one' > "\$tmp"/)
    assert.doesNotMatch(shown, /word one/)
    assert.doesNotMatch(text, /undefined|\[object/)
  }
})

test('another copy of the package: its errors are told as ours are', () => {
  assert.ok(new other.errors.ConnectionError('a', 'b') instanceof ProvisionError)
  assert.ok(!(new Error('b') instanceof ProvisionError))
  assert.ok(!(new ProvisionError('a', 'b') instanceof other.errors.ConnectionError))
})

test('sh: what is neither a value nor an sh is a TypeError that says what it is', () => {
  const pretended = { text: 'rm -rf /', shown: '', secrets: [] }
  for (const wrong of [undefined, null, () => 'x', pretended, {}, Number.NaN, Number.POSITIVE_INFINITY, true, 1n, Symbol('x')])
    for (const value of [wrong, [wrong], ['a', wrong]])
      assert.throws(() => sh`printf %s ${value as unknown as Sh}`, {
        name: 'TypeError',
        message: /cannot be part of a shell script/,
      })
  const hollow = new Secret('hollow', () => null as unknown as string)
  assert.throws(() => sh`printf %s ${hollow}`, { name: 'TypeError', message: /the secret hollow is not a text/ })
})
