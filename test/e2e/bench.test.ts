import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import type { Row } from '../../bench/noop.ts'
import { root } from '../../src/util/text.ts'

const scratch = mkdtempSync(join(tmpdir(), 'bench-test-'))

after(() => rmSync(scratch, { recursive: true, force: true }))

test('bench: a small run measures all that it should, and says so in its table and in its JSON', async () => {
  const json = join(scratch, 'rows.json')
  // A state of its own: who keeps the host of another bench, keeps it.
  const env = { ...process.env, XDG_STATE_HOME: join(scratch, 'state') }
  const bench = $({ cwd: fileURLToPath(root), env, quiet: true, nothrow: true, timeout: '600s' })
  const run =
    await bench`${process.execPath} bench/bench.ts --pairs 1 --installs 1 --only help,noop,changed,install --json ${json}`
  assert.equal(run.exitCode, 0, `${run.stdout}\n${run.stderr}`)
  const { rows } = JSON.parse(readFileSync(json, 'utf8')) as { readonly rows: readonly Row[] }
  for (const what of [
    '--help, against node -e 0',
    'no-op check, 160 resources',
    'no-op check, 160 resources, 80 ms round trip',
    'one changed file of 160 resources',
    'first install: base, access, firewall, fail2ban',
  ]) {
    assert.ok((rows.find((row) => row.what === what)?.ratio ?? 0) > 0, `${what} was not measured: ${JSON.stringify(rows)}`)
    assert.ok(run.stdout.includes(what), run.stdout)
  }
  // What the figure of a no-op is worth: it is one exec, as the script is.
  const execs = rows.find(({ what }) => what === 'no-op check, 160 resources: execs')
  assert.deepEqual([execs?.ours, execs?.theirs], ['1', '1'])
})
