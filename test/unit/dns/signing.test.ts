import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { DnskeyData, DsData } from 'dns-packet'
import { blindFamilies } from '../../../src/dns/check.ts'
import { type SigningSeen, signingOf, signingTroubles } from '../../../src/dns/signing.ts'
import { u16, wireName } from '../../../src/dns/wire.ts'

const zone = 'example.org'
const now = Date.parse('2026-11-30T12:00:00Z')
const day = 86_400_000
const key = (text: string): DnskeyData => ({ flags: 257, algorithm: 13, key: Buffer.from(text) })
const tagOf = (data: Buffer) => {
  const sum = data.reduce((all, byte, i) => all + (i % 2 === 0 ? byte * 256 : byte), 0)
  return (sum + Math.floor(sum / 65_536)) & 0xffff
}
function ds(of: DnskeyData): DsData {
  const data = Buffer.concat([u16(of.flags), Buffer.from([3, of.algorithm]), of.key])
  const digest = createHash('sha256').update(wireName(zone)).update(data).digest()
  return { keyTag: tagOf(data), algorithm: 13, digestType: 2, digest }
}
const [ours, other] = [key('ours'), key('other')]
const at = (n: number, keys: readonly DnskeyData[], from = -7, to = 7): SigningSeen['own'][number] => ({
  server: { name: `ns${n}.example.net`, address: `192.0.2.${n}`, port: 53 },
  keys,
  signatures: keys.length === 0 ? [] : [{ inception: (now + from * day) / 1000, expiration: (now + to * day) / 1000 }],
})
const seen = (
  above: SigningSeen['above'],
  own: SigningSeen['own'],
  resolver: SigningSeen['resolver'] = 'plain',
): SigningSeen => ({
  ...{ zone, above, own, resolver },
})

const right = [ds(ours)]
const table: Record<string, readonly [SigningSeen, state: ReturnType<typeof signingOf>, says?: RegExp]> = {
  'signed, as the DS says': [seen([right], [at(1, [ours])]), 'signed'],
  'nobody above speaks': [seen([], [at(1, [ours])]), undefined],
  'none of its own servers speaks: REFUSED, SERVFAIL, a network that answers DNS itself': [seen([right], []), undefined],
  'not signed': [seen([[]], [at(1, [])]), 'unsigned'],
  'no DS': [seen([[]], [at(1, [ours])]), 'no DS', /has no DS of it/],
  'a DS of no key, at all': [
    seen([[ds(other)]], [at(1, [ours]), at(2, [ours])]),
    'wrong DS',
    /^outage: the DS in the zone above/,
  ],
  'a DS of no key at one server only': [seen([right], [at(1, [ours]), at(2, [other])]), 'signed', /the DS is right/],
  'one of the servers above is behind': [seen([[ds(other)], right], [at(1, [ours])]), 'signed'],
  'a digest that nobody here knows': [seen([[{ ...right[0]!, digestType: 3 }]], [at(1, [ours])]), undefined],
  'no signature, and a DS': [
    seen([right], [at(1, [ours]), { ...at(2, [ours]), signatures: [] }]),
    'signed',
    /gives out no signatures/,
  ],
  'ended at both': [seen([right], [at(1, [ours], -30, -2), at(2, [ours], -30, -2)]), 'signed', /ended at 2026-11-28T12:00Z/],
  'ended at one, which a resolver does not ask': [
    seen([right], [at(1, [ours]), at(2, [ours], -30, -2)], 'authentic'),
    'signed',
    /^outage at ns2\.example\.net .* ended at/,
  ],
  'ended by the clock here, and a resolver believes it': [seen([right], [at(1, [ours], -60, -30)], 'authentic'), 'signed'],
  'ends in three days less an hour': [seen([right], [at(1, [ours], -27, 2.95)]), 'signed', /end at .*, and were not renewed/],
  'ends in three days and an hour': [seen([right], [at(1, [ours], -27, 3.05)]), 'signed'],
  'signed at each answer, for a day': [seen([right], [at(1, [ours], -1, 1)]), 'signed'],
  'bogus for a resolver': [seen([right], [at(1, [ours])], 'bogus'), 'signed', /\(bogus\)/],
}
for (const [title, [all, state, says]] of Object.entries(table))
  test(`signing: ${title}`, () => {
    assert.equal(signingOf(all), state)
    const said = signingTroubles(all, now).map(({ message, next }) => `${message}: ${next}`)
    if (says === undefined) assert.deepEqual(said, [])
    else assert.match(said.join('\n'), says)
    if (state !== 'wrong DS') assert.doesNotMatch(said.join('\n'), /take the DS away|of no key/)
  })

const spoken = (address: string, type: 'speaks' | 'lame' | 'silent' | 'refused') => ({
  server: { name: 'ns', address, port: 53 },
  ...(type === 'speaks'
    ? { type, serial: 1 }
    : type === 'lame'
      ? { type, why: '' }
      : { type: 'unknown' as const, why: '', silent: type === 'silent' }),
})
const families: Record<string, readonly [readonly ReturnType<typeof spoken>[], readonly string[]]> = {
  'both work': [[spoken('192.0.2.1', 'speaks'), spoken('2001:db8::1', 'speaks')], []],
  'nothing comes over IPv6': [[spoken('192.0.2.1', 'speaks'), spoken('2001:db8::1', 'silent')], ['IPv6']],
  'one server of several answers over IPv6': [
    [spoken('192.0.2.1', 'speaks'), spoken('2001:db8::1', 'silent'), spoken('2001:db8::2', 'speaks')],
    [],
  ],
  'a refusal is an answer': [[spoken('192.0.2.1', 'speaks'), spoken('2001:db8::1', 'refused')], []],
  'one without the zone is an answer': [[spoken('192.0.2.1', 'speaks'), spoken('2001:db8::1', 'lame')], []],
  'nothing comes at all': [[spoken('192.0.2.1', 'silent'), spoken('2001:db8::1', 'silent')], []],
  'a machine without IPv4': [[spoken('192.0.2.1', 'silent'), spoken('2001:db8::1', 'speaks')], ['IPv4']],
}
for (const [title, [all, blind]] of Object.entries(families))
  test(`families of addresses: ${title}`, () => assert.deepEqual([...blindFamilies(all)], blind))
