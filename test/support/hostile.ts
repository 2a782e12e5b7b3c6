import fc from 'fast-check'
import { Server } from '../../src/inventory/inventory.ts'
import { example } from './arbitrary.ts'

/** What would make /pwned if any of it ran. */
export const attacks = [
  "'; touch /pwned; '",
  '"; touch /pwned; "',
  '$(touch /pwned)',
  '`touch /pwned`',
  '\ntouch /pwned\n',
  "'\ntouch /pwned\n'",
  '; touch /pwned;',
  '& touch /pwned &',
  '| touch /pwned',
  '-rf',
  '--help',
  '%s%n',
  '\\',
  "'",
  '*',
  '# ',
  '${IFS}touch${IFS}/pwned',
]

/** Public keys whose comment is an attack. */
const keys = attacks.map((attack) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4xYdVUnIgxTkfrBd0ieltw6Ry8ppu7yUBoNjL6n7eR ${attack}`)

type Path = readonly (string | number)[]

/** Each place of the inventory that holds text, with every attack that its field takes: alone, before, after or within what stands there. */
const places: readonly { readonly path: Path; readonly values: readonly string[] }[] = [...texts(example)]
  .map(({ path, text }) => ({
    path,
    values: (path.includes('keys') ? keys : attacks)
      .flatMap((attack) => [attack, attack + text, text + attack, text.slice(0, -1) + attack + text.slice(-1)])
      .filter((value) => Server.safeParse(replaced(example, path, value)).success),
  }))
  // A font has to be there.
  .filter(({ path, values }) => values.length > 0 && !path.includes('font'))

/** Inventories like inventory/example.yml in which every field that takes an attack holds one, as far as they go together. */
export const attacked: fc.Arbitrary<unknown> = fc
  .tuple(...places.map(({ path, values }) => fc.constantFrom(...values).map((value) => ({ path, value }))))
  .map((all) =>
    all.reduce<unknown>((raw, { path, value }) => {
      const next = replaced(raw, path, value)
      return Server.safeParse(next).success ? next : raw
    }, example),
  )

/** The places that take one, as `motd.lines.0`. */
export const open: readonly string[] = places.map(({ path }) => path.join('.'))

function* texts(value: unknown, path: Path = []): Iterable<{ readonly path: Path; readonly text: string }> {
  if (typeof value === 'string') yield { path, text: value }
  else if (Array.isArray(value)) for (const [i, one] of value.entries()) yield* texts(one, [...path, i])
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    for (const [key, one] of Object.entries(value)) yield* texts(one, [...path, key])
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((one: unknown, i) => (i === key ? replaced(one, rest, by) : one))
  const record = value as Record<string, unknown>
  return { ...record, [key]: replaced(record[key], rest, by) }
}
