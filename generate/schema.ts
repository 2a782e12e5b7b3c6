import * as z from 'zod'
import { ServerShape } from '../src/inventory/schema/shape.ts'

/** A part of the JSON Schema of an inventory, as far as it is read here. */
export interface Schema {
  readonly [key: string]: unknown
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

/** The JSON Schema of an inventory file: editors complete and check the YAML with it. */
export function inventorySchema(): Schema {
  const { $schema, ...rest } = z.toJSONSchema(ServerShape, {
    io: 'input',
    // A secret: in YAML it is a name behind the tag !secret.
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const { ask: _, example, ...kept } = jsonSchema
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
      Object.assign(jsonSchema, kept, example === undefined ? {} : { examples: [example] })
      if (jsonSchema.pattern !== undefined) jsonSchema.pattern = everywhere(jsonSchema.pattern)
      if (zodSchema._zod.def.type === 'custom') jsonSchema.type = 'string'
      if (
        typeof jsonSchema.default === 'object' &&
        Object.keys(jsonSchema.default ?? {}).length === 0 &&
        !Array.isArray(jsonSchema.default)
      )
        delete jsonSchema.default
    },
  }) as Schema
  return { $schema, title: 'inventory of provision', ...rest }
}

/** A pattern without classes of Unicode, which a validator reads only when it compiles patterns so. */
const everywhere = (pattern: string): string =>
  pattern.replaceAll('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f').replaceAll('\\p{Zl}\\p{Zp}', '\\u2028\\u2029')

/** inventory/schema.json. */
export const schemaFile = (): string => `${JSON.stringify(inventorySchema(), undefined, 2)}\n`
