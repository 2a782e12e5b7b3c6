import assert from 'node:assert/strict'
import { test } from 'node:test'
import { desiredRecords, goneRecords } from '../../../src/dns/records.ts'
import {
  begun,
  dkimPace,
  type Move,
  nextMove,
  nextTurn,
  overdueRotations,
  proved,
  retired,
  slowed,
  tlsaPace,
  used,
} from '../../../src/dns/rotation.ts'
import { type Edit, setDkim, setTlsa } from '../../../src/inventory/edit/edit.ts'
import type { Rotation } from '../../../src/inventory/inventory.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const now = new Date('2026-11-21T18:30:00Z')
const ago = (minutes: number): string => new Date(now.getTime() - minutes * 60_000).toISOString().replace(':00.000', '')
const day = 24 * 60
const wait = (until: string, then: 'use' | 'retire'): Move => ({ do: 'wait', until: new Date(until), then })

const table: Record<string, readonly [Rotation, dkim: Move, tlsa: Move]> = {
  'one key': [{ key: 'a' }, { do: 'begin' }, { do: 'begin' }],
  'a next one, not seen at all name servers': [{ key: 'a', next: 'b' }, { do: 'publish' }, { do: 'publish' }],
  'a next one, just seen': [{ key: 'a', next: 'b', since: ago(0) }, { do: 'use' }, wait('2026-11-21T18:50:00Z', 'use')],
  'a next one, seen 19 minutes ago': [
    { key: 'a', next: 'b', since: ago(19) },
    { do: 'use' },
    wait('2026-11-21T18:31:00Z', 'use'),
  ],
  'a next one, seen 20 minutes ago': [{ key: 'a', next: 'b', since: ago(20) }, { do: 'use' }, { do: 'use' }],
  'a next one, seen 21 minutes ago, and what was there is kept for a day': [
    { key: 'a', next: 'b', since: ago(21), ttl: 86_400 },
    wait('2026-11-23T18:09:00Z', 'use'),
    wait('2026-11-23T18:09:00Z', 'use'),
  ],
  'a next one, seen two days ago, and what was there was kept for a day': [
    { key: 'a', next: 'b', since: ago(2 * day), ttl: 86_400 },
    { do: 'use' },
    { do: 'use' },
  ],
  'a retired one, out of use for a day, of a set that is kept for a day': [
    { key: 'b', retired: 'a', since: ago(day), ttl: 86_400 },
    wait('2026-11-27T18:30:00Z', 'retire'),
    wait('2026-11-22T18:30:00Z', 'retire'),
  ],
  'a retired one, and nobody knows whether the host follows': [{ key: 'b', retired: 'a' }, { do: 'settle' }, { do: 'settle' }],
  'a retired one, out of use since now': [
    { key: 'b', retired: 'a', since: ago(0) },
    wait('2026-11-28T18:30:00Z', 'retire'),
    wait('2026-11-21T18:50:00Z', 'retire'),
  ],
  'a retired one, out of use for nearly a week': [
    { key: 'b', retired: 'a', since: ago(7 * day - 1) },
    wait('2026-11-21T18:31:00Z', 'retire'),
    { do: 'retire' },
  ],
  'a retired one, out of use for a week': [{ key: 'b', retired: 'a', since: ago(7 * day) }, { do: 'retire' }, { do: 'retire' }],
}
for (const [title, [rotation, dkim, tlsa]] of Object.entries(table))
  test(`rotation: ${title}`, () => {
    assert.deepEqual(nextMove(rotation, dkimPace, now), dkim)
    assert.deepEqual(nextMove(rotation, tlsaPace, now), tlsa)
  })

test('rotation: from one key to the next and back to one, each step is the move of the state before it', () => {
  const first = begun({ key: 'a' }, 'b')
  assert.deepEqual(first, { key: 'a', next: 'b' })
  assert.deepEqual(proved(first, now), { key: 'a', next: 'b', since: '2026-11-21T18:30Z' })
  assert.equal(proved(first, new Date('2026-11-21T18:30:01Z')).since, '2026-11-21T18:31Z')
  assert.deepEqual(nextMove({ key: 'a', next: 'b', since: '2026-11-21T18:31Z' }, dkimPace, now), { do: 'use' })
  assert.deepEqual(used(proved(first, now)), { key: 'b', retired: 'a' })
  assert.deepEqual(retired({ key: 'b', retired: 'a', since: ago(0) }), { key: 'b' })
})

test('rotation: what others keep for longer than the usual pace waits for is remembered, and written until the key has gone', () => {
  assert.equal(slowed({ key: 'a', next: 'b' }, 600, tlsaPace), undefined)
  assert.equal(slowed({ key: 'a', next: 'b' }, 0, dkimPace), undefined)
  assert.equal(slowed({ key: 'a', next: 'b', ttl: 86_400 }, 3600, tlsaPace), undefined)
  const slow = slowed({ key: 'a', next: 'b' }, 86_400, tlsaPace)!
  assert.deepEqual(used(proved(slow, now)), { key: 'b', retired: 'a', ttl: 86_400 })
  assert.deepEqual(retired(used(slow)), { key: 'b' })
  const written = edited(setTlsa({ ...proved(slow, now), key: 'default' }))
  assert.match(
    written,
    /tlsa: \{ key: default, next: b, ttl: 86400, since: 2026-11-21T18:30Z \}|tlsa: \{ key: default, next: b, since: \S+, ttl: 86400 \}/,
  )
  assert.deepEqual(serverOf(written).mail.tlsa, { key: 'default', next: 'b', since: '2026-11-21T18:30Z', ttl: 86_400 })
})

const at = (...moves: readonly Move['do'][]) => moves.map((one) => ({ move: { do: one } as Move }))
const turns: Record<string, readonly [readonly { readonly move: Move }[], acted: boolean, turn: string | undefined, of: number]> =
  {
    'all begin together': [at('begin', 'begin'), false, 'begin', 2],
    'none begins while another is under way': [at('begin', 'wait'), false, undefined, 0],
    'what is under way goes on without the others': [at('begin', 'publish', 'publish'), false, 'publish', 2],
    'none begins anew right after its end': [at('begin', 'begin'), true, undefined, 0],
    'what the host has begun to use comes first': [at('retire', 'settle'), false, 'settle', 1],
    'all wait': [at('wait', 'wait'), false, undefined, 0],
  }
for (const [title, [all, acted, turn, of]] of Object.entries(turns))
  test(`rotation of several: ${title}`, () => {
    const next = nextTurn(all, acted)
    assert.deepEqual([next?.do, next?.those.length ?? 0], [turn, of])
  })

const text = `version: 1
hostname: example.org
address: 192.0.2.10
admin: { user: alice }
dns: { provider: manual }
mail: { hostname: mx1.example.org, primary: example.org }
domains:
  # The family.
  - name: example.org   # since 2012
    accounts: [{ address: alice }]
    # Its web is old.

  - name: example.net
    dkim:
      key: s202601   # after the break-in
`
const edited = (...edits: readonly Edit[]): string => edits.reduce((done, edit) => edit('x.yml', done).text, text)
const serverOf = (yaml: string) => validate('x.yml', readYaml('x.yml', yaml))

test('inventory: what a rotation has come to is written in one line, and all else stands as it stood', () => {
  const one = edited(setDkim(new Map([['example.org', { key: 'default', next: 's202611' }]])))
  assert.equal(one, text.replace('    # Its web is old.\n', '    dkim: { key: default, next: s202611 }\n    # Its web is old.\n'))
  const two = setDkim(new Map([['example.org', { key: 's202611', retired: 'default', since: '2026-11-21T18:30Z' }]]))(
    'x.yml',
    one,
  ).text
  assert.match(two, /^ {4}dkim: \{ key: s202611, retired: default, since: 2026-11-21T18:30Z \}$/m)
  assert.deepEqual(serverOf(two).domains[0]?.dkim, { key: 's202611', retired: 'default', since: '2026-11-21T18:30Z' })
})

test('inventory: what a person has written over several lines is taken over too', () => {
  const after = edited(setDkim(new Map([['example.net', { key: 's202601', next: 's202611' }]])))
  assert.deepEqual(serverOf(after).domains[1]?.dkim, { key: 's202601', next: 's202611' })
})

test('inventory: the key of the mail server', () => {
  const after = edited(setTlsa({ key: 'default', next: 'k202611' }))
  assert.match(
    after,
    /^mail: \{ hostname: mx1\.example\.org, primary: example\.org, tlsa: \{ key: default, next: k202611 \} \}$/m,
  )
  assert.deepEqual(serverOf(edited(setTlsa({ key: 'k1' }))).mail.tlsa, { key: 'k1' })
})

for (const [title, rotation, fault] of [
  ['one that comes and one that goes', { key: 'b', next: 'c', retired: 'a' }, /one at a time/],
  ['two of one name', { key: 'b', next: 'b' }, /calls two keys by one name/],
  ['a name that is none', { key: 'b', next: '../x' }, /is not a valid selector/],
  ['a moment that is none', { key: 'b', next: 'c', since: '2026-13-01T00:00Z' }, /is not a valid time/],
] as const)
  test(`inventory: refused are ${title}`, () =>
    assert.throws(() => setDkim(new Map([['example.org', rotation]]))('x.yml', text), fault))

const facts = {
  dkim: new Map([
    ['example.org', ['default', 's202611', 'left'].map((selector) => ({ selector, value: `v=DKIM1; k=rsa; p=${selector}` }))],
  ]),
  tlsa: ['aa'.repeat(32)],
  keys: new Map([
    ['default', 'aa'.repeat(32)],
    ['k202611', 'bb'.repeat(32)],
  ]),
}
const published = (yaml: string) =>
  [...desiredRecords(serverOf(yaml), facts).values()]
    .flat()
    .filter(({ name }) => /_domainkey|^_25/.test(name))
    .map(({ name, data }) => `${name.split('.')[0]} ${data.slice(-4)}`)

test('records: every live key is published, before it is used and after', () => {
  assert.deepEqual(published(text), ['_25 aaaa', 'default ault'])
  const coming = edited(
    setDkim(new Map([['example.org', { key: 'default', next: 's202611' }]])),
    setTlsa({ key: 'default', next: 'k202611' }),
  )
  assert.deepEqual(published(coming), ['_25 aaaa', '_25 bbbb', 'default ault', 's202611 2611'])
  const going = edited(
    setDkim(new Map([['example.org', { key: 's202611', retired: 'default' }]])),
    setTlsa({ key: 'k202611', retired: 'default' }),
  )
  assert.deepEqual(published(going), ['_25 aaaa', '_25 bbbb', 'default ault', 's202611 2611'])
})

test('records: what goes at the end is the retired key alone', () => {
  const going = edited(
    setDkim(new Map([['example.org', { key: 's202611', retired: 'default' }]])),
    setTlsa({ key: 'k202611', retired: 'default' }),
  )
  const done = edited(setDkim(new Map([['example.org', { key: 's202611' }]])), setTlsa({ key: 'k202611' }))
  const served = { ...facts, tlsa: ['bb'.repeat(32)] }
  const gone = [...goneRecords(serverOf(going), serverOf(done), served).values()].flat()
  assert.deepEqual(
    gone.map(({ name, data }) => `${name.split('.')[0]} ${data.slice(-4)}`),
    ['_25 aaaa', 'default ault'],
  )
  // A host that does not follow: the key that it shows stays.
  const still = [...goneRecords(serverOf(going), serverOf(done), facts).values()].flat()
  assert.deepEqual(
    still.map(({ name }) => name.split('.')[0]),
    ['default'],
  )
})

test('overdue: what waits for nobody but the operator is told, with its command', () => {
  const since = ago(8 * day)
  const late = edited(setDkim(new Map([['example.org', { key: 's202611', retired: 'default', since }]])))
  assert.deepEqual(overdueRotations(serverOf(late), now), [
    {
      subject: 'example.org',
      message: 'the retired key default of DKIM is overdue: nobody needs it any more',
      next: 'provision dkim rotate --host X',
    },
  ])
  assert.deepEqual(overdueRotations(serverOf(late), new Date(Date.parse(since) + 6 * day * 60_000)), [])
  assert.deepEqual(overdueRotations(serverOf(text), now), [])
})
