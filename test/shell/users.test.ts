import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import type { Resource } from '../../src/engine/kind.ts'
import { compile, read } from '../../src/engine/probe.ts'
import { authorizedKeys } from '../../src/kinds/access/authorized-keys.ts'
import { user } from '../../src/kinds/access/user.ts'

/** The states that the probe of this machine gives, by key. */
function states(resources: readonly Resource[]): ReadonlyMap<string, unknown> {
  const [{ kind }] = resources as readonly [Resource]
  const desired = resources.map((one) => one.desired)
  const { stdout, stderr, status } = spawnSync('dash', ['-s'], {
    input: compile([kind.probe(desired)], 'mark').text,
    encoding: 'utf8',
  })
  const [section] = read({ code: status ?? 1, stdout, stderr }, 'mark', 1)
  assert.equal(section!.code, 0, section!.stderr)
  return kind.parse(section!.stdout, desired)
}

test('user: those that are there and those that are not are told apart, in any order', () => {
  const seen = states(['nobody', 'no-such-user', 'root', 'daemon'].map((name) => user({ name })))
  assert.deepEqual(seen.get('no-such-user'), { type: 'absent' })
  const root = seen.get('root') as { readonly uid: string; readonly home: string; readonly groups: readonly string[] }
  assert.deepEqual([root.uid, root.home, root.groups[0]], ['0', '/root', 'root'])
  assert.deepEqual((seen.get('daemon') as typeof root).groups, ['daemon'])
  assert.equal((seen.get('nobody') as typeof root).groups[0], 'nogroup')
})

test('user: whoever has a declared uid is named', () => {
  const seen = states([user({ name: 'no-such-user', uid: 0 }), user({ name: 'nobody-else', uid: 4_000_000 })])
  assert.deepEqual(seen.get('no-such-user'), { type: 'absent', taken: 'root' })
  assert.deepEqual(seen.get('nobody-else'), { type: 'absent' })
})

test('user: none of them is there', () => {
  assert.deepEqual([...states([user({ name: 'no-such-user' })])], [['no-such-user', { type: 'absent' }]])
})

test('authorized-keys: a user without any, and one who is not there', () => {
  const seen = states(['nobody', 'no-such-user'].map((name) => authorizedKeys({ user: name, keys: [], others: 'keep' })))
  assert.deepEqual(seen.get('nobody'), { type: 'user', safe: false, lines: [] })
  assert.deepEqual(seen.get('no-such-user'), { type: 'absent' })
})
