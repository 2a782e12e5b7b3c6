import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import * as z from 'zod'
import { ServerShape } from '../../../src/inventory/schema/shape.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const text = readFileSync(new URL('../../../inventory/example.yml', import.meta.url), 'utf8')
const example = readYaml('inventory/example.yml', text)

test('example.yml: it is a valid inventory', () => {
  assert.equal(validate('inventory/example.yml', example).hostname, 'example.org')
})

test('example.yml: every key of the schema is in it, if only in a comment', () => {
  const present = new Set(paths(example.document.toJS()))
  const commented = new Set([...text.matchAll(/^ *# +([a-z_]+):/gm)].map(([, key]) => key))
  const missing = keys(ServerShape).filter((path) => !present.has(path) && !commented.has(path.split('.').at(-1)))
  assert.deepEqual(missing, [])
})

test('example.yml: every key is explained where it comes first', () => {
  const first = new Map<string, string>()
  for (const line of text.split('\n')) {
    const key = /^\s*(?:- )?([a-z_0-9.]+):/.exec(line)?.[1]
    if (key !== undefined && !first.has(key)) first.set(key, line)
  }
  // A key with nothing behind it is a section: what is in it is explained.
  const bare = [...first].filter(([, line]) => !/:$| #/.test(line)).map(([key]) => key)
  assert.deepEqual(bare, ['amd64', 'arm64'])
})

const schema = z.fromJSONSchema(JSON.parse(readFileSync(new URL('../../../inventory/schema.json', import.meta.url), 'utf8')))

/** An inventory as an editor sees it: a secret is its name. */
const asWritten = (path: string): Record<string, unknown> =>
  parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'), {
    customTags: [{ tag: '!secret', resolve: (name: string) => name }],
  })

test('schema.json: the inventories that come with provision are valid', () => {
  for (const path of ['inventory/example.yml', 'inventory/xoyize.xyz.yml'])
    assert.equal(schema.safeParse(asWritten(path)).error?.message, undefined, path)
})

test('schema.json: a key that does not exist, one that is missing and a wrong value are found', () => {
  const right = asWritten('inventory/example.yml')
  const { hostname: _, ...without } = right
  for (const wrong of [{ ...right, hostnam: 'a' }, without, { ...right, hostname: 'A B' }, { ...right, ssh: { port: 'many' } }])
    assert.equal(schema.safeParse(wrong).success, false)
})

test('schema: every key says what it is for, and what the wizard asks has an example', () => {
  const silent = fields(ServerShape)
    .filter(({ meta }) => meta?.description === undefined)
    .map(({ path }) => path)
  assert.deepEqual(silent, [])
  const withoutExample = fields(ServerShape)
    .filter(({ meta }) => meta?.ask !== undefined && meta.example === undefined)
    .map(({ path }) => path)
  assert.deepEqual(withoutExample, [])
})

/** Every key of a schema, with dots, whatever union or list it is in. */
const keys = (schema: z.ZodType): readonly string[] => fields(schema).map(({ path }) => path)

interface Field {
  readonly path: string
  readonly meta: z.core.GlobalMeta | undefined
}

function fields(schema: z.ZodType, path = ''): readonly Field[] {
  const def = schema.def as { type: string; [key: string]: unknown }
  const inner = (child: unknown) => fields(child as z.ZodType, path)
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape as Record<string, z.ZodType>).flatMap(([key, child]) => {
        const at = path === '' ? key : `${path}.${key}`
        return [{ path: at, meta: child.meta() }, ...fields(child, at)]
      })
    case 'array':
      return inner(def.element)
    case 'union':
      return (def.options as unknown[]).flatMap(inner)
    case 'optional':
    case 'default':
    case 'prefault':
      return inner(def.innerType)
    case 'pipe':
      return inner(def.in)
    default:
      return []
  }
}

function paths(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one) => paths(one, path))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]) => {
    const at = path === '' ? key : `${path}.${key}`
    return [at, ...paths(one, at)]
  })
}
