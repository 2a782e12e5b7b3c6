import * as z from 'zod'
import { type MadeAs, Secret } from '../../secret.ts'

export { secretName, secretPlaceholder } from '../../secrets/secret-name.ts'

/**
 * A reference into the secrets store: `!secret NAME`. Unbound until the inventory is loaded. `madeAs` says how it is made up
 * when it has no value; left out, only its owner can give it.
 */
export const secretField = (madeAs?: MadeAs) =>
  z
    .instanceof(Secret, { error: 'is a secret: write “!secret NAME” here, and give its value with “provision secrets set NAME”' })
    .transform((secret) => new Secret(secret.name, () => (secret.known ? secret.reveal() : undefined), { madeAs }))
