import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { Server } from '../../../src/inventory/inventory.ts'
import { reachIn, reachOf } from '../../../src/inventory/reach.ts'
import { secretTag } from '../../../src/inventory/yaml.ts'

const reference = (): Record<string, unknown> =>
  parse(readFileSync(new URL('../../../inventory/xoyize.xyz.yml', import.meta.url), 'utf8'), {
    customTags: [secretTag],
  }) as Record<string, unknown>
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4xYdVUnIgxTkfrBd0ieltw6Ry8ppu7yUBoNjL6n7eR somebody'

for (const [what, change] of Object.entries({
  'as it comes': {},
  'without an IPv4 address': { address: undefined },
  'with all that may be left out left out': { admin: { user: 'xouser' }, ssh: undefined },
  'with a port and keys of its own': { admin: { user: 'xouser', keys: [key, 'operator'] }, ssh: { port: 2222 } },
})) {
  test(`how a server is reached is the same before its inventory is checked and after: ${what}`, () => {
    const raw = Object.fromEntries(Object.entries({ ...reference(), ...change }).filter(([, value]) => value !== undefined))
    assert.deepEqual(reachIn(raw), reachOf(Server.parse(raw)))
  })
}

test('what is no inventory says nothing of how it is reached', () => {
  for (const raw of [
    null,
    'text',
    [],
    {},
    { address: 1 },
    { ...reference(), admin: { user: 'x', keys: [1] } },
    { ...reference(), ssh: { port: '22' } },
  ])
    assert.equal(reachIn(raw), undefined)
})
