import type { Drift } from '../engine/drift.ts'
import { countChanges, type Plan } from '../engine/plan.ts'
import type { Step } from '../engine/step.ts'

/** What a command tells while it works and when it has ended: as text for people, or as JSON lines for programs. */
export interface Report {
  /** How the host stands, and its zones where they were looked at. */
  plan(host: string, plan: Plan, zones?: ZonesTold): void
  step(step: Step, state: 'start' | 'done' | 'failed', ms: number): void
  change(step: Step, drift: Drift): void
  /** The text that differs, as unified diffs. */
  diff(lines: readonly string[]): void
  /** A word about what is going on: the ladder, a download, apt's current line. */
  say(line: string): void
  /** What a program reads and no person: nothing where the report is text. */
  event<T extends ReportEvent>(event: T): void
  end(end: End): void
  error(error: { readonly where: string; readonly message: string; readonly hint?: string | undefined }): void
}

/** An event with its fields, as docs/reference/json-events.md lists them. */
export interface ReportEvent {
  readonly event: string
}

/** How the zones stand, as it is told. */
export interface ZonesTold {
  readonly lines: readonly string[]
  readonly events: readonly ReportEvent[]
  /** How many records differ. */
  readonly differ: number
}

/** How a command ended. */
export interface End {
  readonly code: number
  readonly changed: number
  readonly resources: number
  readonly execs: number
  readonly ms: number
  /** What is not as declared, where the host is not all: its zones. */
  readonly differ?: 'zones' | 'host and zones' | undefined
}

/** Where the lines go: stdout and stderr of the process, or a test. */
export interface Streams {
  out(line: string): void
  err(line: string): void
}

/** `id field from → to`: the one way in which a difference is written, everywhere. */
export const describe = ({ resource: { id }, changes }: Drift): readonly string[] =>
  changes.map(({ field, from, to }) => `${id} ${field} ${from} → ${to}`)

/** The text that an operator reads. */
export function textReport({ out, err }: Streams): Report {
  return {
    plan: (host, plan, zones) => [...planLines(host, plan), ...(zones?.lines ?? [])].forEach(out),
    step: (step, state, ms) => {
      if (state !== 'start') out(`${state === 'done' ? '✓' : '✗'} ${step.id} (${seconds(ms)})`)
    },
    change: (_, drift) => {
      for (const line of describe(drift)) out(`    ${line}`)
    },
    diff: (lines) => lines.forEach(out),
    say: err,
    event: () => undefined,
    end: (end) => endLines(end).forEach(out),
    error: ({ where, message, hint }) => {
      err(`${where}: ${message}`)
      if (hint !== undefined) err(`hint: ${hint}`)
    },
  }
}

/** One JSON object a line on stdout; all else on stderr. `of` stands in every event: the host, where there are several. */
export function jsonReport({ out, err }: Streams, of: object = {}): Report {
  const event = (name: string, fields: object) => out(JSON.stringify({ event: name, ...of, ...fields }))
  const change = (step: Step, { resource: { id }, changes }: Drift) => {
    for (const { field, from, to } of changes)
      event('change', { id, step: step.id, field, from, to, ...(step.risk === undefined ? {} : { risk: step.risk }) })
  }
  return {
    plan: (host, plan, zones) => {
      event('plan', { host, ...countChanges(plan), ...(zones === undefined ? {} : { records: zones.differ }) })
      for (const { step, drift, unknown, notes } of plan.steps) {
        for (const one of drift) change(step, one)
        for (const one of unknown) event('unknown', one)
        for (const one of notes) event('note', one)
      }
      for (const { event: name, ...fields } of zones?.events ?? []) event(name, fields)
    },
    step: ({ id }, state, ms) => event('step', { id, state, ms: Math.round(ms) }),
    // The plan has told them already, as what differs; when a step ends they are told as what was done.
    change,
    diff: (lines) => lines.forEach(err),
    say: err,
    event: ({ event: name, ...fields }) => event(name, fields),
    end: ({ code, changed, execs, ms }) => event('end', { code, changed, execs, ms: Math.round(ms) }),
    error: ({ where, message, hint }) => event('error', { where, message, ...(hint === undefined ? {} : { hint }) }),
  }
}

/** How a command ended, in a line; none where an error says it. */
export function endLines({ code, changed, resources, execs, ms, differ }: End): readonly string[] {
  const cost = `${resources} resources, ${execs} exec${execs === 1 ? '' : 's'}, ${seconds(ms)}`
  const nothing = differ === undefined ? 'nothing to do' : 'nothing to do on the host'
  if (code === 0) return [changed === 0 ? `${nothing} (${cost})` : `done: ${changed} corrected (${cost})`]
  const what = { zones: 'its zones differ', 'host and zones': 'the host and its zones differ', none: 'the host differs' }
  return code === 2 ? [`${what[differ ?? 'none']} (${cost})`] : []
}

/** Milliseconds as a person says them: `0.4 s`, `3 min 5 s`. */
export const seconds = (ms: number): string =>
  ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`

function planLines(host: string, plan: Plan): readonly string[] {
  const { changes, unknown } = countChanges(plan)
  const different = plan.steps.filter(({ drift }) => drift.length > 0)
  return [
    ...plan.steps.flatMap(({ step, drift, unknown: blind, notes }) => [
      ...(drift.length + blind.length > 0
        ? [`${step.id}: ${step.title}${step.risk === undefined ? '' : ` (risk: ${step.risk})`}`]
        : []),
      ...drift.flatMap(describe).map((line) => `    ${line}`),
      ...blind.map(({ id, why }) => `  ? ${id}: ${why}`),
      ...notes.map(({ id, why }) => `  – ${id} ${why}`),
    ]),
    ...(plan.host.busy === undefined ? [] : [`another run is going on: ${plan.host.busy}`]),
    ...(plan.host.undoArmed ? ['a guarded step of an earlier run was not confirmed: the next run has it undone first'] : []),
    ...(plan.host.upgrade === undefined
      ? []
      : [`an upgrade of ${plan.host.upgrade} was cut off, or is going on: the next run goes back to the old version first`]),
    ...(changes === 0
      ? []
      : [
          `${host}: ${changes} difference${changes === 1 ? '' : 's'} in ${different.length} step${different.length === 1 ? '' : 's'}; the steps after the first are looked at again when their turn comes`,
        ]),
    ...(unknown === 0 ? [] : [`${host}: ${unknown} could not be looked at`]),
  ]
}
