import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { compare } from '../../src/engine/converge.ts'
import { defineKind } from '../../src/engine/kind.ts'
import type { Plan } from '../../src/engine/plan.ts'
import { probe } from '../../src/engine/probe.ts'
import { type RunHooks, runSteps, type Session } from '../../src/engine/run.ts'
import { buildingOn, playbook, type Step, step } from '../../src/engine/step.ts'
import { user } from '../../src/kinds/access/user.ts'
import { file } from '../../src/kinds/files/file.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { localShell } from '../support/local-shell.ts'

const me = userInfo().username
let dir: `/${string}`
let session: Session & { readonly said: string[] }

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provision-run-')) as `/${string}`
  const shell = localShell(join(dir, 'state'))
  const said: string[] = []
  session = {
    ...shell,
    said,
    run: (script) => (said.push('look'), shell.run(script)),
    work: (script, onLine) => (said.push('work'), shell.work(script, onLine)),
    lock: async () => undefined,
    needKey: async () => undefined,
    again: async () => session,
  }
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

const hooks: RunHooks = {
  obtain: () => assert.fail('nothing is sent'),
  listener: () => ({}),
  stepStarts: () => undefined,
  stepEnds: async () => undefined,
  stepFails: async () => undefined,
  goesOn: () => undefined,
  stopped: () => undefined,
}

const host = { architecture: 'amd64', boot: '', undoArmed: false, busy: undefined, upgrade: undefined } as const

async function planOf(steps: readonly Step[]): Promise<Plan> {
  const { states } = await probe(
    session,
    steps.flatMap(({ resources }) => resources),
  )
  session.said.length = 0
  return { host, steps: steps.map((one) => compare(one, states)) }
}

const writes = (name: string) => step(`Write ${name}`, [file({ path: `${dir}/${name}`, content: name, owner: me, group: me })])

/** Good while there is a file of that name. */
const thing = (name: string, looks: Sh) =>
  defineKind<{ name: string }, string>({
    name: `thing-${name}`,
    key: (one) => one.name,
    probe: () => sh`${looks}
printf 'end\n'`,
    parse: (output) => new Map(output.includes('good') ? [[name, 'good']] : [[name, 'bad']]),
    diff: (_, have) => (have === 'good' ? [] : [{ field: 'state', from: have, to: 'good' }]),
    apply: () => sh`touch ${join(dir, name)}`,
  })({ name })

test('run: what no correction can bring about is an error before the first change', async () => {
  const taken = user({ name: 'no-such-user', uid: 0 })
  const plan = await planOf([...['a'].map(writes), step('Make the user', [taken])])
  const why = 'uid 0 belongs to root already: declare another one, or none, and no-such-user gets the next free one'
  assert.deepEqual(plan.steps[1]!.notes, [{ id: 'user:no-such-user', why }])
  await assert.rejects(runSteps(session, plan, hooks), { where: 'user:no-such-user', message: why, hint: 'nothing was changed' })
  assert.equal(existsSync(join(dir, 'a')), false)
})

test('run: a step that was corrected and those up to the next that differs are looked at together', async () => {
  const steps = ['a', 'b', 'c', 'd', 'e'].map(writes)
  for (const name of ['a', 'c', 'e']) writeFileSync(join(dir, name), name, { mode: 0o644 })
  const { changed } = await runSteps(session, await planOf(steps), hooks)
  assert.deepEqual(
    changed.map(({ resource: { id } }) => id),
    [`file:${dir}/b`, `file:${dir}/d`],
  )
  assert.deepEqual(session.said, ['look', 'work', 'look', 'work', 'look'])
})

test('run: what differs only since an earlier step was corrected is corrected too, in its turn', async () => {
  const spoiled = thing('b', sh`if [ ! -e ${dir}/a ] || [ -e ${dir}/b ]; then echo good; fi`)
  const { changed } = await runSteps(session, await planOf([writes('a'), step('Have b', [spoiled]), writes('c')]), hooks)
  assert.equal(changed.length, 3)
  assert.ok(existsSync(join(dir, 'b')))
})

test('run: a later step that cannot be looked at yet fails no earlier one, and is looked at again', async () => {
  const later = thing('b', sh`[ -e ${dir}/a2 ] || { echo too early >&2; exit 1; }; [ ! -e ${dir}/b ] || echo good`)
  const steps = [writes('a'), writes('a2'), step('Have b', [later])]
  const seen = await planOf(steps)
  assert.equal(seen.steps[2]!.unknown.length, 1)
  assert.equal((await runSteps(session, seen, hooks)).changed.length, 3)
})

test('run: one that still cannot be looked at when its turn comes ends the run', async () => {
  const blind = thing('b', sh`echo cannot look >&2; exit 1`)
  await assert.rejects(
    runSteps(session, await planOf([writes('a'), step('Have b', [blind]), writes('c')]), hooks),
    /cannot read the state of thing-b:b/,
  )
  assert.deepEqual(
    ['a', 'c'].map((name) => existsSync(join(dir, name))),
    [true, false],
  )
})

test('run: a step that fails stops what builds on it, and what builds on that; all else is corrected, and the failure told', async () => {
  const fails = step('Fail', [thing('never', sh`echo bad`)])
  const steps = [
    playbook('a', [fails, writes('rest-of-a')]),
    buildingOn(playbook('b', [writes('b')]), ['a']),
    buildingOn(playbook('c', [writes('c'), writes('c2')]), []),
    buildingOn(playbook('d', [writes('d')]), ['b']),
    playbook('own', [writes('own')]),
    buildingOn(playbook('e', [writes('e')]), ['c']),
  ].flatMap((one) => one.steps)
  const told: string[] = []
  const seen = await planOf(steps)
  const { failed } = await runSteps(session, seen, { ...hooks, goesOn: ({ message }) => told.push(message) })
  assert.deepEqual(
    ['rest-of-a', 'b', 'c', 'c2', 'd', 'own', 'e'].filter((name) => existsSync(join(dir, name))),
    ['c', 'c2', 'e'],
  )
  assert.deepEqual(
    failed.map(({ step: { id }, stops }) => [id, [...stops]]),
    [['a/fail', ['a', 'b', 'd', 'own']]],
  )
  assert.deepEqual(told, ['corrected, and still differs: thing-never:never state bad → good'])
})

test('run: after a failure, as after a new login, all that is expected to be as declared is looked at together', async () => {
  const names = ['b', 'c', 'd', 'e']
  for (const name of names) writeFileSync(join(dir, name), name, { mode: 0o644 })
  const steps = [
    playbook('a', [step('Fail', [thing('never', sh`echo bad`)])]),
    ...names.map((name) => buildingOn(playbook(name, [writes(name)]), [])),
  ].flatMap((one) => one.steps)
  await runSteps(session, await planOf(steps), hooks)
  // The failing step: seen, corrected, seen. Then once all the rest.
  assert.deepEqual(session.said, ['look', 'work', 'look', 'look'])
})

test('run: a guarded step that fails ends it, whatever would come after', async () => {
  const guard = { save: [], undo: sh`:`, login: 'current port' } as const
  const blind = thing('b', sh`echo cannot look >&2; exit 1`)
  const steps = [{ ...step('Guard', [blind]), guard }, ...buildingOn(playbook('c', [writes('c')]), []).steps]
  await assert.rejects(runSteps(session, await planOf(steps), hooks), /cannot read the state of thing-b:b/)
  assert.ok(!existsSync(join(dir, 'c')))
})
