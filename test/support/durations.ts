import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/**
 * A reporter for node:test that says, once all has run, how long each file took, the longest first, and then how many tests
 * passed, failed and were skipped. It prints nothing before, so that it goes beside another reporter.
 */
export default async function* durations(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: { readonly file: string; readonly ms: number }[] = []
  for await (const event of events) {
    if (event.type !== 'test:summary') continue
    const { file, duration_ms: ms, counts } = event.data
    if (file !== undefined) files.push({ file: relative(process.cwd(), file), ms })
    else yield table(files) + closing(counts)
  }
}

const table = (files: readonly { readonly file: string; readonly ms: number }[]): string =>
  `\nhow long each file took:\n${files
    .toSorted((a, b) => b.ms - a.ms)
    .map(({ file, ms }) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${file}\n`)
    .join('')}`

const closing = ({ passed, skipped, todo, tests }: { passed: number; skipped: number; todo: number; tests: number }): string =>
  `\n${passed} passed, ${tests - passed - skipped - todo} failed, ${skipped} skipped\n`
