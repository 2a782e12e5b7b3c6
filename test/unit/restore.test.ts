import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownHosts } from '../../files/etc/provision/borg.ts'
import { missingDays } from '../../src/commands/prune.ts'
import { before } from '../../src/commands/restore.ts'
import { parseGround } from '../../src/restore.ts'
import { referencePlaybooks, referenceServer } from '../reference.ts'

test('restore: what a host says of itself is read', () => {
  assert.deepEqual(parseGround(''), { mail: false, begun: false, placed: undefined })
  assert.deepEqual(parseGround('mail yes\nbegun yes\nplaced 2026-11-21-02h10\n'), {
    mail: true,
    begun: true,
    placed: '2026-11-21-02h10',
  })
})

test('restore: what has to be there before the data is there to be done, under these names', () => {
  const playbooks = referencePlaybooks(referenceServer())
  const known = new Set(playbooks.flatMap(({ id, steps }) => [id, ...steps.map((step) => step.id)]))
  assert.deepEqual(
    before.filter((id) => !known.has(id)),
    [],
  )
  // Files that come back belong to users by name: whoever owns some has to be there before.
  const made = playbooks.flatMap(({ id, steps }) =>
    steps
      .filter((step) => before.includes(id) || before.includes(step.id))
      .flatMap(({ resources }) => resources.map((one) => one.id)),
  )
  for (const user of ['user:xouser', 'user:maddy', 'user:caddy']) assert.ok(made.includes(user), user)
})

test('prune: the days without an archive are told, back to the first one and no further than dailies are kept', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  assert.deepEqual(missingDays([], 7, now), [])
  assert.deepEqual(missingDays(['2026-11-21'], 7, now), [])
  assert.deepEqual(missingDays(['2026-11-18', '2026-11-20'], 7, now), ['2026-11-19'])
  assert.deepEqual(missingDays(['2026-01-01', '2026-11-20'], 3, now), ['2026-11-18', '2026-11-19'])
})

test('backup: a pinned host key is written as ssh looks it up, with its port unless that is 22', () => {
  const key = 'ssh-ed25519 AAAA comment'
  assert.equal(knownHosts('ssh://u@box.example:23/./x', [key, key]), '[box.example]:23 ssh-ed25519 AAAA\n'.repeat(2))
  assert.equal(knownHosts('ssh://u@box.example/./x', [key]), 'box.example ssh-ed25519 AAAA\n')
})
