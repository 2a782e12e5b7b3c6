import { ProvisionError } from '../errors.ts'

/** It could not be looked at: why, and the next move. */
export class CouldNotLook extends ProvisionError {
  constructor(why: string, hint = 'look again later') {
    super('doctor', why, hint)
  }
}

/** A resolver that validates refuses an answer that it gives without validation: that was seen, and is an outage for all who validate. */
export class Bogus extends CouldNotLook {}
