import { inventorySchema, type Schema } from './schema.ts'

/** docs/reference/inventory.md: every key of an inventory, with what the schema says of it. */
export function inventoryPage(): string {
  const { properties = {}, required = [] } = inventorySchema()
  const all = Object.entries(properties)
  const plain = all.filter(([, schema]) => below(schema, '').length === 0)
  const sections = all.filter(([, schema]) => below(schema, '').length > 0)
  return `${[
    '# The inventory',
    '<!-- Made from src/inventory/schema by `npm run docs`. -->',
    `Every key that an inventory may have. [inventory/example.yml](../../inventory/example.yml) shows them in place. An inventory is
strict: a key that is not here is an error. \`[]\` is an item of a list. A secret is written \`!secret NAME\`: its value is
[in the store](commands/inventory.md#provision-secrets-list).`,
    `[inventory/schema.json](../../inventory/schema.json) is the same as a JSON Schema. An editor with a YAML language server
completes and checks an inventory with it, when the file begins with
\`# yaml-language-server: $schema=PATH\` and the editor's setting \`yaml.customTags\` has \`!secret scalar\`.`,
    table(plain.map(([path, schema]) => ({ path, schema, required: required.includes(path) }))),
    ...sections.flatMap(([key, schema]) => [
      `## ${key}`,
      `${schema.description}.${required.includes(key) ? ' Required.' : ''}`,
      table(below(schema, key)),
    ]),
  ].join('\n\n')}\n`
}

interface Key {
  readonly path: string
  readonly schema: Schema
  readonly required: boolean
}

/** The keys below a key, whatever list or choice they are in; one that two choices have in the same way is there once. */
function below(schema: Schema, path: string): readonly Key[] {
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  const keys = [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, child]): readonly Key[] => {
      const at = path === '' ? key : `${path}.${key}`
      return [{ path: at, schema: child, required: schema.required?.includes(key) ?? false }, ...below(child, at)]
    }),
    ...(schema.items === undefined ? [] : below(schema.items, `${path}[]`)),
    ...choices.flatMap((choice) => below(choice, path)),
  ]
  return [...new Map(keys.map((key) => [`${key.path} ${key.schema.description}`, key])).values()]
}

const table = (keys: readonly Key[]): string => ['| key | is | default |', '|---|---|---|', ...keys.map(row)].join('\n')

function row({ path, schema, required }: Key): string {
  const example = schema.examples?.[0]
  const says = [
    schema.description ?? '',
    ...(schema.enum === undefined ? [] : [`one of ${schema.enum.map(code).join(', ')}`]),
    ...(example === undefined ? [] : [`example: ${code(example)}`]),
  ]
  const fallback = schema.default === undefined ? (required ? 'required' : '') : code(schema.default)
  return `| \`${path}\` | ${says.filter((one) => one !== '').join('; ')} | ${fallback} |`
}

const code = (value: unknown): string =>
  `\`${(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('|', '\\|')}\``
