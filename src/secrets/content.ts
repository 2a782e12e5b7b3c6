import { randomInt } from 'node:crypto'
import { parseDocument, stringify } from 'yaml'
import { ProvisionError } from '../errors.ts'
import type { MadeAs } from '../secret.ts'
import { newKey } from './ed25519.ts'
import { secretName } from './secret-name.ts'

/** Reads the YAML in a store. Throws ProvisionError for what is no map of names to texts. The text is never part of the message. */
export function parseSecrets(file: string, text: string): ReadonlyMap<string, string> {
  // failsafe: every value is a text, so that a password of digits keeps its zeros.
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false })
  const [fault] = document.errors
  if (fault !== undefined) throw new ProvisionError(file, `what is in it is no YAML: ${fault.code} at character ${fault.pos[0]}`)
  const raw: unknown = document.toJS() ?? {}
  if (raw === '') return new Map()
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new ProvisionError(file, 'what is in it is no list of names and values')
  return new Map(
    Object.entries(raw).map(([name, value]: [string, unknown]) => {
      if (!secretName.test(formerName.exec(name)?.[2] ?? name)) throw new ProvisionError(file, `“${name}” is no name of a secret`)
      if (typeof value !== 'string') throw new ProvisionError(file, `${name} is not one text`)
      if (value === '') throw new ProvisionError(file, `${name} is empty`)
      if (value.includes('\0')) throw new ProvisionError(file, `${name} has a NUL in it`)
      return [name, value]
    }),
  )
}

/** What a store holds: the values of now, and what each was before, the last one first. */
export interface Contents {
  readonly values: ReadonlyMap<string, string>
  readonly previous: ReadonlyMap<string, readonly string[]>
}

/** How many former values of a secret are kept: what opens something is set anew a few times in the life of a server. */
const kept = 10

/** How a former value is called in the file: `previous/1/backup/passphrase` is the last one. No secret may have such a name. */
export const formerName = /^previous\/([1-9][0-9]*)\/(.+)$/

/** Reads the YAML in a store, with its former values. Throws ProvisionError as `parseSecrets` does. */
export function parseContents(file: string, text: string): Contents {
  const values = new Map<string, string>()
  const former: { readonly name: string; readonly at: number; readonly value: string }[] = []
  for (const [key, value] of parseSecrets(file, text)) {
    const [, at, name] = formerName.exec(key) ?? []
    if (name === undefined) values.set(key, value)
    else former.push({ name, at: Number(at), value })
  }
  const inOrder = former.toSorted((a, b) => a.at - b.at)
  const previous = [...Map.groupBy(inOrder, ({ name }) => name)].map(
    ([name, all]) => [name, all.map(({ value }) => value)] as const,
  )
  return { values, previous: new Map(previous) }
}

/** The YAML of a store, with its former values. */
export const formatContents = ({ values, previous }: Contents): string =>
  formatSecrets(
    new Map([
      ...values,
      ...[...previous].flatMap(([name, all]) => all.map((value, i) => [`previous/${i + 1}/${name}`, value] as const)),
    ]),
  )

/** The same store with other values: what a secret was, before it was changed or removed, is kept. Pure. */
export function changed({ values: before, previous }: Contents, values: ReadonlyMap<string, string>): Contents {
  const replaced = [...before].filter(([name, value]) => values.get(name) !== value)
  const added = replaced.map(([name, value]) => {
    const older = (previous.get(name) ?? []).filter((one) => one !== value && one !== values.get(name))
    return [name, [value, ...older].slice(0, kept)] as const
  })
  return { values, previous: new Map([...previous, ...added]) }
}

/** The YAML of a list of secrets. */
export const formatSecrets = (values: ReadonlyMap<string, string>): string =>
  values.size === 0
    ? ''
    : stringify(Object.fromEntries([...values].toSorted(([a], [b]) => (a < b ? -1 : 1))), { schema: 'failsafe', lineWidth: 0 })

/** For people four groups of five letters and digits that none mistakes for another (116 bits); for programs 256 bits; an SSH key in OpenSSH's format. */
export function makeUp(as: MadeAs): string {
  const pick = (alphabet: string, length: number) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
  if (as === 'ed25519') return newKey()
  if (as === 'key') return pick('0123456789abcdef', 64)
  return Array.from({ length: 4 }, () => pick('abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789', 5)).join('-')
}
