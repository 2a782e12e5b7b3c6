import type { AnyAuthMethod } from 'ssh2'
import { ConnectionError } from '../../errors.ts'
import { explain } from '../link/route.ts'
import type { Credential, Way } from '../link/way.ts'

/** The host refused what was offered: trying again changes nothing. */
export class RefusedError extends ConnectionError {
  /** What became of a password that was offered after keys, in a few words; nothing when none was. */
  readonly password: string | undefined

  constructor(where: string, message: string, { hint, password }: { readonly hint?: string; readonly password?: string } = {}) {
    super(where, message, hint)
    this.password = password
  }
}

/**
 * Offers the credentials one after the other over one connection, for each connection that lets nobody in counts for fail2ban, and
 * remembers which was the last. A password is not sent where the host says that it takes none.
 */
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
    if (credential.type === 'key') return credential.offer.method(user)
    if (left !== null && !takesPassword(left)) return false
    return { type: 'password', username: user, password: credential.password }
  }
  return { next, used: () => credentials[Math.min(Math.max(at, 0), credentials.length - 1)]!, left: () => takes }
}

const takesPassword = (left: readonly string[]): boolean => left.includes('password') || left.includes('keyboard-interactive')

/** Why a login failed, in a few words: RefusedError when nothing that was offered was taken, else ConnectionError. */
export function failure(error: SshError, address: string, { credentials }: Way, left: readonly string[] | null): ConnectionError {
  if (error instanceof ConnectionError) return error
  if (error.level === 'client-authentication') {
    const key = credentials.flatMap((one) => (one.type === 'key' ? [one.offer.shown] : []))
    const takes = left === null ? '' : ` (it takes ${left.join(', ')})`
    const password = left !== null && !takesPassword(left) ? `no password is taken${takes}` : `the password was refused${takes}`
    if (key.length === 0) return new RefusedError(address, password)
    const offered = credentials.some(({ type }) => type === 'password')
    return new RefusedError(address, `the key ${key.join(', ')} was refused${takes}`, offered ? { password } : {})
  }
  if (error.level === 'agent') return new RefusedError(address, `the agent did not sign: ${error.message}`)
  if (error.level === 'client-timeout') return new ConnectionError(address, 'it answers, and then says nothing for 20 s')
  if (/before handshake|No response/.test(error.message))
    return new ConnectionError(address, 'it closes the connection: too many at once, or this address is banned there')
  return new ConnectionError(address, explain(error))
}

type SshError = NodeJS.ErrnoException & { readonly level?: string }
