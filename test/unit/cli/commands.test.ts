import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Option } from 'commander'
import { argumentsOf, groups, sections, wordsOf } from '../../../src/cli/program.ts'
import { called } from '../../support/command-line.ts'

const bin = fileURLToPath(new URL('../../../src/bin.js', import.meta.url))
const all = sections.flatMap(({ commands }) => commands)

/** The command line in a process of its own. */
const provision = (...args: readonly string[]) => spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' })

test('commands: each is described, by one line that begins with a verb and has no full stop', () => {
  assert.ok(all.length > 30, 'hardly any was found')
  for (const command of all) assert.match(command.about, /^[A-Z][a-z]+ [^\n]+[^.\n]$/, command.name)
  for (const { options } of all)
    for (const { flags, about } of Object.values(options)) assert.match(about, /^[^\n]+[^.\n]$/, flags)
})

test('commands: a command of two words is in a group that is described', () => {
  const used = new Set(all.map(wordsOf).flatMap((words) => (words.includes(' ') ? [words.split(' ')[0]!] : [])))
  assert.deepEqual([...used].toSorted(), Object.keys(groups).toSorted())
})

test('commands: an option has the name under which its command gets it', () => {
  for (const { options } of all)
    for (const [key, { flags }] of Object.entries(options)) assert.equal(key, new Option(flags).attributeName())
})

test('commands: no argument has the name of an option, which would hide it', () => {
  for (const command of all)
    for (const [, name] of argumentsOf(command).matchAll(/[<[]([\w-]+)/g)) assert.ok(!(name! in command.options), command.name)
})

test('commands: each has an example, which the command line takes as that command, with all that it needs', () => {
  for (const command of all) {
    assert.notDeepEqual(command.examples ?? [], [], command.name)
    for (const example of command.examples ?? []) {
      const { command: taken, given, refusal } = called(example.split(' ').slice(1))
      assert.equal(refusal, undefined, example)
      assert.equal(taken?.name, command.name, example)
      for (const [key, option] of Object.entries(command.options))
        if (option.needed !== undefined) assert.notEqual(given?.[key as never], undefined, `${example}: ${option.flags}`)
    }
  }
})

test('commands: one is given its arguments and each of its options, with what is absent as its definition says', () => {
  const { given } = called('alias add info a b --host X --no-apply'.split(' '))
  assert.deepEqual(given, {
    ...{ alias: 'info', target: ['a', 'b'], host: 'X', apply: false },
    ...{ inventory: undefined, json: false, verbose: false, debug: false },
    ...{ address: undefined, hostKey: undefined, yes: false },
  })
})

test('commands: options are read as what they are', () => {
  const given = (words: string) => called(words.split(' ')).given as Readonly<Record<string, unknown>>
  assert.deepEqual(given('--host X --only a,b').only, ['a', 'b'])
  assert.equal(given('history --host X --last 3').last, 3)
  assert.equal(given('secrets show a --host X --previous').previous, true)
  assert.equal(given('secrets show a --host X --previous 2').previous, 2)
  assert.equal(given('secrets show a --host X').previous, undefined)
  assert.equal(given('--host X list').host, 'X')
  assert.match(called('history --last 0'.split(' ')).refusal ?? '', /it is a whole number from 1/)
})

test('commands: what one needs and was not given is named, with the next move', () => {
  const { status, stderr } = provision('dns', 'check')
  assert.equal(status, 1)
  assert.equal(stderr, 'provision: --host is missing\nhint: name an inventory: its file name, host name or address\n')
})

test('commands: --help of one shows its options and its examples', () => {
  const { status, stdout } = provision('dns', 'publish', '--help')
  assert.equal(status, 0)
  assert.match(stdout, /--wait <seconds>[\s\S]*\nExamples:\n {2}provision dns publish --domain/)
})
