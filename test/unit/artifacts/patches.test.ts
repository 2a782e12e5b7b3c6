import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { artifactSource, openLock } from '../../../src/artifacts/artifacts.ts'
import { patchesDigest, patchesOf, readPatch } from '../../../src/artifacts/patches.ts'
import { loadInventory } from '../../../src/inventory/inventory.ts'
import { root } from '../../../src/util/text.ts'

const patches = patchesOf('maddy')

test('patches: each says what is true with it, its upstream issue or that there is none, and changes one module', () => {
  assert.ok(patches.length > 0)
  for (const { name, subject, upstream, module, diff } of patches) {
    assert.match(name, /^\d\d-[a-z-]+\.patch$/)
    assert.ok(subject.length < 100, name)
    assert.match(upstream, /^(https:\/\/github\.com\/\S+\/issues\/\d+$|none yet: )/, name)
    assert.match(module, /^github\.com\//, name)
    assert.match(diff, /^--- a\/(\S+)\n\+\+\+ b\/\1\n@@ /, name)
  }
})

test('patches: the shipped lock names this series, and only another change to the sources makes another one', async () => {
  const lock = await openLock(fileURLToPath(new URL('inventory', root)), { embedded: true })
  const { version } = (await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')).server.artifacts.maddy
  assert.equal(lock.get(`maddy ${version} build patches`), patchesDigest(patches), 'record it in inventory/artifacts.lock.yml')
  const [first, ...rest] = patches
  assert.equal(patchesDigest([{ ...first!, subject: 'In other words' }, ...rest]), patchesDigest(patches))
  assert.notEqual(patchesDigest([{ ...first!, diff: `${first!.diff}\n` }, ...rest]), patchesDigest(patches))
  assert.notEqual(patchesDigest(rest), patchesDigest(patches))
  assert.equal(patchesDigest([]), undefined)
})

test('patches: the published program is named with what it lacks, the built one with its patches', async () => {
  const { server } = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  const lock = await openLock('/nowhere', { embedded: true })
  const of = (source: 'build' | 'release') =>
    artifactSource({ ...server.artifacts, maddy: { ...server.artifacts.maddy, source } }, { lock })
  assert.equal(server.artifacts.maddy.source, 'build')
  assert.deepEqual(of('build').lacks('maddy'), [])
  assert.match(of('build').origin('maddy', 'amd64'), / build .* patched [0-9a-f]{12}$/)
  assert.deepEqual(
    of('release').lacks('maddy'),
    patches.map(({ subject }) => subject),
  )
  assert.doesNotMatch(of('release').origin('maddy', 'amd64'), /patched/)
  assert.deepEqual(of('release').lacks('caddy'), [])
})

test('patches: a file without the header or the diff is no patch', () => {
  for (const text of ['', 'Subject: a\nUpstream: b\nModule: c\n', 'Subject: a\n--- a/x\n'])
    assert.throws(() => readPatch('x.patch', text), { name: 'ProvisionError', where: 'x.patch' })
})
