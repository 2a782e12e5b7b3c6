import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { compare } from '../../src/engine/converge.ts'
import { defineKind } from '../../src/engine/kind.ts'
import { plan } from '../../src/engine/plan.ts'
import { compile, probe, read } from '../../src/engine/probe.ts'
import type { Shell } from '../../src/engine/shell.ts'
import { playbook, step } from '../../src/engine/step.ts'
import { watchdog } from '../../src/engine/watchdog.ts'
import { directory } from '../../src/kinds/files/directory.ts'
import { file } from '../../src/kinds/files/file.ts'
import { hostname } from '../../src/kinds/system/hostname.ts'
import { Secret } from '../../src/secret.ts'
import { sh } from '../../src/sh.ts'
import { converge, localShell } from '../support/local-shell.ts'

const root = mkdtempSync(join(tmpdir(), 'provision-engine-'))
after(() => rmSync(root, { recursive: true, force: true }))
let number = 0
const folder = (): `/${string}` => {
  const path = join(root, String(number++)) as `/${string}`
  mkdirSync(path)
  return path
}
const me = userInfo().username
const mine = { owner: me, group: me } as const
const shell = localShell(join(root, 'state'))

const counted = (inner: Shell): Shell & { runs: number } => {
  const outer = {
    ...inner,
    runs: 0,
    run: (script: Parameters<Shell['run']>[0]) => {
      outer.runs++
      return inner.run(script)
    },
  }
  return outer
}

test('file: written, then nothing to do, then a hand edit is corrected', async () => {
  const dir = folder()
  const one = step('Write a', [file({ path: `${dir}/a`, content: "it's\n$HOME \\n\n", mode: '0640', ...mine })])
  assert.equal((await converge(shell, one)).length, 1)
  assert.equal(readFileSync(`${dir}/a`, 'utf8'), "it's\n$HOME \\n\n")
  assert.equal(statSync(`${dir}/a`).mode & 0o7777, 0o640)
  assert.deepEqual(await converge(shell, one), [])
  writeFileSync(`${dir}/a`, 'oops')
  chmodSync(`${dir}/a`, 0o600)
  assert.deepEqual(
    (await converge(shell, one))[0]?.changes.map(({ field }) => field),
    ['mode', 'content'],
  )
  assert.deepEqual(readdirSync(dir), ['a'])
})

test('file: a content that its check refuses leaves the old one, and no trace', async () => {
  const dir = folder()
  writeFileSync(`${dir}/a`, 'good\n')
  const bad = step('Write a', [file({ path: `${dir}/a`, content: 'bad\n', ...mine, check: sh`grep -q good "$tmp"` })])
  await assert.rejects(converge(shell, bad), /correcting file:.*\/a failed with exit code 1/)
  assert.equal(readFileSync(`${dir}/a`, 'utf8'), 'good\n')
  assert.deepEqual(readdirSync(dir), ['a'])
})

test('file: what a killed run left beside it goes with the next one', async () => {
  const dir = folder()
  writeFileSync(`${dir}/.a.provision`, 'half')
  await converge(shell, step('Write a', [file({ path: `${dir}/a`, content: 'x', ...mine })]))
  assert.deepEqual(readdirSync(dir), ['a'])
})

test('file: a link in its place is replaced, and what it points to is not touched', async () => {
  const dir = folder()
  writeFileSync(`${dir}/target`, 'theirs')
  symlinkSync('target', `${dir}/a`)
  await converge(shell, step('Write a', [file({ path: `${dir}/a`, content: 'ours', ...mine })]))
  assert.equal(readFileSync(`${dir}/target`, 'utf8'), 'theirs')
  assert.equal(readFileSync(`${dir}/a`, 'utf8'), 'ours')
})

test('file: a directory in its place is nobody’s to remove', async () => {
  const dir = folder()
  mkdirSync(`${dir}/a`)
  await assert.rejects(
    converge(shell, step('Write a', [file({ path: `${dir}/a`, content: 'x', ...mine })])),
    /failed with exit code/,
  )
  assert.ok(statSync(`${dir}/a`).isDirectory())
})

test('file: names with spaces, quotes and a leading dash are names', async () => {
  const dir = folder()
  const names = ['-rf', "it's", 'a b', '$(id)', '*']
  const one = step(
    'Write',
    names.map((name) => file({ path: `${dir}/${name}`, content: name, ...mine })),
  )
  await converge(shell, one)
  assert.deepEqual(readdirSync(dir).toSorted(), names.toSorted())
  assert.deepEqual(await converge(shell, one), [])
})

test('file: what others wrote is kept, secret or not; what we wrote ourselves is not', async () => {
  const dir = folder()
  const state = folder()
  const writes = (value: string) =>
    converge(
      localShell(state),
      step('Write', [
        file({ path: `${dir}/open`, content: value, ...mine }),
        file({ path: `${dir}/closed`, content: new Secret('s', () => value), mode: '0640', ...mine }),
      ]),
    )
  const kept = () => readdirSync(`${state}/kept${dir}`).toSorted()
  const bytes = (name: string) => readFileSync(`${state}/kept${dir}/${name}`, 'utf8')
  for (const name of ['open', 'closed']) writeFileSync(`${dir}/${name}`, 'before', { mode: 0o640 })
  await writes('one')
  await writes('two')
  assert.deepEqual(kept(), ['closed', 'open'])
  assert.deepEqual([bytes('closed'), bytes('open')], ['before', 'before'])
  for (const name of ['open', 'closed']) writeFileSync(`${dir}/${name}`, 'by hand')
  await writes('three')
  await writes('four')
  assert.deepEqual(kept(), ['closed', 'closed.~1~', 'open', 'open.~1~'])
  assert.deepEqual(kept().map(bytes), ['by hand', 'before', 'by hand', 'before'])
  for (const name of ['closed', 'closed.~1~']) assert.equal(statSync(`${state}/kept${dir}/${name}`).mode & 0o777, 0o600)
})

test('directory: made with those above it; a file in its place is refused', async () => {
  const dir = folder()
  const one = step('Make', [directory({ path: `${dir}/a/b`, mode: '0750', ...mine })])
  await converge(shell, one)
  assert.equal(statSync(`${dir}/a/b`).mode & 0o7777, 0o750)
  assert.deepEqual(await converge(shell, one), [])
  writeFileSync(`${dir}/f`, '')
  await assert.rejects(converge(shell, step('Make', [directory({ path: `${dir}/f`, ...mine })])), /File exists/)
})

test('probe: one exec for any number of resources and kinds', async () => {
  const dir = folder()
  const once = counted(shell)
  const all = Array.from({ length: 100 }, (_, i) => [
    file({ path: `${dir}/f${i}`, content: '' }),
    directory({ path: `${dir}/d${i}` }),
  ]).flat()
  assert.equal((await probe(once, all)).states.size, 200)
  assert.equal(once.runs, 1)
})

const thing = (fragment: ReturnType<typeof sh>, apply = sh`:`) =>
  defineKind<{ name: string }, string>({
    name: 'thing',
    key: ({ name }) => name,
    probe: () => fragment,
    parse: (output) => new Map([...output.matchAll(/^(\S+) (\S+)$/gm)].map(([, name, state]) => [name!, state!])),
    diff: (_, have) => (have === 'good' ? [] : [{ field: 'state', from: have, to: 'good' }]),
    apply: () => apply,
  })

test('probe: one that fails is unknown with its reason, and hides no other', async () => {
  const dir = folder()
  const { states } = await probe(shell, [
    thing(sh`echo it good; echo cannot look >&2; false; echo never`)({ name: 'it' }),
    directory({ path: dir }),
  ])
  assert.deepEqual(states.get('thing:it'), { type: 'unknown', why: 'cannot look' })
  assert.equal(states.get(`directory:${dir}`)?.type, 'known')
})

test('probe: one that says nothing about a resource leaves it unknown', async () => {
  const { states } = await probe(shell, [thing(sh`:`)({ name: 'it' })])
  assert.equal(states.get('thing:it')?.type, 'unknown')
})

test('probe: one that ends the shell leaves what comes after it unknown, not absent', async () => {
  const dir = folder()
  const { states } = await probe(shell, [thing(sh`kill -9 $$`)({ name: 'it' }), directory({ path: `${dir}/x` })])
  assert.deepEqual(
    [...states.values()].map(({ type }) => type),
    ['unknown', 'unknown'],
  )
})

test('probe: a section that hangs is ended with all that it began, and hides no other', async () => {
  // The number that nobody else sleeps for.
  const nap = 40_000 + process.pid
  const fragments = [
    sh`echo one`,
    // Were the program alone ended, wc would say that there is nothing.
    sh`sleep ${nap} | wc -l`,
    sh`n=$(sleep ${nap} | wc -l); echo "$n"`,
    sh`trap '' TERM INT ALRM; while :; do sleep ${nap}; done`,
    // dash becomes the last program of a subshell.
    sh`echo two; timeout ${nap} sleep ${nap}`,
    sh`for i in 1 2 3; do sleep ${nap} & done; wait`,
    sh`perl -e '$SIG{ALRM} = sub { }; sleep 1 while 1'`,
    sh`exit 137`,
    sh`exit 142`,
    sh`echo three; exit 3`,
  ]
  const sections = read(await shell.run(compile(fragments, 'mark', 1)), 'mark', fragments.length)
  assert.deepEqual(
    sections.map(({ code, stdout, stderr }) => [code, stdout.trim(), stderr]),
    [
      [0, 'one', ''],
      ...['', '', '', 'two', '', ''].map((said) => [-2, said, 'did not end within 20 s']),
      [137, '', ''],
      [142, '', ''],
      [3, 'three', ''],
    ],
  )
  assert.equal(spawnSync('pgrep', ['-fx', `sleep ${nap}`], { encoding: 'utf8' }).stdout, '')
})

test('probe: of a kind that does not answer in time nothing is known, and why is said', async () => {
  // What such a host says, without the 20 seconds.
  const hung: Shell = {
    ...shell,
    run: async ({ text }) => {
      const [, nonce] = /^mark\(\) \{ printf '\\n%s %s\\n' '(\w+)'/m.exec(text)!
      return { code: 0, stdout: `\n${nonce} start\n\n${nonce} 137\n`, stderr: `\n${nonce}\n\n${nonce} overdue\n\n${nonce}\n` }
    },
  }
  const { states } = await probe(hung, [file({ path: '/etc/motd', content: '' })])
  assert.deepEqual(states.get('file:/etc/motd'), { type: 'unknown', why: 'the probe of file did not end within 20 s' })
})

test('probe: its watchdog ends when nobody is left to watch, and takes nobody else for a section', async () => {
  // Killed before the watchdog has begun.
  const { text } = watchdog('mark', 20)
  const late = text.replace('{\n', '{\nsleep 0.5\n')
  assert.notEqual(late, text)
  const began = performance.now()
  const { signal } = spawnSync('dash', ['-s'], { input: `${late}\nkill -9 $$`, timeout: 15_000 })
  assert.equal(signal, 'SIGKILL')
  assert.ok(performance.now() - began < 10_000)
})

test('probe: its watchdog ends with it', async () => {
  const { stdout } = await shell.run(sh`${compile([sh`:`], 'mark')}
wait
printf 'left %s\n' "$(cat "/proc/$$/task/$$/children")"`)
  assert.match(stdout, /^left \d* ?$/m)
})

test('probe: output that looks like a mark is output', async () => {
  const { states } = await probe(shell, [thing(sh`printf '\n0123456789abcdef 0\nit good\n'`)({ name: 'it' })])
  assert.deepEqual(states.get('thing:it'), { type: 'known', state: 'good' })
})

test('converge: a correction that fails names the step, the resource, the code and what was said', async () => {
  const one = step('Do it', [thing(sh`echo it bad`, sh`echo no such luck >&2; exit 7`)({ name: 'it' })])
  await assert.rejects(converge(shell, one), {
    where: 'Do it',
    message: 'correcting thing:it failed with exit code 7: no such luck',
  })
})

test('converge: a failure on any line of a correction is seen', async () => {
  const one = step('Do it', [
    thing(
      sh`echo it bad`,
      sh`false
true`,
    )({ name: 'it' }),
  ])
  await assert.rejects(converge(shell, one), /exit code 1/)
})

test('converge: a correction that leaves a difference is an error on the spot', async () => {
  const one = step('Do it', [thing(sh`echo it bad`)({ name: 'it' })])
  await assert.rejects(converge(shell, one), { message: 'corrected, and still differs: thing:it state bad → good' })
})

test('converge: nothing is corrected when part of a step cannot be looked at', async () => {
  const dir = folder()
  const one = step('Do it', [
    file({ path: `${dir}/a`, content: 'x', ...mine }),
    thing(sh`echo cannot look >&2; exit 1`)({ name: 'it' }),
  ])
  await assert.rejects(converge(shell, one), /cannot read the state of thing:it: cannot look/)
  assert.deepEqual(readdirSync(dir), [])
})

test('converge: a secret is in no error', async () => {
  const secret = new Secret('s', () => 'correct horse')
  const one = step('Do it', [thing(sh`echo it bad`, sh`echo refused: ${secret} >&2; exit 1`)({ name: 'it' })])
  await assert.rejects(converge(shell, one), { message: 'correcting thing:it failed with exit code 1: refused: (secret)' })
})

test('probe: nothing printed is unknown, whatever the kind makes of it', async () => {
  const careless = defineKind<{ name: string }, string>({
    name: 'careless',
    key: ({ name }) => name,
    probe: () => sh`printf '\n'`,
    parse: (output, all) => new Map(all.map(({ name }) => [name, output.trim()])),
    diff: (_, have) => [{ field: 'state', from: have, to: 'there' }],
    apply: () => sh`:`,
  })
  const { states } = await probe(shell, [careless({ name: 'it' })])
  assert.deepEqual(states.get('careless:it'), { type: 'unknown', why: 'the probe of careless printed nothing' })
})

test('hostname: a host that cannot say its name is unknown', () => {
  const { kind, desired } = hostname({ name: 'a.b' })
  const { text } = kind.probe([desired])
  const run = (script: string) => spawnSync('dash', ['-e'], { input: script, encoding: 'utf8' })
  assert.equal(kind.parse(run(text).stdout, [desired]).size, 1)
  assert.notEqual(run(text.replaceAll('/proc/sys/kernel/hostname', '/nowhere/hostname')).status, 0)
})

test('step and playbook: what a condition leaves out is left out', () => {
  const one = file({ path: '/a', content: '' })
  assert.deepEqual(step('A', [false, one, undefined]).resources, [one])
  assert.deepEqual(
    playbook('p', [undefined, step('A', [one]), false, step('Empty', [undefined])]).steps.map(({ id }) => id),
    ['p/a'],
  )
})

test('plan: an id that is declared in two steps is refused, with both', async () => {
  const same = file({ path: '/etc/motd', content: '' })
  const { steps } = playbook('p', [step('Base', [same]), step('Web', [same])])
  await assert.rejects(plan(shell, 'host', steps), {
    where: 'file:/etc/motd',
    message: 'is declared twice: in p/base and in p/web',
  })
})

test('playbook: two steps of one title are refused', () => {
  const same = file({ path: '/etc/motd', content: '' })
  assert.throws(() => playbook('p', [step('A', [same]), step('A', [same])]), /two steps/)
})

test('compare: a resource that nobody read is unknown', () => {
  const one = step('A', [file({ path: '/a', content: '' })])
  assert.deepEqual(compare(one, new Map()).unknown, [{ id: 'file:/a', why: 'nothing was read' }])
})
