import { written } from '../dns/at-server.ts'
import type { RecordFinding, ZoneCheck } from '../dns/check.ts'
import type { Said } from '../dns/record.ts'
import type { Trouble } from '../dns/trouble.ts'
import { dataText, recordText } from '../dns/zone.ts'
import type { ZonesTold } from './report.ts'

/** Exit code of a check: what could not be seen outweighs what differs. */
export function exitCode(checks: readonly ZoneCheck[]): 0 | 1 | 2 {
  if (checks.some(({ unknown }) => unknown.length > 0)) return 1
  return checks.some(({ findings, trouble }) => findings.length + trouble.length > 0) ? 2 : 0
}

/** A check as an operator reads it: each finding with the exact record. */
export function checkLines({ zone, findings, unknown, trouble, notes }: ZoneCheck): readonly string[] {
  if (findings.length + unknown.length + trouble.length + notes.length === 0) return []
  return [
    `${zone}:`,
    ...trouble.flatMap(troubleLines),
    ...findings.flatMap(findingLines),
    ...unknown.map(({ where, why }) => `  ? ${where}: ${why}`),
    ...notes.map((note) => `  – ${note}`),
  ]
}

const troubleLines = ({ message, next }: Trouble): readonly string[] => [`  ! ${message}`, `    → ${next}`]

/** A check as events. */
export const checkEvents = ({ zone, findings, unknown, trouble, notes }: ZoneCheck): readonly ZoneEvent[] => [
  ...findings.map(({ state, name, type, record, seen, risk, at }) => ({
    event: 'finding',
    zone,
    state,
    name,
    type,
    ...(record === undefined ? {} : { record: recordText(record) }),
    seen: seen.map(({ type: of, data }) => (of === type ? data : `${of} ${data}`)),
    risk,
    at: at.map(({ address }) => address),
  })),
  ...unknown.map(({ where, why }) => ({ event: 'unknown', zone, id: where, why })),
  ...trouble.map(({ verdict, message, next }) => ({ event: 'trouble', zone, verdict, why: message, next })),
  ...notes.map((why) => ({ event: 'note', zone, id: zone, why })),
]

/** A line of `--json` about a zone. */
interface ZoneEvent {
  readonly event: string
  readonly zone: string
}

function findingLines({ state, name, type, record, seen, risk, at }: RecordFinding): readonly string[] {
  const said = (one: Said) => `${one.name}. ${one.type} ${dataText(one)}`
  return [
    `  ${state} ${name} ${type}${only(at)}: ${risk}`,
    ...seen.map((one) => `    ${state === 'extra' ? 'too much' : 'is'}: ${said(one)}${kept([one])}`),
    ...(record === undefined ? [] : [`    publish: ${recordText(record)}`]),
  ]
}

/** How zones stand, in the words of a plan; `notes` are about what the host has for them. */
export function zonesTold(checks: readonly ZoneCheck[], notes: readonly string[] = []): ZonesTold {
  const all = summary(checks)
  return {
    lines: [...checks.flatMap(planLines), ...notes.map((note) => `  – ${note}`), ...(all === '' ? [] : [`its zones: ${all}`])],
    events: [...checks.flatMap(checkEvents), ...notes.map((why) => ({ event: 'note', id: 'keys', why }))],
    differ: checks.reduce((sum, { findings }) => sum + findings.length, 0),
  }
}

/** The same in a plan: `id field from → to`, and what it means when nobody mends it. */
function planLines({ zone, findings, unknown, trouble, notes }: ZoneCheck): readonly string[] {
  const lines = findings.map(({ name, type, record, seen, risk, at }) => {
    const from =
      seen.length === 0 ? 'absent' : seen.map((one) => (one.type === type ? dataText(one) : `${one.type} ${one.data}`)).join(', ')
    return `    record:${name} ${type}${only(at)} ${from} → ${record === undefined ? 'absent' : dataText(record)} (${risk}${kept(seen)})`
  })
  return [
    ...(lines.length + unknown.length + trouble.length === 0 ? [] : [`zone ${zone}`]),
    ...trouble.flatMap(troubleLines),
    ...lines,
    ...unknown.map(({ where, why }) => `  ? ${where}: ${why}`),
    ...notes.map((note) => `  – ${zone} ${note}`),
  ]
}

/** Where only some of the name servers say so. */
const only = (at: RecordFinding['at']): string => (at.length === 0 ? '' : ` at ${at.map(written).join(', ')}`)

/** What is replaced is not gone at once. */
function kept(seen: readonly Said[]): string {
  const ttl = Math.max(0, ...seen.map((one) => one.ttl ?? 0))
  return ttl === 0 ? '' : `; others keep it for up to ${ttl} s`
}

/** How many of each, in words. */
export function summary(checks: readonly ZoneCheck[]): string {
  const states = checks.flatMap(({ findings }) => findings.map(({ state }) => state))
  const parts = (['missing', 'wrong', 'extra'] as const).flatMap((state) => {
    const n = states.filter((one) => one === state).length
    return n === 0 ? [] : [`${n} ${state}`]
  })
  const troubled = checks.flatMap(({ trouble }) => trouble).length
  const blind = checks.flatMap(({ unknown }) => unknown).length
  return [
    ...parts,
    ...(troubled === 0 ? [] : [`${troubled} wrong as a whole`]),
    ...(blind === 0 ? [] : [`${blind} could not be looked at`]),
  ].join(', ')
}
