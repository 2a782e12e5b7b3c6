import { inspect } from 'node:util'

/** What stands in every text that a person or a log may see, where a secret was. */
export const hidden = '(secret)'

/**
 * A value that reaches the host and nobody else. It prints as `(secret)` wherever it is printed by accident:
 * in a template, in JSON, in the inspector. Only `reveal` gives it.
 */
export class Secret {
  /** What it is, as in the secrets store: `mail/xoyi@xoyize.xyz`. Safe to show. */
  readonly name: string
  readonly #read: () => string | undefined

  constructor(name: string, read: () => string | undefined) {
    this.name = name
    this.#read = read
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

  toString(): string {
    return hidden
  }

  toJSON(): string {
    return hidden
  }

  [inspect.custom](): string {
    return hidden
  }
}

/** A text with secrets in it, which is a secret as a whole: `secretText\`password ${password}\n\``. */
export function secretText(parts: TemplateStringsArray, ...values: readonly (string | number | Secret)[]): Secret {
  const known = () => values.every((value) => !(value instanceof Secret) || value.known)
  const join = () => String.raw({ raw: parts }, ...values.map((value) => (value instanceof Secret ? value.reveal() : value)))
  const names = values.flatMap((value) => (value instanceof Secret ? [value.name] : []))
  return new Secret(names.join(', '), () => (known() ? join() : undefined))
}
