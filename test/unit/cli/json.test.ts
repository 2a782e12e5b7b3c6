import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sections, wordsOf } from '../../../src/cli/program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The events of a command, with its exit code; fails when a line of stdout is not one. */
function events(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/bin.js', ...args], { cwd: root, input, encoding: 'utf8' })
  const all = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
  return { status, stderr, names: all.map(({ event }) => event), first: all[0], last: all.at(-1) }
}

const shipped = ['--host', 'xoyize.xyz', '--inventory', 'inventory', '--json']
const zone = '$ORIGIN example.org.\n@ 300 IN SOA ns1 hostmaster 1 2 3 4 5\n@ 300 IN NS ns1.example.net\n'

test('--json: a command has it, unless it asks or prints a value as it is', () => {
  const without = sections
    .flatMap(({ commands }) => commands)
    .filter(({ options }) => !('json' in options))
    .map(wordsOf)
  assert.deepEqual(without, ['init', 'secrets show', 'secrets set', 'secrets edit', 'completion'])
})

test('--json: what is listed is an event each, and the last event is the end', () => {
  const { status, names, last } = events(['list', ...shipped])
  assert.equal(status, 0)
  assert.ok(names.length > 10)
  assert.deepEqual([...new Set(names)], ['playbook', 'end'])
  assert.equal(last?.code, 0)
})

test('--json: what is found is an event each, and the end has the exit code', () => {
  const { status, names, last } = events(['dns', 'lint', '-', '--offline', '--json'], zone)
  assert.equal(status, 2)
  assert.deepEqual([...new Set(names)], ['finding', 'end'])
  assert.equal(last?.code, 2)
})

for (const [what, args, message] of [
  ['an inventory that does not exist', ['list', '--host', 'nobody', '--json'], /no inventory/],
  ['an option that is missing', ['doctor', '--json'], /--host is missing/],
  ['nothing to do', ['--json'], /--host is missing/],
  ['an option that does not exist', ['list', '--jsn', '--json'], /unknown option '--jsn'/],
  ['a command that does not exist', ['--json', 'lst'], /unknown command 'lst'/],
  ['a command without --json', ['secrets', 'show', 'a', '--json'], /unknown option '--json'/],
  ['a command without --json, which is said before it', ['--json', 'secrets', 'show', 'a'], /unknown option '--json'/],
] as const)
  test(`--json: ${what} is an error, and an end`, () => {
    const { status, names, first, last } = events(args)
    assert.equal(status, 1)
    assert.deepEqual(names, ['error', 'end'])
    assert.match(String(first?.message), message)
    assert.equal(last?.code, 1)
  })

for (const [args, nearest] of [
  [['acount', 'add'], 'account'],
  [['domain', 'ad'], 'add'],
  [['dns', 'check', '--domian', 'x'], '--domain'],
  [['outdate'], 'outdated'],
] as const)
  test(`a word that does not exist: ${args.join(' ')} is answered with ${nearest}`, () => {
    const { status, stderr } = spawnSync(process.execPath, ['src/bin.js', ...args], { cwd: root, encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`^provision: unknown .*\\n\\(Did you mean ${nearest}\\?\\)\\n`))
  })

test('a word that is like no command is answered without a guess', () => {
  const { stderr } = spawnSync(process.execPath, ['src/bin.js', 'frobnicate'], { cwd: root, encoding: 'utf8' })
  assert.equal(stderr, "provision: unknown command 'frobnicate'\n(provision --help lists what there is)\n")
})

test('an option before a command that does not have it is refused, and a word too many as well', () => {
  for (const [args, said] of [
    [['--check', 'list'], "unknown option '--check'"],
    [['list', 'x'], 'too many arguments'],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, ['src/bin.js', ...args], { cwd: root, encoding: 'utf8' })
    assert.equal(status, 1)
    assert.ok(stderr.includes(said), stderr)
  }
})
