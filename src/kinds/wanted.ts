import type { Misfit } from '../engine/kind.ts'
import { Secret } from '../secret.ts'
import { isSh } from '../sh.ts'

/** Says what is wrong with the value of a field, and what to write instead; nothing when it will do. */
type Field = (value: unknown) => Misfit | undefined

/**
 * What the fields of a kind must be: types are gone when a playbook runs, and an author may have written it without them.
 * `file({ mode: 644 })` would else differ from what the host says for ever, or a script would fail in the middle of a run.
 */
export const wanted = {
  /** May be left out. */
  optional:
    (field: Field): Field =>
    (value) =>
      value === undefined ? undefined : field(value),

  /** Checked elsewhere, or by nobody. */
  any: (() => undefined) as Field,

  path: must(
    (value) => typeof value === 'string' && /^\/([^/\n]+(\/[^/\n]+)*)?$/.test(value) && !/(^|\/)\.\.?(\/|$)/.test(value),
    'write the whole path, without “..” and without a slash at its end: /etc/example.conf',
  ),

  mode: must((value) => typeof value === 'string' && /^0[0-7]{3,4}$/.test(value), "write its digits as text: '0644'"),

  /** The name of a user, group, unit or package: one word. */
  name: must((value) => typeof value === 'string' && /^\S+$/.test(value), 'write one word, as text'),

  text: must((value) => typeof value === 'string', 'write text'),

  content: must((value) => typeof value === 'string' || value instanceof Secret, 'write text, or a Secret'),

  secret: must((value) => value instanceof Secret, 'take a secret of the inventory, such as s.root.password'),

  script: must(isSh, 'write it with the sh tag: sh`…`'),

  flag: must((value) => typeof value === 'boolean', 'write true or false'),

  number: must((value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'write a whole number'),

  unit: must(
    (value) => typeof value === 'string' && /^[^\s/]+\.(service|timer|socket)$/.test(value),
    'write the whole name of the unit: example.service',
  ),

  oneOf: (...choices: readonly (string | true)[]): Field =>
    must((value) => choices.some((one) => one === value), `write one of: ${choices.join(', ')}`),

  listOf:
    (field: Field): Field =>
    (value) => {
      if (value === undefined) return { why: 'is missing', hint: 'write a list, [] when there is nothing in it' }
      if (!Array.isArray(value)) return { why: `is ${described(value)}, and must be a list`, hint: 'write [ … ] around it' }
      const [first] = value.flatMap((one, i) => {
        const wrong = field(one)
        return wrong === undefined ? [] : [{ ...wrong, why: `has an item that does not fit, number ${i + 1}: it ${wrong.why}` }]
      })
      return first
    },
} as const

/** A value as an error shows it, short: never what is in a secret or in a whole file. */
export function described(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return value.length > 60 || value.includes('\n') ? 'a long text' : `the text “${value}”`
  if (typeof value === 'number' || typeof value === 'boolean') return `${String(value)}, a ${typeof value}`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Secret) return 'a secret'
  if (isSh(value)) return 'a piece of sh'
  if (isPromise(value)) return 'a Promise'
  return typeof value === 'object'
    ? `an object${value.constructor?.name === 'Object' ? '' : ` (${value.constructor?.name})`}`
    : `a ${typeof value}`
}

/** What only an `await` makes a value of: nothing in a playbook waits. */
export const isPromise = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { readonly then?: unknown }).then === 'function'

/** What to do with it. */
export const awaitIt = 'await it at the top of the file, before the playbooks are made: they do not wait'

function must(holds: (value: unknown) => boolean, hint: string): Field {
  return (value) =>
    holds(value)
      ? undefined
      : { why: value === undefined ? 'is missing' : `is ${described(value)}`, hint: isPromise(value) ? awaitIt : hint }
}
