/** What every copy of this module knows its errors by: a playbook of one's own may import another copy. */
const brand = Symbol.for('provision.ProvisionError')

/** Something went wrong in a way that the operator can act on: where, what, and the next move. Printed without a stack. */
export class ProvisionError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: every subclass inherits it, and answers for itself
    if (this === ProvisionError) return typeof value === 'object' && value !== null && brand in value
    // biome-ignore lint/complexity/noThisInStatic: the same
    return Function.prototype[Symbol.hasInstance].call(this, value)
  }

  readonly [brand] = true
  /** The place: a file, a resource, a step, an address. */
  readonly where: string
  /** The next move, when there is one to name. */
  readonly hint: string | undefined

  constructor(where: string, message: string, hint?: string) {
    super(message)
    this.name = new.target.name
    this.where = where
    this.hint = hint
  }
}

/** The host could not be reached, or did not let us in, or was lost on the way. */
export class ConnectionError extends ProvisionError {}

/** No inventory is called that: one may be made. */
export class UnknownHost extends ProvisionError {}

/** The operator interrupted the run. Exit code 130 for Ctrl-C, 143 for SIGTERM. */
export class Interrupted extends ProvisionError {
  readonly code: 130 | 143

  constructor(where: string, message: string, code: 130 | 143, hint?: string) {
    super(where, message, hint)
    this.code = code
  }
}

/** What a command that would ask says where nobody is there to answer; `hint` is how to do without. */
export const noTerminal = (hint: string): ProvisionError =>
  new ProvisionError('provision', 'there is no terminal to ask on', hint)
