import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import type * as z from 'zod'
import { ServerShape } from '../../src/inventory/schema/shape.ts'
import { readYaml } from '../../src/inventory/yaml.ts'

/** What somebody might try to get executed, in a shell, in YAML, in a configuration file. */
export const hostile: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "'; touch /pwned; '",
    '"; touch /pwned; "',
    '$(touch /pwned)',
    '`touch /pwned`',
    '\n touch /pwned\n',
    '-rf',
    '--help',
    '../../etc/passwd',
    '%s%n',
    '&& touch /pwned',
    '\\',
    '{{x}}',
    '*',
    '# comment',
    '!secret x',
    'null',
    '~',
    'a: b',
    '\u2028',
    '\u0000',
    'é 漢 🙂',
  ),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
)

/** One place of an inventory, with what may stand there according to the schema. */
interface Leaf {
  readonly path: readonly (string | number)[]
  readonly schema: z.ZodType
}

const file = new URL('../../inventory/example.yml', import.meta.url)

/** inventory/example.yml, which has every key, as it is read. */
export const example: unknown = readYaml('inventory/example.yml', readFileSync(file, 'utf8')).document.toJS()

/** Inventories that differ from the example in one place: by a value that its field takes, or by a hostile one. */
export const mutated: fc.Arbitrary<{ readonly raw: unknown; readonly path: string; readonly value: unknown }> = fc.oneof(
  ...leaves(ServerShape, example).map(({ path, schema }) =>
    fc.oneof(accepted(schema), hostile).map((value) => ({ raw: replaced(example, path, value), path: path.join('.'), value })),
  ),
)

/** Values that a field takes. */
function accepted(schema: z.ZodType): fc.Arbitrary<unknown> {
  const def = schema.def as { readonly type: string; readonly [key: string]: unknown }
  switch (def.type) {
    case 'string':
      return strings(schema as z.ZodString)
    case 'number': {
      const { minimum, maximum } = schema._zod.bag as { readonly minimum: number; readonly maximum: number }
      return fc.integer({ min: minimum, max: maximum })
    }
    case 'boolean':
      return fc.boolean()
    case 'literal':
      return fc.constantFrom(...(def.values as unknown[]))
    case 'enum':
      return fc.constantFrom(...Object.values(def.entries as Record<string, unknown>))
    case 'union':
      return fc.oneof(...(def.options as z.ZodType[]).map(accepted))
    case 'array':
      return fc.array(accepted(def.element as z.ZodType), { maxLength: 3 })
    case 'optional':
    case 'default':
    case 'prefault':
      return accepted(def.innerType as z.ZodType)
    case 'pipe':
      return accepted(def.in as z.ZodType)
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(def.shape as Record<string, z.ZodType>).map(([key, child]) => [key, accepted(child)])),
      )
    default:
      return fc.constant(undefined)
  }
}

/** By the pattern of a field where it has one; filtered by what else it wants. */
function strings(schema: z.ZodString): fc.Arbitrary<string> {
  const patterns = (schema.def.checks ?? []).flatMap((check) => {
    const { pattern } = check._zod.def as { pattern?: RegExp }
    return pattern === undefined ? [] : [pattern]
  })
  const [pattern] = patterns
  const made = pattern === undefined || /\\p\{/.test(pattern.source) ? hostile : fc.stringMatching(pattern)
  return fc.oneof(
    made,
    hostile,
    fc.constantFrom('Etc/UTC', 'America/Argentina/Buenos_Aires', 'https://a.example/x-{version}.tar'),
  )
}

function leaves(schema: z.ZodType, value: unknown, path: readonly (string | number)[] = []): readonly Leaf[] {
  const def = schema.def as { readonly type: string; readonly [key: string]: unknown }
  if (def.type === 'object' && typeof value === 'object' && value !== null)
    return Object.entries(def.shape as Record<string, z.ZodType>).flatMap(([key, child]) =>
      leaves(child, Reflect.get(value, key), [...path, key]),
    )
  if (def.type === 'array' && Array.isArray(value))
    return [{ path, schema }, ...value.flatMap((one: unknown, i) => leaves(def.element as z.ZodType, one, [...path, i]))]
  if (['optional', 'default', 'prefault'].includes(def.type)) return leaves(def.innerType as z.ZodType, value, path)
  if (def.type === 'pipe') return leaves(def.in as z.ZodType, value, path)
  if (def.type === 'union' && typeof value === 'object' && value !== null) {
    const fits = (def.options as z.ZodType[]).find((option) => option.safeParse(value).success)
    return fits === undefined ? [] : leaves(fits, value, path)
  }
  return [{ path, schema }]
}

/** A copy with another value in one place. Secrets stay the same objects. */
function replaced(value: unknown, [key, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((one: unknown, i) => (i === key ? replaced(one, rest, by) : one))
  const record = typeof value === 'object' && value !== null ? value : {}
  return { ...record, [key]: replaced(Reflect.get(record, key), rest, by) }
}
