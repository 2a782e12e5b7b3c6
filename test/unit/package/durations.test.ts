import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'

const scratch = mkdtempSync(join(tmpdir(), 'durations-test-'))
const reporter = fileURLToPath(new URL('../../support/durations.ts', import.meta.url))

after(() => rmSync(scratch, { recursive: true, force: true }))

test('a run of the tests ends with how long each file took, the longest first, and its counts', async () => {
  writeFileSync(
    join(scratch, 'quick.test.mjs'),
    "import { test } from 'node:test'\ntest('a', () => {})\ntest.skip('b', () => {})\n",
  )
  writeFileSync(
    join(scratch, 'slow.test.mjs'),
    "import { test } from 'node:test'\ntest('c', () => new Promise((done) => setTimeout(done, 300)))\ntest('d', () => { throw new Error('no') })\n",
  )
  // A test that runs tests: what it inherits would have it report to the runner of this one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const run = await $({ cwd: scratch, env, quiet: true, nothrow: true })`${process.execPath} --test --test-reporter ${reporter}`
  assert.match(
    run.stdout,
    /^\nhow long each file took:\n +\d+\.\d s {2}slow\.test\.mjs\n +\d+\.\d s {2}quick\.test\.mjs\n\n2 passed, 1 failed, 1 skipped\n$/,
  )
})
