import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { historyLines } from '../../src/commands/plan/history.ts'
import { entries } from '../../src/engine/history.ts'
import { step } from '../../src/engine/step.ts'
import { file } from '../../src/kinds/files/file.ts'
import { Secret } from '../../src/secret.ts'
import { sh } from '../../src/sh.ts'
import { converge, localShell } from '../support/local-shell.ts'

const root = mkdtempSync(join(tmpdir(), 'provision-history-'))
after(() => rmSync(root, { recursive: true, force: true }))
const [state, run] = [join(root, 'state'), join(root, 'run')]
const log = join(state, 'log')
mkdirSync(run)
writeFileSync(join(run, 'work'), 'alice@laptop since 2026-11-21T15:00:00.000Z\n')
const shell = localShell(state, { PROVISION_RUN: run })
const me = userInfo().username
const at = (name: string, content: string | Secret, check?: ReturnType<typeof sh>) =>
  file({ path: `${root}/${name}` as `/${string}`, content, owner: me, group: me, ...(check === undefined ? {} : { check }) })

test('history: what was corrected is in the log, with who did it, and a check leaves nothing', async () => {
  const one = step('Write it', [at("it's", 'a\n')])
  await converge(shell, one)
  const [entry, ...rest] = entries(readFileSync(log, 'utf8'))
  assert.deepEqual(rest, [])
  assert.match(entry!.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.deepEqual(
    { ...entry, at: '' },
    {
      at: '',
      who: 'alice@laptop',
      step: 'write-it',
      id: `file:${root}/it's`,
      changes: [{ field: 'type', from: 'absent', to: 'file' }],
    },
  )
  assert.equal(statSync(log).mode & 0o7777, 0o600)
  await converge(shell, one)
  assert.equal(entries(readFileSync(log, 'utf8')).length, 1)
})

test('history: what came before a failure is in it, the failure is not; a secret never is', async () => {
  rmSync(log, { force: true })
  const secret = new Secret('mail/x', () => 'hunter2hunter2')
  const both = step('Write both', [at('good', secret), at('bad', 'b', sh`false`), at('later', 'c')])
  await assert.rejects(converge(shell, both))
  const text = readFileSync(log, 'utf8')
  assert.deepEqual(
    entries(text).map(({ id }) => id),
    [`file:${root}/good`],
  )
  assert.doesNotMatch(text, /hunter2/)
})

test('history: a log that has grown is put aside once; what a full disk has cut hides nothing else', async () => {
  writeFileSync(log, `${'x'.repeat(1_100_000)}\n`)
  await converge(shell, step('Write more', [at('more', 'a')]))
  assert.equal(statSync(join(state, 'log.1')).size, 1_100_001)
  assert.equal(entries(readFileSync(log, 'utf8')).length, 1)
  assert.equal(entries(`2026-11-21T15:00:00Z\talice@laptop\t{"step":"a","id":"b","chan\n${readFileSync(log, 'utf8')}`).length, 1)
})

test('history: a log that cannot be written fails no correction', async () => {
  rmSync(log, { force: true })
  mkdirSync(log)
  assert.equal((await converge(shell, step('Write on', [at('on', 'a')]))).length, 1)
  rmSync(log, { recursive: true })
})

test('history: told by day and by who, each change in the words of the plan', () => {
  const change = (field: string) => ({ field, from: 'a', to: 'b' })
  const entry = {
    who: 'alice@laptop',
    step: 'base/name-the-host',
    id: 'hostname:x',
    changes: [change('file'), change('running')],
  }
  assert.deepEqual(
    historyLines([
      { ...entry, at: '2026-11-20T10:00:00Z' },
      { ...entry, at: '2026-11-20T10:00:01Z', changes: [change('x')] },
      { ...entry, at: '2026-11-21T11:00:00Z', who: 'bob@desk', changes: [change('y')] },
    ]),
    [
      '2026-11-20 alice@laptop',
      '  10:00:00 base/name-the-host hostname:x file a → b',
      '  10:00:00 base/name-the-host hostname:x running a → b',
      '  10:00:01 base/name-the-host hostname:x x a → b',
      '2026-11-21 bob@desk',
      '  11:00:00 base/name-the-host hostname:x y a → b',
    ],
  )
})
