import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../errors.ts'
import type { Offer } from './keys.ts'
import type { Rung } from './ladder.ts'
import { type Link, openLink, type Reach, type Way } from './link.ts'
import { HostKeyError } from './refusals.ts'

/** A rung with what it offers. */
export type Try = { readonly rung: Rung; readonly way: Way }

/** The rungs that take a key, with these keys; none where there is no key. */
export const withKeys = (all: readonly Rung[], offers: readonly Offer[]): readonly Try[] =>
  offers.length === 0
    ? []
    : all.map((rung) => ({ rung, way: { ...rung, credentials: offers.map((offer) => ({ type: 'key' as const, offer })) } }))

/** A port that has not answered after this long lets the next rung begin, since a closed one may not answer at all. */
const patienceMs = 300

/**
 * Tries one after the other, the next one early where a port is silent. The first that works ends the others; nothing when none does,
 * and `failures` then says why. Throws HostKeyError at once when the host is not to be trusted.
 */
export async function firstOf(reach: Reach, tries: readonly Try[], failures: Map<Rung, string>): Promise<Link | undefined> {
  const others = new AbortController()
  const won = Promise.withResolvers<Link>()
  const running: Promise<void>[] = []
  try {
    for (const { rung, way } of tries) {
      let answered = false
      const open = openLink(reach, way, others.signal, () => {
        answered = true
      })
      const done = open.then(
        (link) => (others.signal.aborted ? link.end() : won.resolve(link)),
        (error: Error) => {
          if (error instanceof HostKeyError || !(error instanceof ConnectionError)) won.reject(error)
          failures.set(rung, error.message)
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
