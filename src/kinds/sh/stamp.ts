import { createHmac } from 'node:crypto'
import type { Secret } from '../../secret.ts'
import { type Sh, sh } from '../../sh.ts'

/**
 * What proves that a password is the declared one without trying it at each check: an HMAC of it, whose key is in the secrets
 * store and never on the host, beside a digest of what the host made of it.
 */
export function stampOf(password: Secret, key: Secret): string {
  if (!password.known || !key.known) return 'a secret that is yet to be made'
  return createHmac('sha256', key.reveal()).update(password.reveal()).digest('hex')
}

/** sh: keeps a stamp. `row` is a piece of sh that prints the digest of what the host made of the password. */
export const keepStamp = (name: string, stamp: string, row: Sh): Sh => sh`
mkdir -p -m 0700 -- "$provision/stamp"
printf '%s %s\n' ${stamp} "$(${row})" > "$provision/stamp/.new"
mv -T -- "$provision/stamp/.new" "$provision/stamp/"${name}`
