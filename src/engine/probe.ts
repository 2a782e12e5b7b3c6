import { randomBytes } from 'node:crypto'
import { ProvisionError } from '../errors.ts'
import { readLater, type Sh, sh } from '../sh.ts'
import { asks, type Kind, type Resource } from './kind.ts'
import type { Output, Shell } from './shell.ts'
import { callOff, overdueMark, sectionLimit, watchdog } from './watchdog.ts'

/** What a probe found out about one resource: its state, or why it could not look. */
export type Reading = { readonly type: 'known'; readonly state: unknown } | { readonly type: 'unknown'; readonly why: string }

/** A reading for every resource, by its id. */
export type States = ReadonlyMap<string, Reading>

/** The sections of one probe, as they came back. */
export interface Section {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** All resources of one kind, which are read together. */
export interface KindGroup {
  readonly kind: Kind<unknown, unknown>
  readonly resources: readonly Resource[]
}

/**
 * Reads the state of all these resources in one round trip, and what `also` reads of the host, in sections of their own.
 * A section that could not look is `unknown`, with its reason. Throws ProvisionError when an id is declared twice.
 */
export async function probe(
  shell: Shell,
  resources: readonly Resource[],
  also: readonly Sh[] = [],
): Promise<{ states: States; also: readonly Section[] }> {
  refuseTwins(resources)
  const groups = byKind(resources)
  const nonce = randomBytes(8).toString('hex')
  const fragments = groups.map(fragment)
  const sections = read(await shell.run(compile([...also, ...fragments], nonce), silence), nonce, also.length + groups.length)
  const states = new Map(groups.flatMap((group, i) => readGroup(group, sections[also.length + i]!)))
  return { states, also: sections.slice(0, also.length) }
}

/** Where the host keeps what it knows about us. The variable is for tests, which have no root and a folder of their own. */
export const statePlaces = sh`provision=\${PROVISION_STATE:-/var/lib/provision}`

/** How long a host that answers a probe may be silent, in milliseconds: each section has its mark within its own time. */
const silence = (sectionLimit + 40) * 1000

/**
 * One script for all fragments. Each runs in its own subshell; the mark after its output carries its exit code. One that takes longer than
 * `limit` seconds is ended.
 */
export function compile(fragments: readonly Sh[], nonce: string, limit = sectionLimit): Sh {
  return sh`export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
${statePlaces}
mark() { printf '\n%s %s\n' ${nonce} "$1"; printf '\n%s\n' ${nonce} >&2; }
${watchdog(nonce, limit)}
mark start
${fragments.map(
  (fragment) => sh`( set -e
${fragment}
)
mark $?`,
)}
${callOff}`
}

/** The code of a section that was ended because it took too long; its stderr says so. */
const ended = -2

/** 128 and SIGKILL. */
const killed = 137

/** Splits what came back at the marks. A section whose mark is missing did not end: its code is -1. */
export function read({ stdout, stderr }: Output, nonce: string, count: number): readonly Section[] {
  const [, ...parts] = stdout.split(`\n${nonce} `)
  const errors = stderr.split(`\n${nonce}\n`).slice(1)
  return Array.from({ length: count }, (_, i) => {
    const code = parts[i + 1]?.split('\n', 1)[0]
    const body = parts[i]?.slice(parts[i]!.indexOf('\n') + 1) ?? ''
    // One that ended by itself in that very moment has its own code.
    if (Number(code) === killed && errors[i]?.includes(`\n${nonce} ${overdueMark}\n`))
      return { code: ended, stdout: body, stderr: `did not end within ${sectionLimit} s` }
    return { code: code === undefined ? -1 : Number(code), stdout: body, stderr: (errors[i] ?? '').trim() }
  })
}

function byKind(resources: readonly Resource[]): readonly KindGroup[] {
  return [...Map.groupBy(resources, ({ kind }) => kind)].map(([kind, all]) => ({ kind, resources: all }))
}

function fragment({ kind, resources }: KindGroup): Sh {
  const read = asks(resources[0]!, () => kind.probe(resources.map(({ desired }) => desired)))
  return kind.own ? readLater(read) : read
}

function readGroup({ kind, resources }: KindGroup, { code, stdout, stderr }: Section): readonly (readonly [string, Reading])[] {
  const unknown = (why: string) => resources.map(({ id }) => [id, { type: 'unknown', why }] as const)
  if (code === -1) return unknown('the probe did not end')
  if (code === ended) return unknown(`the probe of ${kind.name} ${stderr}`)
  if (code !== 0) return unknown(lastLine(stderr) || `the probe of ${kind.name} ended with exit code ${code}`)
  // Whatever its parser makes of that: nothing was said, of anything.
  if (stdout.trim() === '') return unknown(lastLine(stderr) || `the probe of ${kind.name} printed nothing`)
  const states = parsed(kind, stdout, resources)
  if (states instanceof Error) return unknown(`what the host printed cannot be read: ${states.message}`)
  return resources.map(({ id, desired }) => {
    const state = states.get(kind.key(desired))
    const reading: Reading =
      state === undefined
        ? { type: 'unknown', why: lastLine(stderr) || 'the probe said nothing about it' }
        : { type: 'known', state }
    return [id, reading] as const
  })
}

/** What a host prints is not ours: a text that no parser expected is unknown, and hides no other kind. */
function parsed(
  { parse }: KindGroup['kind'],
  stdout: string,
  resources: readonly Resource[],
): ReadonlyMap<string, unknown> | Error {
  try {
    return asks(resources[0]!, () =>
      parse(
        stdout,
        resources.map(({ desired }) => desired),
      ),
    )
  } catch (error) {
    if (error instanceof ProvisionError) throw error
    return error instanceof Error ? error : new Error(String(error))
  }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? ''

function refuseTwins(resources: readonly Resource[]): void {
  const seen = new Set<string>()
  for (const { id } of resources) {
    if (seen.has(id)) throw new ProvisionError(id, 'declared twice in one step')
    seen.add(id)
  }
}
