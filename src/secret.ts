/** What stands in every text that a person or a log may see, where a secret was. */
export const hidden = '(secret)'

/** How a secret is made up when the store has no value for it: to be typed by people, 256 bits for programs, or a private SSH key. */
export type MadeAs = 'password' | 'key' | 'ed25519'

/** What else is known of a secret. */
export interface SecretFacts {
  /** How it may be made up. Left out for what somebody else has given out, such as the key of an API. */
  readonly madeAs?: MadeAs | undefined
  /** The secrets of the store that it is made of, when it is not one of them itself. */
  readonly members?: readonly Secret[]
}

/** What every copy of this module knows a Secret by: a playbook of one's own may import another copy than the one that runs it. */
const brand = Symbol.for('provision.Secret')

/** What the inspector asks for: util.inspect.custom, by its name, so that a playbook of one's own needs no types of Node to read ours. */
const inspected: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/**
 * A value that reaches the host and nobody else. It prints as `(secret)` wherever it is printed by accident:
 * in a template, in JSON, in the inspector. Only `reveal` gives it.
 */
export class Secret {
  /** `instanceof` recognizes a Secret of another copy of the package, which would else be written out as some object. */
  static [Symbol.hasInstance](value: unknown): value is Secret {
    return typeof value === 'object' && value !== null && brand in value
  }

  readonly [brand] = true
  /** What it is, as in the secrets store: `mail/xoyi@xoyize.xyz`. Safe to show. */
  readonly name: string
  /** How it may be made up; undefined when only somebody else can give it. */
  readonly madeAs: MadeAs | undefined
  readonly #read: () => string | undefined
  readonly #members: readonly Secret[] | undefined

  constructor(name: string, read: () => string | undefined, { madeAs, members }: SecretFacts = {}) {
    this.name = name
    this.madeAs = madeAs
    this.#read = read
    this.#members = members
  }

  /** The secrets of the store that it is made of: itself, or those in a text. */
  get members(): readonly Secret[] {
    return this.#members ?? [this]
  }

  /** False while the store has no value for it: `--check` makes up none. */
  get known(): boolean {
    return this.#read() !== undefined
  }

  /** The value. Throws a plain Error when there is none, which is a fault of the caller: ask `known` first. */
  reveal(): string {
    const value = this.#read()
    if (value === undefined) throw new Error(`the secret ${this.name} has no value yet`)
    return value
  }

  /** The same secret written in another way: escaped, encoded. */
  map(change: (value: string) => string): Secret {
    return new Secret(this.name, () => (this.known ? change(this.reveal()) : undefined), { members: this.members })
  }

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspected](): string {
    return hidden
  }
}

/** A text with secrets in it, which is a secret as a whole: `secretText\`password ${password}\n\``. */
export function secretText(parts: TemplateStringsArray, ...values: readonly (string | number | Secret)[]): Secret {
  const secrets = values.filter((value) => value instanceof Secret)
  const join = () => String.raw({ raw: parts }, ...values.map((value) => (value instanceof Secret ? value.reveal() : value)))
  return new Secret(
    secrets.map(({ name }) => name).join(', '),
    () => (secrets.every(({ known }) => known) ? join() : undefined),
    {
      members: secrets.flatMap(({ members }) => members),
    },
  )
}

/** The secrets of the store in a value, however deep: in lists, objects and maps. Each name once. */
export function secretsIn(value: unknown): readonly Secret[] {
  const found = new Map<string, Secret>()
  const seen = new Set<object>()
  const walk = (part: unknown): void => {
    if (typeof part !== 'object' || part === null || seen.has(part)) return
    seen.add(part)
    if (part instanceof Secret) {
      for (const secret of part.members) if (found.get(secret.name)?.madeAs === undefined) found.set(secret.name, secret)
    } else if (part instanceof Map || part instanceof Set) for (const one of part) walk(one)
    else for (const one of Object.values(part)) walk(one)
  }
  walk(value)
  return [...found.values()]
}
