import { type Check, type Finding, unseen, type Verdict, worst } from './check.ts'
import { CouldNotLook } from './could-not-look.ts'
import type { Patient } from './patient.ts'

/** How one check went. */
export interface Result {
  readonly id: string
  readonly title: string
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
  readonly ms: number
}

/** What is heard while it goes on. */
export interface Progress {
  begins?(check: Check): void
  ends?(result: Result): void
}

/** Runs the checks, a few at a time, each with a limit. None of them ends the others. In the order of the list. */
export async function examine(
  checks: readonly Check[],
  patient: Patient,
  progress: Progress = {},
  atOnce = 8,
): Promise<readonly Result[]> {
  const results: Result[] = []
  const queue = [...checks.entries()]
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [i, check] = next
      progress.begins?.(check)
      const result = await run(check, patient)
      results[i] = result
      progress.ends?.(result)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}

async function run(check: Check, patient: Patient): Promise<Result> {
  const { id, title, limit = 15_000 } = check
  const began = performance.now()
  const clock = Promise.withResolvers<never>()
  const timer = setTimeout(() => clock.reject(new CouldNotLook(`it took longer than ${limit / 1000} s`)), limit)
  try {
    const findings = await Promise.race([check.look(patient), clock.promise])
    const told = findings.length > 0 ? findings : [unseen(id, new CouldNotLook('there was nothing to look at'))]
    return { id, title, verdict: worst(told.map(({ verdict }) => verdict)), findings: told, ms: performance.now() - began }
  } catch (cause) {
    const finding = unseen(id, cause)
    return { id, title, verdict: finding.verdict, findings: [finding], ms: performance.now() - began }
  } finally {
    clearTimeout(timer)
  }
}
