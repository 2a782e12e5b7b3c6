import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { desiredRecords, reverseRecords } from '../../../src/dns/records.ts'
import { ProvisionError } from '../../../src/errors.ts'
import { aliasLines, Server } from '../../../src/inventory/inventory.ts'
import { readYaml, secretTag, validate } from '../../../src/inventory/yaml.ts'
import { Secret, secretsIn } from '../../../src/secret.ts'
import { example, mutated } from '../../support/arbitrary.ts'

const written = (value: unknown): string => stringify(value, { customTags: [secretTag] })

/** Secrets by name: their readers are never equal. */
const plain = (value: unknown): unknown => {
  if (value instanceof Secret) return `!secret ${value.name}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .map(([key, one]) => [key, plain(one)]),
  )
}

test('inventory: whatever it takes survives being written as YAML and read again, and being read twice', () => {
  let taken = 0
  fc.assert(
    fc.property(mutated, ({ raw }) => {
      const result = Server.safeParse(raw)
      fc.pre(result.success)
      taken++
      const text = written(result.data)
      assert.deepEqual(plain(validate('x.yml', readYaml('x.yml', text))), plain(result.data))
      assert.deepEqual(plain(validate('x.yml', readYaml('x.yml', written(raw)))), plain(result.data))
      assert.deepEqual(plain(Server.parse(result.data)), plain(result.data))
      // What is made of it does not fail either.
      aliasLines(result.data.domains)
      desiredRecords(result.data)
      reverseRecords(result.data)
      secretsIn(result.data)
    }),
    { numRuns: 300 },
  )
  assert.ok(taken >= 300)
})

test('inventory: whatever it refuses is refused with the file and the place, and nothing else is thrown', () => {
  fc.assert(
    fc.property(mutated, ({ raw, path }) => {
      try {
        validate('x.yml', readYaml('x.yml', written(raw)))
      } catch (error) {
        assert.ok(error instanceof ProvisionError, `${path}: ${String(error)}`)
        assert.equal(error.where, 'x.yml')
        assert.match(error.message, /line \d+|version|every|Unrecognized/)
      }
    }),
    { numRuns: 300 },
  )
})

test('inventory: no value that goes to the host has a line break, a NUL or a quote in it', () => {
  const free = /^(?:provider|motd\.lines|acme\.ca|sites\.\d+\.note)/
  fc.assert(
    fc.property(mutated, ({ raw, path, value }) => {
      fc.pre(typeof value === 'string' && !free.test(path) && Server.safeParse(raw).success)
      assert.doesNotMatch(String(value), /[\n\r\0'"`\\$]/)
    }),
    { numRuns: 300 },
  )
  assert.ok(Server.safeParse(example).success)
})
