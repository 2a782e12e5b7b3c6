import { ProvisionError } from '../errors.ts'
import { Bogus } from './could-not-look.ts'
import type { Patient } from './patient.ts'

/** What a check came to. `could not look` is never taken for ok. */
export type Verdict = 'ok' | 'warning' | 'error' | 'could not look'

/** One thing that was seen, and what to do about it. */
export interface Finding {
  /** What it is about: `25/tcp over IPv6`, `example.org`. */
  readonly subject: string
  readonly verdict: Verdict
  readonly message: string
  /** The next move; every finding that is not ok has one. */
  readonly next?: string
}

/** One thing that the doctor looks at. A check that cannot look throws; it says nothing that it has not seen. */
export interface Check {
  readonly id: string
  /** What is true of a well server. */
  readonly title: string
  /** Milliseconds after which it could not look; 15 seconds when left out. */
  readonly limit?: number
  look(patient: Patient): Promise<readonly Finding[]>
}

/** It is as it should be. */
export const ok = (subject: string, message: string): Finding => ({ subject, verdict: 'ok', message })
/** It works, and somebody should see to it. */
export const warning = (subject: string, message: string, next: string): Finding => ({
  subject,
  verdict: 'warning',
  message,
  next,
})
/** It does not work. */
export const error = (subject: string, message: string, next: string): Finding => ({ subject, verdict: 'error', message, next })
/** Nobody knows. */
export const blind = (subject: string, message: string, next: string): Finding => ({
  subject,
  verdict: 'could not look',
  message,
  next,
})

/** The findings of several looks at once; one that could not look does not hide the others. */
export async function each<T>(
  all: readonly T[],
  subject: (one: T) => string,
  look: (one: T) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const looks = all.map((one) => look(one).catch((cause: unknown) => [unseen(subject(one), cause)]))
  return (await Promise.all(looks)).flat()
}

/** What is said when a look has thrown. */
export function unseen(subject: string, cause: unknown): Finding {
  const why = cause instanceof Error ? cause.message : String(cause)
  const hint = cause instanceof ProvisionError ? cause.hint : undefined
  const next = hint ?? 'look again; --debug shows more'
  return cause instanceof Bogus ? error(subject, why, next) : blind(subject, why, next)
}

const order: readonly Verdict[] = ['ok', 'warning', 'could not look', 'error']

/** The worst of several verdicts. Nothing seen at all is no ok. */
export const worst = (verdicts: readonly Verdict[]): Verdict =>
  order.toReversed().find((verdict) => verdicts.includes(verdict)) ?? 'could not look'
