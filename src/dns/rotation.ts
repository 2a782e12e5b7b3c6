import type { Rotation, Server } from '../inventory/inventory.ts'
import { shortTtl } from './records.ts'

/** How long a key takes to come and to go, in seconds. */
export interface Pace {
  /** From when every name server shows the next key until nobody can have an older answer. */
  readonly settle: number
  /** How long the retired one stays published. */
  readonly keep: number
}

/** Signatures of maddy are good for five days; a mail may be looked at again after it has waited in queues. */
export const dkimPace: Pace = { settle: 0, keep: 7 * 86_400 }

/** Twice the TTL: who has asked right before has asked again by then, and a name server that lags has been told. RFC 7671 8.1. */
export const tlsaPace: Pace = { settle: 2 * shortTtl, keep: 2 * shortTtl }

/** What comes next for a key: something to do, or a moment to wait for. */
export type Move =
  | { readonly do: 'begin' | 'publish' | 'use' | 'settle' | 'retire' }
  | { readonly do: 'wait'; readonly until: Date; readonly then: 'use' | 'retire' }

/**
 * From a state and the time to the next move. A state without `since` is one that has not been seen to hold yet: the next key at all
 * name servers, or the new one in use on the host. Pure.
 */
export function nextMove({ next, retired, since, ttl = 0 }: Rotation, { settle, keep }: Pace, now: Date): Move {
  const after = (seconds: number, then: 'use' | 'retire'): Move => {
    const until = new Date(Date.parse(since!) + seconds * 1000)
    return seconds > 0 && until > now ? { do: 'wait', until, then } : { do: then }
  }
  if (next !== undefined) return since === undefined ? { do: 'publish' } : after(Math.max(settle, 2 * ttl), 'use')
  if (retired !== undefined) return since === undefined ? { do: 'settle' } : after(Math.max(keep, 2 * ttl), 'retire')
  return { do: 'begin' }
}

/** A new key is named: it has to be made and published. */
export const begun = ({ key }: Rotation, next: string): Rotation => ({ key, next })

/** Every name server shows the next key, or the new one is in use: the time runs, from the next full minute. */
export const proved = (rotation: Rotation, now: Date): Rotation => ({ ...rotation, since: minute(now) })

/** A moment as an inventory has it: the minute that it is in has passed by then. */
export const minute = (at: Date): string => `${new Date(Math.ceil(at.getTime() / 60_000) * 60_000).toISOString().slice(0, 16)}Z`

/**
 * What was published at the name so far may be kept by others for so many seconds: it is remembered where the usual pace is too quick for
 * that. Undefined where it is not.
 */
export const slowed = (rotation: Rotation, ttl: number, { settle }: Pace): Rotation | undefined =>
  2 * ttl > settle && ttl > (rotation.ttl ?? 0) ? { ...rotation, ttl } : undefined

/** It holds no more, or nobody knows. */
export const unproved = ({ since: _, ...rotation }: Rotation): Rotation => rotation

/** The next key is used, the one before it goes. */
export const used = ({ key, next, ttl }: Rotation): Rotation => ({
  key: next!,
  retired: key,
  ...(ttl === undefined ? {} : { ttl }),
})

/** Only the key in use is left. */
export const retired = ({ key }: Rotation): Rotation => ({ key })

/** What a new key is called unless somebody says otherwise: by its month. */
export const nameOf = (prefix: string, now: Date): string => prefix + now.toISOString().slice(0, 7).replace('-', '')

/**
 * What is done next of several rotations, and with which of them; nothing when all wait. A new one begins only when none is under
 * way, and none has just ended. Pure.
 */
export function nextTurn<T extends { readonly move: Move }>(
  all: readonly T[],
  acted: boolean,
): { readonly do: Exclude<Move['do'], 'wait'>; readonly those: readonly T[] } | undefined {
  for (const what of ['settle', 'use', 'retire', 'publish'] as const) {
    const those = all.filter(({ move }) => move.do === what)
    if (those.length > 0) return { do: what, those }
  }
  return acted || all.some(({ move }) => move.do !== 'begin') ? undefined : { do: 'begin', those: all }
}

/** A key that waits for nobody but the operator. */
export interface Overdue {
  readonly subject: string
  readonly message: string
  /** The command that goes on. */
  readonly next: string
}

/** The rotations of a server that were begun and may go on. Pure. */
export function overdueRotations({ domains, mail }: Pick<Server, 'domains' | 'mail'>, now: Date): readonly Overdue[] {
  const of = (word: 'dkim' | 'tlsa', subject: string, rotation: Rotation, pace: Pace): readonly Overdue[] => {
    const move = nextMove(rotation, pace, now).do
    if (move === 'wait' || move === 'begin') return []
    const message =
      move === 'retire'
        ? `the retired key ${rotation.retired} of ${word.toUpperCase()} is overdue: nobody needs it any more`
        : `the change of its ${word.toUpperCase()} key to ${rotation.next ?? rotation.key} has been begun, and may go on`
    return [{ subject, message, next: `provision ${word} rotate --host X` }]
  }
  return [
    ...domains.flatMap(({ name, dkim }) => of('dkim', name, dkim, dkimPace)),
    ...of('tlsa', mail.hostname, mail.tlsa, tlsaPace),
  ]
}
