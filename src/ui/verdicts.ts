import type { Finding, Verdict } from '../doctor/check.ts'
import type { Result } from '../doctor/examine.ts'
import type { Turn } from '../doctor/memory.ts'
import { seconds } from './report.ts'

/** One check as lines: what is not well with its next move, and of what is well only that it is. */
export function resultLines({ id, verdict, findings, ms }: Result): readonly string[] {
  const bad = findings.filter((finding) => finding.verdict !== 'ok')
  return [
    `${signs[verdict]} ${id}${verdict === 'ok' ? `: ${summary(findings)}` : ''} (${seconds(ms)})`,
    ...bad.flatMap(({ verdict: one, subject, message, next }) => [
      `    ${signs[one]} ${subject}: ${message}`,
      ...(next === undefined ? [] : [`      → ${next}`]),
    ]),
  ]
}

/** How many came to what: `21 ok, 1 warning`. */
export function countLine(results: readonly Result[]): string {
  const told = (Object.keys(signs) as Verdict[]).map((verdict) => ({
    verdict,
    n: results.filter((result) => result.verdict === verdict).length,
  }))
  return told
    .filter(({ n }) => n > 0)
    .map(({ verdict, n }) => `${n} ${n === 1 ? verdict : (plurals[verdict] ?? verdict)}`)
    .join(', ')
}

/** What is another than the last time. */
export function turnLines(at: string, turns: readonly Turn[]): readonly string[] {
  const since = `since ${at.slice(0, 16).replace('T', ' ')} UTC`
  if (turns.length === 0) return [`${since}: nothing has changed`]
  return [
    `${since}:`,
    ...turns.flatMap(({ id, from, to, news, gone }) => [
      `  ${id} ${from} → ${to}`,
      ...news.map((line) => `    + ${line}`),
      ...gone.map((line) => `    - ${line}`),
    ]),
  ]
}

const signs: Readonly<Record<Verdict, string>> = { error: '✗', 'could not look': '?', warning: '!', ok: '✓' }
const plurals: Partial<Record<Verdict, string>> = { error: 'errors', warning: 'warnings' }

/** What the ok findings say, once each. */
function summary(findings: readonly Finding[]): string {
  const all = [...new Set(findings.map(({ message }) => message))]
  return all.length <= 3 ? all.join('; ') : `${all.slice(0, 2).join('; ')}; and ${all.length - 2} more`
}
