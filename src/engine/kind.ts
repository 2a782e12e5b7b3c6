import { ProvisionError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import type { Sh } from '../sh.ts'

/** One difference between what is declared and what the host has. */
export interface Change {
  readonly field: string
  readonly from: string
  readonly to: string
}

/** A pinned file that the operator's machine gets and sends. */
export interface Artifact {
  readonly name: string
  readonly version: string
}

/** A text on the host and what it should be, for `--diff`. */
export interface TextDiff {
  readonly path: string
  readonly wanted: string | Secret
}

/**
 * How one kind of thing is named, read, compared and corrected.
 * All are pure: a kind writes sh and reads its output, and the engine alone talks to the host.
 */
export interface Kind<Desired, Current> {
  readonly name: string
  /** A kind of an operator's own: what goes wrong in it is theirs to mend, and no fault of ours. */
  readonly own?: true
  /** What each field must be, for authors who write without types: checked before a host is asked. */
  readonly wants?: { readonly [Field in keyof Desired]-?: (value: unknown) => Misfit | undefined }
  /** Which thing on the host this is: a path, a unit, a package. Unique within the kind. */
  key(desired: Desired): string
  /**
   * One fragment of sh that reads the state of them all. It exits non-zero only when it could not look, and it says what is absent:
   * one that prints nothing has said nothing, and all that it was asked for is unknown.
   */
  probe(all: readonly Desired[]): Sh
  /** What the fragment printed, as one state for every key. What is absent says so; a key left out is unknown. */
  parse(output: string, all: readonly Desired[]): ReadonlyMap<string, Current>
  /** What differs; nothing when nothing does. */
  diff(desired: Desired, current: Current): readonly Change[]
  /** The sh that removes these differences. Running it twice does what running it once does. */
  apply(desired: Desired, current: Current, changes: readonly Change[]): Sh
  /** What an operator should know and no correction follows from: undeclared keys, what this machine can never have. */
  notes?(desired: Desired, current: Current): readonly string[]
  /** Why no correction can bring it about, and the next move: reported before the first change, which then is not made. */
  refuses?(desired: Desired, current: Current): string | undefined
  /** When a person has changed it on the host since we wrote it: the words of the plan, `edited on the host on 2026-11-21`. */
  edited?(desired: Desired, current: Current): string | undefined
  /** Artifacts that must be on the host before `apply` runs. Only `artifact` has it. */
  send?(desired: Desired, current: Current): readonly Artifact[]
  /** The text that differs, where there is one. */
  text?(desired: Desired): TextDiff
  /** What differs once these paths are written by the same step: a daemon has to read them. */
  follows?(desired: Desired, current: Current, paths: readonly string[]): readonly Change[]
  /** The same, with what it has to know of all other resources: to tell what is third-party from what they declare. */
  among?(desired: Desired, declared: Declared): Desired
}

/** What is wrong with the value of a field, `is 644, a number`, and what to write instead. */
export interface Misfit {
  readonly why: string
  readonly hint: string
}

/** What all playbooks of a run declare. */
export interface Declared {
  /** Each path that is declared, by whatever kind. */
  readonly paths: ReadonlySet<string>
  /** Whether what is on the host and not declared is removed. */
  readonly prune: boolean
}

/** One declared thing: a kind and what is wanted of it. */
export interface Resource {
  /** `file:/etc/motd`: what plan, log, error and `--json` call it. */
  readonly id: string
  readonly kind: Kind<unknown, unknown>
  readonly desired: unknown
  /** The id of the step that declares it, once that is known. */
  readonly step?: string
}

/** Where a resource is declared: `redis/configure-redis: file:/etc/redis/redis.conf`. */
export const placeOf = ({ step, id }: Resource): string => (step === undefined ? id : `${step}: ${id}`)

/** What a kind answers about a resource. Throws what it throws; a ProvisionError, of a kind of an operator's own, names the resource. */
export function asks<T>(resource: Resource, ask: () => T): T {
  try {
    return ask()
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    throw Object.assign(new ProvisionError(placeOf(resource), error.message, error.hint), { cause: error.cause })
  }
}

/** Turns a kind into the function that playbooks call. */
export function defineKind<Desired, Current>(kind: Kind<Desired, Current>): (desired: Desired) => Resource {
  // The one erasure: a list of resources holds many kinds. Before and after it everything is typed.
  const erased = kind as unknown as Kind<unknown, unknown>
  return (desired) => ({ id: `${kind.name}:${keyIn(kind, desired)}`, kind: erased, desired })
}

/** Its key, or a question mark where it has none: what lacks is named when all playbooks are checked, with their names. */
function keyIn<Desired, Current>(kind: Kind<Desired, Current>, desired: Desired): string {
  try {
    return (kind.key(desired) as string | undefined) ?? '?'
  } catch {
    return '?'
  }
}

/** The fields in which two flat states differ, in the order of the first, as changes. */
export function changedFields<T extends object>(wanted: T, have: { readonly [K in keyof T]: unknown }): readonly Change[] {
  return (Object.keys(wanted) as (keyof T & string)[])
    .filter((field) => wanted[field] !== undefined && String(have[field]) !== String(wanted[field]))
    .map((field) => ({ field, from: String(have[field]), to: String(wanted[field]) }))
}

/** A digest as a plan shows it: long enough to tell two apart, short enough to read. */
export const short = (digest: string): string => (/^[0-9a-f]{64}$/.test(digest) ? digest.slice(0, 12) : digest)
