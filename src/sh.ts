import { hidden, Secret } from './secret.ts'

/** What every copy of this module knows an Sh by. */
const made: unique symbol = Symbol.for('provision.Sh')

/** A piece of POSIX sh. Only the `sh` tag makes one, so no value reaches a host unquoted. */
export interface Sh {
  /** What the host runs. */
  readonly text: string
  /** What logs and errors may show: the same, with every secret hidden. */
  readonly shown: string
  /** The secrets in it, so that what the host answers can be cleaned of them. */
  readonly secrets: readonly string[]
  readonly [made]: true
}

/** What may stand in a `sh` template: text and numbers are quoted, a list of them becomes words, `Sh` goes in as it is. */
export type Value = string | number | Secret | Sh | readonly (string | number | Secret)[] | readonly Sh[]

/**
 * POSIX sh with values put in safely: every string, number and secret in single quotes, so none of them can be code.
 * The text is taken raw (`\n` stays `\n`, for printf); a shell brace is written `\${x}`, a backquote is not needed.
 * Throws a TypeError for a NUL, which no shell can carry, and for what is neither a value nor an Sh: `undefined` would reach the host as a word.
 */
export function sh(parts: TemplateStringsArray, ...values: readonly Value[]): Sh {
  const pieces = values.map(piece)
  const join = (pick: (from: Piece) => string) =>
    parts.raw.map((part, i) => part.replaceAll('\\${', '${') + (i < pieces.length ? pick(pieces[i]!) : '')).join('')
  return from(
    join(({ text }) => text),
    join(({ shown }) => shown),
    pieces.flatMap(({ secrets }) => secrets),
  )
}

/** Several pieces, one a line. */
export function lines(all: readonly Sh[]): Sh {
  return sh`${all}`
}

/** The same, read by the host's sh only when it comes to it: a mistake in it is an error there, and not of the script that it is in. */
export const readLater = ({ text, shown, secrets }: Sh): Sh => from(`eval ${quote(text)}`, `eval ${quote(shown)}`, secrets)

/** Whether a value was made by the `sh` tag, of whichever copy of this module. */
export const isSh = (value: unknown): value is Sh => typeof value === 'object' && value !== null && made in value

/** What a host said, with every secret of the script that it answers hidden. */
export function redact(text: string, { secrets }: Pick<Sh, 'secrets'>): string {
  return secrets.reduce((clean, secret) => (secret === '' ? clean : clean.replaceAll(secret, hidden)), text)
}

type Piece = Pick<Sh, 'text' | 'shown' | 'secrets'>

const from = (text: string, shown: string, secrets: readonly string[]): Sh => ({ text, shown, secrets, [made]: true })

function piece(value: Value): Piece {
  if (value instanceof Secret) {
    const revealed: unknown = value.reveal()
    if (typeof revealed !== 'string') throw new TypeError(`the secret ${value.name} is not a text`)
    // A secret of several lines may come back line by line, in an error of the program that read it.
    const parts = revealed.split('\n').filter((line) => line.length >= 6)
    return { text: quote(revealed), shown: quote(hidden), secrets: [revealed, ...parts] }
  }
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) {
    const quoted = quote(String(value))
    return { text: quoted, shown: quoted, secrets: [] }
  }
  if (!Array.isArray(value)) {
    if (isSh(value)) return value
    const what = typeof value === 'object' && value !== null ? 'an object' : `${typeof value} ${String(value)}`
    throw new TypeError(`${what} cannot be part of a shell script: only text, finite numbers, secrets and sh\`…\` can`)
  }
  const pieces = (value as readonly (string | number | Secret | Sh)[]).map(piece)
  const between = value.some(isSh) ? '\n' : ' '
  return {
    text: pieces.map(({ text }) => text).join(between),
    shown: pieces.map(({ shown }) => shown).join(between),
    secrets: pieces.flatMap(({ secrets }) => secrets),
  }
}

function quote(value: string): string {
  if (value.includes('\0')) throw new TypeError('a NUL cannot be part of a shell script')
  return `'${value.replaceAll("'", `'\\''`)}'`
}
