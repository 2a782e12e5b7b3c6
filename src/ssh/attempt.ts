import type { AnyAuthMethod } from 'ssh2'
import { ConnectionError } from '../errors.ts'
import type { Credential, Way } from './link.ts'
import { explain } from './route.ts'

/** The host refused what was offered: trying again changes nothing. */
export class RefusedError extends ConnectionError {}

/** Offers the credentials one after the other, and remembers which was the last. */
export function attemptOf({ user, credentials }: Way): {
  next: (left: readonly string[] | null) => AnyAuthMethod | false
  used: () => Credential
  left: () => readonly string[] | null
} {
  let at = -1
  let takes: readonly string[] | null = null
  let asked = false
  const next = (left: readonly string[] | null): AnyAuthMethod | false => {
    takes = left ?? takes
    const current = credentials[at]
    // Some hosts take a password by questions only. One that takes both would count two failures.
    if (current?.type === 'password' && !asked && left?.includes('keyboard-interactive') && !left.includes('password')) {
      asked = true
      return {
        type: 'keyboard-interactive',
        username: user,
        prompt: (_n, _i, _l, prompts, finish) => finish(prompts.map(() => current.password)),
      }
    }
    const credential = credentials[++at]
    if (credential === undefined) return false
    return credential.type === 'key'
      ? credential.offer.method(user)
      : { type: 'password', username: user, password: credential.password }
  }
  return { next, used: () => credentials[Math.min(Math.max(at, 0), credentials.length - 1)]!, left: () => takes }
}

/** Why a login failed, in a few words: RefusedError when nothing that was offered was taken, else ConnectionError. */
export function failure(error: SshError, address: string, { credentials }: Way, left: readonly string[] | null): ConnectionError {
  if (error instanceof ConnectionError) return error
  if (error.level === 'client-authentication') {
    const key = credentials.flatMap((one) => (one.type === 'key' ? [one.offer.shown] : []))
    const takes = left === null ? '' : ` (it takes ${left.join(', ')})`
    return new RefusedError(
      address,
      key.length > 0 ? `the key ${key.join(', ')} was refused${takes}` : `the password was refused${takes}`,
    )
  }
  if (error.level === 'agent') return new RefusedError(address, `the agent did not sign: ${error.message}`)
  if (error.level === 'client-timeout') return new ConnectionError(address, 'it answers, and then says nothing for 20 s')
  if (/before handshake|No response/.test(error.message))
    return new ConnectionError(address, 'it closes the connection: too many at once, or this address is banned there')
  return new ConnectionError(address, explain(error))
}

type SshError = NodeJS.ErrnoException & { readonly level?: string }
