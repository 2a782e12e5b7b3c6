import { randomInt } from 'node:crypto'
import { parseDocument, stringify } from 'yaml'
import { ProvisionError } from '../errors.ts'
import { secretName } from '../inventory/secret-name.ts'
import type { MadeAs } from '../secret.ts'
import { newKey } from './ed25519.ts'

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
      if (!secretName.test(name)) throw new ProvisionError(file, `“${name}” is no name of a secret`)
      if (typeof value !== 'string') throw new ProvisionError(file, `${name} is not one text`)
      if (value === '') throw new ProvisionError(file, `${name} is empty`)
      if (value.includes('\0')) throw new ProvisionError(file, `${name} has a NUL in it`)
      return [name, value]
    }),
  )
}

/** The YAML of a store. */
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
