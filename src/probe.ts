import { randomBytes } from 'node:crypto'
import { ProvisionError } from './errors.ts'
import type { Kind, Resource } from './kind.ts'
import { type Sh, sh } from './sh.ts'
import type { Output, Shell } from './shell.ts'

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
export interface Group {
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
  const fragments = groups.map(({ kind, resources: all }) => kind.probe(all.map(({ desired }) => desired)))
  const sections = read(await shell.run(compile([...also, ...fragments], nonce), silence), nonce, also.length + groups.length)
  const states = new Map(groups.flatMap((group, i) => readGroup(group, sections[also.length + i]!)))
  return { states, also: sections.slice(0, also.length) }
}

/** Where the host keeps what it knows about us. The variable is for tests, which have no root and a folder of their own. */
export const places = sh`provision=\${PROVISION_STATE:-/var/lib/provision}`

/** How long one fragment may take, in seconds. Together they take a second or two where nothing hangs. */
export const fragmentLimit = 20

/** How a fragment ends that was ended because it took too long: by SIGALRM, 14. */
const outOfTime = 128 + 14

/** How long a host that answers a probe may be silent, in milliseconds: each fragment has its mark within its own time. */
const silence = (fragmentLimit + 40) * 1000

/**
 * sh: ends the fragment in progress when it takes longer than so many seconds: a file server that is gone, a D-Bus that does not answer.
 * Fragments are this shell's only other children (proc(5), task/TID/children). The fragment itself is ended first: of a pipe whose one end
 * is gone it could say that there is nothing (*unknown is not absent*). Then all that it began, which would hold this channel open.
 */
const watchdog = (
  limit: number,
): Sh => sh`tree() { printf '%s\n' "$1"; for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree "$child"; done; }
{ read -r self rest </proc/self/stat
last='' seconds=0
while sleep 1; do
  now=''
  [ -r "/proc/$$/task/$$/children" ] || exit 0
  # Its one line has no end, which read takes for a failure.
  read -r children <"/proc/$$/task/$$/children" || :
  for child in $children; do [ "$child" = "$self" ] || now=$child; done
  if [ "$now" != "$last" ]; then last=$now seconds=0; fi
  seconds=$((seconds + 1))
  if [ -n "$now" ] && [ "$seconds" -gt ${limit} ]; then
    below=$(tree "$now" | tail -n +2)
    kill -ALRM "$now"
    for child in $below; do kill -KILL "$child"; done
  fi
done; } >/dev/null 2>&1 &
watchdog=$!`

/**
 * One script for all fragments. Each runs in its own subshell; the mark after its output carries its exit code. One that takes longer than
 * `limit` seconds is ended.
 */
export function compile(fragments: readonly Sh[], nonce: string, limit = fragmentLimit): Sh {
  return sh`export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
${places}
mark() { printf '\n%s %s\n' ${nonce} "$1"; printf '\n%s\n' ${nonce} >&2; }
${watchdog(limit)}
mark start
${fragments.map(
  (fragment) => sh`( set -e
${fragment}
)
mark $?`,
)}
kill "$watchdog" 2>/dev/null
:`
}

/** Splits what came back at the marks. A section whose mark is missing did not end: its code is -1. */
export function read({ stdout, stderr }: Output, nonce: string, count: number): readonly Section[] {
  const [, ...parts] = stdout.split(`\n${nonce} `)
  const errors = stderr.split(`\n${nonce}\n`).slice(1)
  return Array.from({ length: count }, (_, i) => {
    const code = parts[i + 1]?.split('\n', 1)[0]
    const body = parts[i]?.slice(parts[i]!.indexOf('\n') + 1) ?? ''
    return { code: code === undefined ? -1 : Number(code), stdout: body, stderr: (errors[i] ?? '').trim() }
  })
}

function byKind(resources: readonly Resource[]): readonly Group[] {
  return [...Map.groupBy(resources, ({ kind }) => kind)].map(([kind, all]) => ({ kind, resources: all }))
}

function readGroup({ kind, resources }: Group, { code, stdout, stderr }: Section): readonly (readonly [string, Reading])[] {
  const unknown = (why: string) => resources.map(({ id }) => [id, { type: 'unknown', why }] as const)
  if (code === -1) return unknown('the probe did not end')
  if (code === outOfTime) return unknown(`the probe of ${kind.name} did not end within ${fragmentLimit} s`)
  if (code !== 0) return unknown(lastLine(stderr) || `the probe of ${kind.name} ended with exit code ${code}`)
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
function parsed({ parse }: Group['kind'], stdout: string, resources: readonly Resource[]): ReadonlyMap<string, unknown> | Error {
  try {
    return parse(
      stdout,
      resources.map(({ desired }) => desired),
    )
  } catch (error) {
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
