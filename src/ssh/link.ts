import type { Duplex } from 'node:stream'
import type { AnyAuthMethod, Client } from 'ssh2'
import { ConnectionError } from '../errors.ts'
import type { Offer } from './keys.ts'
import { explain, type Route } from './route.ts'
import type { HostKeyError, Trust } from './trust.ts'

/** One way to log in: a key, or a password. */
export type Credential =
  | { readonly type: 'key'; readonly offer: Offer }
  | { readonly type: 'password'; readonly password: string }

/** Who logs in, where, and what is offered, in this order. */
export interface Way {
  readonly user: string
  readonly port: number
  readonly credentials: readonly Credential[]
}

/** A login that worked. */
export interface Link {
  readonly client: Client
  readonly user: string
  readonly port: number
  /** The way with only the credential that worked, to go the same way again. */
  readonly way: Way
  readonly hostKey: Buffer
  /** `the key SHA256:…`, `a password`. */
  readonly by: string
  /** Settles when the connection is gone, whoever ended it. */
  readonly ended: Promise<void>
  /** Ends it without waiting for the host's answer, which would cost a round trip. */
  end(): void
}

/** What ssh.ts gives: one SSH dialogue over a stream. It resolves when logged in, and rejects with what ssh2 says. */
export type Dial = (settings: {
  /** On its way to be opened: what must be loaded is loaded meanwhile. */
  readonly sock: Promise<Duplex>
  readonly user: string
  readonly algorithms: readonly string[]
  readonly accepts: (key: Buffer) => boolean
  /** The next method to try, given those that the host still takes (nothing before the first); false when there is none. */
  readonly next: (left: readonly string[] | null) => AnyAuthMethod | false
  readonly debug: ((line: string) => void) | undefined
}) => Promise<Client>

/** What one login needs. */
export interface Reach {
  readonly address: string
  readonly route: Route
  /** Ends the logins at the hosts on the way. */
  end(): void
  readonly trust: Trust
  readonly dial: Dial
  readonly debug: ((line: string) => void) | undefined
}

/** The host refused what was offered: trying again changes nothing. */
export class RefusedError extends ConnectionError {}

/**
 * Logs in one way. Throws ConnectionError with why it failed, in a few words; RefusedError when nothing that was offered was taken;
 * HostKeyError when the host is not to be trusted. `connected` is called when the port has answered.
 */
export async function openLink(
  reach: Reach,
  way: Way,
  signal: AbortSignal,
  connected: () => void = () => undefined,
): Promise<Link> {
  const { address, route, trust, dial, debug } = reach
  for (;;) {
    const sock = route(way.port, signal)
    const abort = () => void sock.then((opened) => opened.destroy(), ignore)
    sock.then(connected, ignore)
    signal.addEventListener('abort', abort, { once: true })
    let shown: Buffer | undefined
    const attempt = attemptOf(way)
    try {
      const client = await dial({
        sock,
        user: way.user,
        algorithms: trust.algorithms(way.port),
        accepts: (key) => {
          shown = key
          return trust.accepts(way.port, key)
        },
        next: attempt.next,
        debug,
      })
      const { promise: ended, resolve } = Promise.withResolvers<void>()
      client.once('close', resolve)
      trust.keep(way.port, shown!)
      const used = attempt.used()
      const by = used.type === 'key' ? `the key ${used.offer.shown}` : 'a password'
      const end = () => {
        client.end()
        void sock.then(
          (opened) => (opened.writableFinished ? opened.destroy() : opened.once('finish', () => opened.destroy())),
          ignore,
        )
      }
      return { client, end, user: way.user, port: way.port, way: { ...way, credentials: [used] }, hostKey: shown!, by, ended }
    } catch (error) {
      abort()
      if (shown !== undefined && !trust.accepts(way.port, shown)) await trust.settle(way.port, shown)
      else throw failure(error as SshError, address, way, attempt.left(), () => trust.unmatched(way.port))
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

type SshError = NodeJS.ErrnoException & { readonly level?: string }

const ignore = (): void => undefined

/** Offers the credentials one after the other, and remembers which was the last. */
function attemptOf({ user, credentials }: Way): {
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

function failure(
  error: SshError,
  address: string,
  { credentials }: Way,
  left: readonly string[] | null,
  unmatched: () => never,
): Error {
  if (error instanceof ConnectionError) return error
  if (/no matching host key format/.test(error.message)) {
    try {
      unmatched()
    } catch (refused) {
      return refused as HostKeyError
    }
  }
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
