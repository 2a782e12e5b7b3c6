import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Context, isReference } from '../../../playbooks/index.ts'
import { lookAtSteps } from '../../../src/engine/converge.ts'
import type { Host } from '../../../src/engine/host.ts'
import type { Resource } from '../../../src/engine/kind.ts'
import type { Step } from '../../../src/engine/step.ts'
import { ProvisionError } from '../../../src/errors.ts'
import { checkedPlaybooks } from '../../../src/own/check.ts'
import { refuseMistakes } from '../../../src/own/corrections.ts'
import { ownPlaybooks } from '../../../src/own/load.ts'
import * as face from '../../../src/playbook.ts'
import { localShell } from '../../support/local-shell.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

const scratch = mkdtempSync(join(tmpdir(), 'own-mistakes-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const server = referenceServer()
const context = { prune: false, origins: {} } as unknown as Context
const shell = localShell(join(scratch, 'state'))

let number = 0
/** Playbooks of one's own, as their author has written them. */
async function load(text: string, say: (line: string) => void = assert.fail) {
  const folder = join(scratch, String(number++), 'playbooks')
  mkdirSync(folder, { recursive: true })
  const index = join(folder, 'index.ts')
  writeFileSync(
    index,
    `import * as provision from 'provision'
const { defineKind, directory, file, guardedStep, packages, playbook, service, sh, step } = provision
${text}
`,
  )
  return ownPlaybooks(index, server, context, say)
}
/** One playbook of one step, with these resources. */
const resources = (...all: readonly string[]) =>
  `export const server = () => [playbook('web', [step('Configure it', [${all.join(', ')}])])]`
/** A kind of one's own, with some of its parts written otherwise. */
const kind = (parts: Readonly<Record<string, string>>) => {
  const all = {
    name: "'thing'",
    key: '({ name }) => name',
    probe: '() => sh`echo absent`',
    parse: '(output, all) => new Map(all.map(({ name }) => [name, output.trim()]))',
    diff: "(_, have) => [{ field: 'state', from: have, to: 'there' }]",
    apply: '() => sh`:`',
    ...parts,
  }
  return `const thing = defineKind<any, any>({ ${Object.entries(all)
    .map(([part, value]) => `${part}: ${value}`)
    .join(', ')} })
${resources("thing({ name: 'a' })")}`
}

/** What a run says of it before it changes anything: the place, what is wrong, and the next move. */
async function said(text: string): Promise<string> {
  try {
    const playbooks = await load(text)
    const steps = playbooks.flatMap((one) => one.steps)
    const seen = await lookAtSteps(shell, steps)
    await refuseMistakes({ host: {} as Host, steps: seen }, steps, ({ id }: Step) => !isReference(id.split('/')[0]!))
  } catch (error) {
    assert.ok(error instanceof ProvisionError, (error as Error).stack)
    assert.notEqual(error.hint, undefined, `${error.where}: ${error.message}: no next move`)
    return `${error.where}: ${error.message} (${error.hint})`.replaceAll(/\/\S*\/playbooks\//g, '')
  }
  return 'nothing'
}

const place = 'web/configure-it: '
const mistakes: Readonly<Record<string, readonly [string, RegExp]>> = {
  // Fields.
  'a mode that is a number': [
    resources("file({ path: '/a', content: '', mode: 644 })"),
    /^web\/configure-it: file:\/a: “mode” is 644, a number \(write its digits as text: '0644'\)$/,
  ],
  'a file without content': [resources("file({ path: '/a' })"), /file:\/a: “content” is missing \(write text, or a Secret\)$/],
  'a content that is a Buffer': [
    resources("file({ path: '/a', content: Buffer.from('x') })"),
    /“content” is an object \(Buffer\)/,
  ],
  'a content that is a Promise': [
    resources("file({ path: '/a', content: Promise.resolve('x') })"),
    /“content” is a Promise \(await it at the top of the file/,
  ],
  'a path that is none': [
    resources("file({ path: 'etc/a', content: '' })"),
    /“path” is the text “etc\/a” \(write the whole path/,
  ],
  'a file without a path': [resources("file({ content: '' })"), /^web\/configure-it: file:\?: “path” is missing/],
  'a kind without fields': [resources('file()'), /^web\/configure-it: file:\?: file was given nothing, and needs its fields/],
  'a field that is misspelt': [
    resources("file({ path: '/a', content: '', perms: '0644' })"),
    /has no field “perms” \(file has: path content mode owner group check notes\)/,
  ],
  'one package in place of a list': [
    resources("packages({ name: 'x', installed: 'nginx' })"),
    /packages:x: “installed” is the text “nginx”, and must be a list \(write \[ … \] around it\)/,
  ],
  'a unit without its ending': [
    resources("service({ unit: 'nginx' })"),
    /service:nginx: “unit” is the text “nginx” \(write the whole name of the unit: example.service\)/,
  ],
  'a read path that is missing': [
    resources("service({ unit: 'a.service', reads: [undefined] })"),
    /“reads” has an item that does not fit, number 1: it is missing/,
  ],
  'a check that is text': [
    resources("file({ path: '/a', content: '', check: 'nginx -t' })"),
    /“check” is the text “nginx -t” \(write it with the sh tag: sh`…`\)/,
  ],

  // Shape.
  'a throw': [
    'export const server = (s: any) => {\n  return s.nothing.there\n}',
    /^index\.ts:4:\d+: TypeError: Cannot read properties of undefined/,
  ],
  'a throw at the top': ["throw new Error('no such thing')", /^index\.ts:3:\d+: Error: no such thing/],
  'a text that is thrown': ["export const server = () => { throw 'no such thing' }", /^index\.ts: “no such thing” was thrown/],
  'TypeScript that Node does not strip': [
    'enum A { b }\nexport const server = () => [A.b]',
    /^index\.ts:3: SyntaxError: TypeScript enum is not supported.*\(Node only strips types/,
  ],
  'a name that is not exported': [
    "import { fil } from 'provision'\nexport const server = fil",
    /^index\.ts:3: SyntaxError: .*does not provide an export named 'fil' \(docs\/guides\/own-playbook\.md lists/,
  ],
  'a file that is not there': [
    "import './redis.js'",
    /^index\.ts: Error: Cannot find module .*\(a file of your own is imported by its own name/,
  ],
  'a default export': [
    'export default () => []',
    /^index\.ts: has a default export, and exports no function “server” \(write: export const server/,
  ],
  'a function that waits': [
    "export const server = async () => [playbook('web', [])]",
    /^index\.ts: “server” returned a Promise, and must return a list of playbooks \(take “async” away/,
  ],
  'one playbook in place of a list': [
    "export const server = () => playbook('web', [])",
    /^index\.ts: “server” returned an object, and must/,
  ],
  'nothing returned': ['export const server = () => {}', /^index\.ts: “server” returned nothing, and must/],
  'a step where a playbook belongs': [
    "export const server = () => [step('A', [])]",
    /^index\.ts: item 1 of what “server” returned is “a”, and no playbook \(write playbook/,
  ],
  'a list where a playbook belongs': [
    "export const server = () => [[playbook('web', [])]]",
    /item 1 of what “server” returned is a list, and no playbook \(write … before it/,
  ],
  'a playbook of another’s name': [
    "export const server = () => [playbook('web', []), playbook('web', [])]",
    /^playbook “web”: there are two of that name/,
  ],
  'a playbook with a name of two words': [
    "export const server = () => [playbook('My web', [])]",
    /^playbook “My web”: cannot be called that \(its name is what --only takes/,
  ],
  'a playbook that is called as the zones are': [
    "export const server = () => [playbook('dns', [])]",
    /^playbook “dns”: cannot be called that/,
  ],
  'a resource that is no list': [
    "export const server = () => [playbook('web', [step('A', file({ path: '/a', content: '' }))])]",
    /^index\.ts:3:\d+: step “A”: its items are not a list \(write \[ … \] around them\)$/,
  ],
  'a resource where a step belongs': [
    "export const server = () => [playbook('web', [file({ path: '/a', content: '' })])]",
    /^index\.ts:3:\d+: playbook “web”: item 1 of its list is file:\/a, and not a step \(write step\('Do it'/,
  ],
  'a list within a list': [
    resources("[file({ path: '/a', content: '' })]"),
    /step “Configure it”: item 1 of its list is a list, and not a resource \(write … before that list\)/,
  ],
  'a resource that is a Promise': [
    resources('Promise.resolve(1)'),
    /item 1 of its list is a Promise, and not a resource \(await it/,
  ],
  'two steps of one title': [
    "const a = file({ path: '/a', content: '' })\nexport const server = () => [playbook('web', [step('A', [a]), step('A', [a])])]",
    /web\/a: two steps of this playbook have that title \(give one of them another title\)/,
  ],
  'a resource that is declared twice': [
    "const a = file({ path: '/a', content: '' })\nexport const server = () => [playbook('web', [step('A', [a]), step('B', [a])])]",
    /^file:\/a: is declared twice: in web\/a and in web\/b \(/,
  ],
  'a guard that saves no list': [
    "export const server = () => [playbook('web', [guardedStep('A', [file({ path: '/a', content: '' })], { save: '/a', undo: sh`:`, login: 'current port' })])]",
    /^web\/a: “save” of its guard does not fit/,
  ],
  'a guard that undoes by text': [
    "export const server = () => [playbook('web', [guardedStep('A', [file({ path: '/a', content: '' })], { save: ['/a'], undo: 'true', login: 'current port' })])]",
    /^web\/a: “undo” of its guard does not fit/,
  ],

  // Shell.
  'an unclosed quote in a check': [
    resources("file({ path: '/a', content: '', check: sh`nginx -t \"$tmp` })"),
    /^web\/configure-it: file:\/a: sh cannot read its “check”: line \d+: Unterminated quoted string \(look for a quote/,
  ],
  'an unclosed quote in a probe': [
    kind({ probe: "() => sh`echo 'x`" }),
    /^web\/configure-it: thing:a: sh cannot read the probe of thing: line \d+: Unterminated/,
  ],
  'an “if” without an end in a correction': [
    kind({ apply: '() => sh`if true; then :`' }),
    /^web\/configure-it: thing:a: sh cannot read the correction of thing: line \d+: /,
  ],
  'an undo that cannot be read': [
    "export const server = () => [playbook('web', [guardedStep('A', [file({ path: '/a', content: '' })], { save: ['/a'], undo: sh`fi`, login: 'current port' })])]",
    /^web\/a: sh cannot read the undo of its guard: line 1: "fi" unexpected/,
  ],

  // Kinds.
  'a kind without a function': [
    kind({ apply: 'undefined' }),
    /^index\.ts:3:\d+: kind thing: its apply is not a function \(write one: answer with the sh tag/,
  ],
  'a kind with a name of two words': [
    kind({ name: "'my thing'" }),
    /kind my thing: its name is the text “my thing” \(write small letters/,
  ],
  'a key that is none': [
    kind({ key: '() => undefined' }),
    /^web\/configure-it: thing:\?: its key answered nothing \(answer with text/,
  ],
  'a throw in a probe': [
    kind({ probe: '() => [].nothing.there' }),
    /^web\/configure-it: thing:a: its probe threw TypeError: .* \(mend index\.ts:3:\d+\)$/,
  ],
  'a throw in a parse': [kind({ parse: '() => [].nothing.there' }), /^web\/configure-it: thing:a: its parse threw TypeError/],
  'a throw in a diff': [kind({ diff: '() => [].nothing.there' }), /^web\/configure-it: thing:a: its diff threw TypeError/],
  'a throw in an apply': [kind({ apply: '() => [].nothing.there' }), /^web\/configure-it: thing:a: its apply threw TypeError/],
  'an undefined value in a script': [
    kind({ apply: '({ path }) => sh`touch ${path}`' }),
    /its apply threw TypeError: undefined undefined cannot be part of a shell script/,
  ],
  'a probe that is text': [
    kind({ probe: "() => 'echo x'" }),
    /its probe answered the text “echo x” \(answer with the sh tag: sh`…`\)/,
  ],
  'a parse that waits': [kind({ parse: 'async () => new Map()' }), /its parse answered a Promise \(await it/],
  'a parse without a Map': [kind({ parse: '() => ({})' }), /its parse answered an object \(answer with a Map/],
  'a diff without changes': [
    kind({ diff: '() => undefined' }),
    /its diff answered nothing \(answer with a list of \{ field, from, to \}/,
  ],
  'a change without its end': [
    kind({ diff: "() => [{ field: 'a', from: 'b' }]" }),
    /its diff answered a list \(answer with a list of/,
  ],
}

for (const [title, [text, expected]] of Object.entries(mistakes))
  test(`a playbook of one’s own: ${title} is named before the first change`, async () => assert.match(await said(text), expected))

test('a playbook of one’s own: a file whose folder nobody makes is refused, and one whose folder is made is not', async () => {
  const folder = join(scratch, 'nobody')
  const one = `file({ path: '${folder}/a', content: 'x' })`
  const made = `directory({ path: '${folder}' })`
  assert.equal(
    await said(resources(one)),
    `${place}file:${folder}/a: its folder ${folder} is not on the host, and nothing before it makes it (write directory({ path: '${folder}' }) before it, or install the package that brings it in a step before)`,
  )
  assert.match(await said(resources(one, made)), /web\/configure-it makes it: move that before this file/)
  assert.equal(await said(resources(made, one)), 'nothing')
  assert.equal(await said(resources(`directory({ path: '${folder}/below' })`, one)), 'nothing')
  assert.ok(!existsSync(folder))
})

test('a playbook of one’s own: a kind that sh cannot read on the host hides no other, and is unknown itself', async () => {
  // Read by a shell that knows more than dash, on the operator's side: the host's own says what it is.
  const [playbook] = await load(kind({}))
  const [step] = playbook!.steps
  const [thing] = step!.resources
  const broken = {
    ...thing!,
    id: 'thing:b',
    kind: { ...thing!.kind, probe: () => ({ ...thing!.kind.probe([]), text: "echo 'x" }) },
  }
  const [plan] = await lookAtSteps(shell, [{ ...step!, resources: [broken, thing!] }])
  assert.deepEqual(
    plan!.unknown.map(({ id }) => id),
    ['thing:b'],
  )
  assert.match(plan!.unknown[0]!.why, /Unterminated quoted string/)
  assert.equal(plan!.drift.length, 1)
})

test('a playbook of one’s own: a service that reads none of its files is pointed out', async () => {
  const lines: string[] = []
  const text = (reads: string) =>
    resources("file({ path: '/etc/a.conf', content: '' })", `service({ unit: 'a.service'${reads} })`)
  await load(text(''), (line) => lines.push(line))
  assert.deepEqual(lines, [
    `${place}service:a.service: is not restarted when /etc/a.conf changes: “reads” lists what it reads, and is [] when it reads nothing`,
  ])
  await load(text(', reads: []'))
})

test('a playbook of one’s own: ours have no mistake, and those that a condition leaves out are left out', async () => {
  const all = referencePlaybooks(server)
  assert.deepEqual(await checkedPlaybooks('index.ts', [...all, false, undefined]), all)
})

test('a playbook of one’s own: each kind that it may import says what its fields must be', () => {
  const kinds = Object.values(face).flatMap((one) => {
    if (typeof one !== 'function' || ([face.playbook, face.server, face.defineKind] as unknown[]).includes(one)) return []
    try {
      const { kind } = (one as () => Partial<Resource>)()
      return kind === undefined ? [] : [kind]
    } catch {
      return []
    }
  })
  assert.ok(kinds.length > 15, 'hardly any was found: the test is out of date')
  assert.deepEqual(
    kinds.filter(({ wants }) => wants === undefined).map(({ name }) => name),
    [],
  )
})
