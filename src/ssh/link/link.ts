import type { Duplex } from 'node:stream'
import type { AnyAuthMethod, Client } from 'ssh2'
import { isSecurityKey, touchLimitMs } from '../keys/security-key.ts'
import { attemptOf, failure } from '../login/attempt.ts'
import type { Trust } from '../trust/trust.ts'
import type { Route } from './route.ts'
import type { Way } from './way.ts'

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
  /** How long all of it may take. */
  readonly patienceMs: number
  readonly debug: ((line: string) => void) | undefined
}) => Promise<Client>

/** How long a host may take to let one in, in milliseconds, and how long with a key that its owner has to touch. */
const patience = { usual: 20_000, touch: touchLimitMs }

/** What one login needs. */
export interface LoginSettings {
  readonly address: string
  readonly route: Route
  /** Ends the logins at the hosts on the way. */
  end(): void
  readonly trust: Trust
  readonly dial: Dial
  readonly debug: ((line: string) => void) | undefined
}

/**
 * Logs in one way. Throws ConnectionError with why it failed, in a few words; RefusedError when nothing that was offered was taken;
 * HostKeyError when the host is not to be trusted. `connected` is called when the port has answered.
 */
export async function openLink(
  reach: LoginSettings,
  way: Way,
  signal: AbortSignal,
  connected: () => void = () => undefined,
): Promise<Link> {
  const { address, route, trust, dial, debug } = reach
  const touched = way.credentials.some((one) => one.type === 'key' && isSecurityKey(one.offer.key))
  const patienceMs = touched ? patience.touch : patience.usual
  for (;;) {
    const sock = route(way.port, signal)
    const abort = () => void sock.then((opened) => opened.destroy(), ignore)
    sock.then(connected, ignore)
    signal.addEventListener('abort', abort, { once: true })
    let [shown, refused]: [Buffer | undefined, boolean] = [undefined, false]
    const attempt = attemptOf(way)
    try {
      const client = await dial({
        sock,
        user: way.user,
        algorithms: trust.algorithms(way.port),
        accepts: (key) => {
          shown = key
          refused = !trust.accepts(way.port, key)
          return !refused
        },
        next: attempt.next,
        patienceMs,
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
      if (/no matching host key format/.test((error as Error).message)) trust.unmatched(way.port)
      if (!refused) throw failure(error as Error, address, way, attempt.left())
      await trust.settle(way.port, shown!)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

const ignore = (): void => undefined
