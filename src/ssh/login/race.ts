import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../../errors.ts'
import type { Offer } from '../keys/offer.ts'
import { type Link, type LoginSettings, openLink } from '../link/link.ts'
import type { Rung, Way } from '../link/way.ts'
import { HostKeyError } from '../trust/refusals.ts'
import { RefusedError } from './attempt.ts'

/** A rung with what it offers. */
export type Try = { readonly rung: Rung; readonly way: Way }

/**
 * The rungs that take a key, with these keys; none where there is no key. Root's password, where it is given, is offered over the same
 * connection: one that only showed a key which the host does not know would count for fail2ban.
 */
export const withKeys = (all: readonly Rung[], offers: readonly Offer[], rootPassword?: string): readonly Try[] =>
  offers.length === 0
    ? []
    : all.map((rung) => {
        const keys = offers.map((offer) => ({ type: 'key' as const, offer }))
        const password =
          rung.user === 'root' && rootPassword !== undefined ? [{ type: 'password' as const, password: rootPassword }] : []
        return { rung, way: { ...rung, credentials: [...keys, ...password] } }
      })

/** Why nobody gets in: by rung, and by port for root's password that was offered after a key. */
export interface Failures {
  readonly rungs: Map<Rung, string>
  readonly passwords: Map<number, string>
}

/** What a port says that lets nobody in. */
export const closed = /^connection refused$|^no (answer|route)|^its name/

/** A port that has not answered after this long lets the next rung begin, since a closed one may not answer at all. */
const patienceMs = 300

/**
 * Tries one after the other, the next one early where a port is silent. The first that works ends the others; nothing when none does,
 * and `failures` then says why. Throws HostKeyError at once when the host is not to be trusted.
 */
export async function firstOf(reach: LoginSettings, tries: readonly Try[], failures: Failures): Promise<Link | undefined> {
  const others = new AbortController()
  const won = Promise.withResolvers<Link>()
  const running: Promise<void>[] = []
  try {
    for (const { rung, way } of tries) {
      const same = [...failures.rungs].find(([other, why]) => other.port === rung.port && closed.test(why))
      if (same !== undefined) {
        failures.rungs.set(rung, same[1])
        continue
      }
      let answered = false
      const open = openLink(reach, way, others.signal, () => {
        answered = true
      })
      const done = open.then(
        (link) => (others.signal.aborted ? link.end() : won.resolve(link)),
        (error: Error) => {
          if (error instanceof HostKeyError || !(error instanceof ConnectionError)) won.reject(error)
          failures.rungs.set(rung, error.message)
          if (error instanceof RefusedError && error.password !== undefined) failures.passwords.set(rung.port, error.password)
        },
      )
      running.push(done)
      // After the timer, one turn of the loop: loading ssh2 may have kept us from hearing that the port did answer.
      const silent = sleep(patienceMs, undefined, { ref: false })
        .then(() => sleep(0))
        .then(() => (answered ? done : undefined))
      await Promise.race([done, silent, won.promise])
      if (await settled(won.promise)) break
    }
    return await Promise.race([won.promise, Promise.all(running).then(() => undefined)])
  } finally {
    others.abort()
  }
}

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), Promise.resolve().then(() => false)])
