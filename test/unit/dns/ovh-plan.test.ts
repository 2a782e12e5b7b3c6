import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OvhRecord, ovhChanges, saidOf } from '../../../src/dns/providers/ovh-plan.ts'
import type { DnsRecord, Said } from '../../../src/dns/record.ts'
import { splitChange } from '../../../src/dns/update.ts'

const zone = 'example.org'
let id = 0
const there = (fieldType: string, target: string, subDomain = ''): OvhRecord => ({
  id: ++id,
  zone,
  subDomain,
  fieldType,
  target,
  ttl: 60,
})
const record = (type: DnsRecord['type'], data: string, name = zone): DnsRecord => ({ name, type, ttl: 600, data })

/** The calls for what is there, of which some goes, and what comes. */
function calls(all: readonly OvhRecord[], remove: readonly OvhRecord[], add: readonly DnsRecord[]): readonly string[] {
  const said: readonly Said[] = remove.map(saidOf)
  const named = new Map(all.map((one) => [one.id, one]))
  return ovhChanges(zone, all, { zone, remove: said, add }).map((one) => {
    const old = one.method === 'POST' ? undefined : named.get(one.id)
    const body = one.method === 'DELETE' ? '' : ` ${one.body.target}`
    return `${one.method} ${one.method === 'POST' ? one.body.fieldType : `${old!.fieldType} ${old!.target}`}${body}`
  })
}

test('ovh: what is replaced is replaced in place', () => {
  const mx = there('MX', '10 old.example.')
  assert.deepEqual(calls([mx], [mx], [record('MX', '10 mx.example.')]), ['PUT MX 10 old.example. 10 mx.example.'])
})

test('ovh: of several that one replaces the others go first, so that what is left to do is seen by the next run', () => {
  const [one, two] = [there('MX', '10 a.example.'), there('MX', '20 b.example.')]
  assert.deepEqual(calls([one, two], [one, two], [record('MX', '10 mx.example.')]), [
    'DELETE MX 20 b.example.',
    'PUT MX 10 a.example. 10 mx.example.',
  ])
})

test('ovh: what is new comes before what goes, and an alias goes right before what comes for it', () => {
  const [extra, alias] = [there('CAA', '0 issue "ca.example"'), there('CNAME', 'x.example.', 'autoconfig')]
  assert.deepEqual(
    calls([extra, alias], [extra, alias], [record('A', '192.0.2.1', 'autoconfig.example.org'), record('MX', '10 mx.example.')]),
    ['POST MX 10 mx.example.', 'DELETE CAA 0 issue "ca.example"', 'DELETE CNAME x.example.', 'POST A 192.0.2.1'],
  )
})

test('ovh: a text is replaced by one of its own purpose, in the sort that the API has made of it', () => {
  const [spf, other] = [there('SPF', '"v=spf1 a -all"'), there('TXT', '"v=verify"')]
  assert.deepEqual(calls([other, spf], [spf], [record('TXT', 'v=spf1 mx -all')]), ['PUT SPF "v=spf1 a -all" "v=spf1 mx -all"'])
})

test('ovh: a DKIM key that was written as a TXT is not replaced in place, where its length may not fit', () => {
  const name = 's._domainkey.example.org'
  const old = there('TXT', '"v=DKIM1; p=AAAA"', 's._domainkey')
  assert.deepEqual(calls([old], [old], [record('TXT', 'v=DKIM1; k=rsa; p=BBBB', name)]), [
    'POST DKIM v=DKIM1; k=rsa; p=BBBB',
    'DELETE TXT "v=DKIM1; p=AAAA"',
  ])
  const dkim = there('DKIM', 'v=DKIM1; p=AAAA', 's._domainkey')
  assert.deepEqual(calls([dkim], [dkim], [record('TXT', 'v=DKIM1; k=rsa; p=BBBB', name)]), [
    'PUT DKIM v=DKIM1; p=AAAA v=DKIM1; k=rsa; p=BBBB',
  ])
})

test('nsupdate: what one message cannot hold goes in several, each with all that is done at its names', () => {
  const txt = (n: number, data: string) => record('TXT', data, `n${n}.example.org`)
  const remove = Array.from({ length: 900 }, (_, n) => txt(n, 'old'.repeat(20)))
  const add = Array.from({ length: 900 }, (_, n) => txt(n, 'new'.repeat(20)))
  const parts = splitChange({ zone, remove, add })
  assert.ok(parts.length > 1 && parts.length < 5, String(parts.length))
  for (const part of parts)
    assert.deepEqual(
      part.remove.map(({ name }) => name),
      part.add.map(({ name }) => name),
    )
  assert.equal(parts.flatMap((part) => part.add).length, 900)
  assert.equal(splitChange({ zone, remove: remove.slice(0, 100), add: add.slice(0, 100) }).length, 1)
})
