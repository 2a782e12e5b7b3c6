import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checks } from '../../../src/doctor/checks.ts'
import { readAnswers } from '../../../src/inventory/edit/answers.ts'
import { Server } from '../../../src/inventory/inventory.ts'
import { readYaml } from '../../../src/inventory/yaml.ts'
import { ownPlaybooks } from '../../../src/own/load.ts'
import * as face from '../../../src/playbook.ts'
import { called } from '../../support/command-line.ts'
import { type Block, blocksIn, brokenLinks, codeOf, type Page, pages, proseOf, root } from '../../support/markdown.ts'
import { referenceContext, referencePlaybooks, referenceServer } from '../../support/reference.ts'
import { scriptsOf } from '../../support/scripts.ts'

const scratch = mkdtempSync(join(tmpdir(), 'docs-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

const page = (path: string): Page => pages.find((one) => one.path === path) ?? assert.fail(`there is no ${path}`)
const at = ({ page: path, line }: Block): string => `${path}:${line}`
/** Sources that people read as well, or that send people to a page. */
const sources = globSync(['src/**/*.ts', 'playbooks/**/*.ts', 'files/**/*', 'inventory/*.yml'], { cwd: root })
  .filter((path) => statSync(join(root, path)).isFile() && !path.endsWith('.patch'))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

test('README: it fits on a screen or two', () => {
  const { text } = page('README.md')
  assert.ok(text.trimEnd().split('\n').length <= 120, 'at most 120 lines')
  assert.ok(text.split(/\s+/).length <= 1200, 'at most 1,200 words')
})

test('docs: every link leads to a file, and every anchor to a heading', () => {
  const broken = pages.flatMap((one) => brokenLinks(one).map((link) => `${one.path}: ${link}`))
  assert.deepEqual(broken, [])
})

test('docs: every page can be reached from README', () => {
  const linked = new Set(['README.md'])
  for (const path of linked)
    for (const [, target] of page(path).text.matchAll(/\]\(([^)\s#]+\.md)/g))
      if (!target!.includes(':')) linked.add(join(path, '..', target!))
  assert.deepEqual(
    pages.map(({ path }) => path).filter((path) => !linked.has(path)),
    [],
  )
})

test('docs: every page that a source names exists', () => {
  const missing = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/\bdocs\/[\w/-]+\.md\b/g)]
      .filter(([name]) => !existsSync(join(root, name)))
      .map(([name]) => `${path}: ${name}`),
  )
  assert.deepEqual(missing, [])
})

test('docs: every path of this repository that a page names exists', () => {
  const missing = pages.flatMap((one) =>
    codeOf(one)
      .filter((code) => /^(src|playbooks|files|test|bench|docs)\/[\w./@-]*$/.test(code) && !/NAME|\bX\b/.test(code))
      .filter((code) => !existsSync(join(root, code)))
      .map((code) => `${one.path}: ${code}`),
  )
  assert.deepEqual(missing, [])
})

test('docs: an RFC is written “RFC 7489 6.6.1”, in pages and sources', () => {
  // A comment in what reaches a host is changed together with what it says: alone it would be drift.
  const ours = sources.filter(({ path }) => !path.startsWith('files/'))
  const wrong = [...pages, ...ours].flatMap(({ path, text }) =>
    [...text.matchAll(/\bRFC[^\n]{0,30}/g)]
      .filter(([said]) => !/^RFC \d{3,5}\b(?!,? *(?:§|[Ss]ection)|, *\d)/.test(said))
      .map(([said]) => `${path}: ${said}`),
  )
  assert.deepEqual(wrong, [])
})

test('docs: a manual page is written “name(8)”, and its section is one that there is', () => {
  const wrong = pages.flatMap((one) =>
    [...proseOf(one).matchAll(/\b[a-z][\w.-]*(?: \(\d\)|\((?:[09]|\d\d+)\))/g)].map(([said]) => `${one.path}: ${said}`),
  )
  assert.deepEqual(wrong, [])
})

test('docs: a page is written in plain English', () => {
  const stumbles =
    /\b(told|made up|stands|by itself|by themselves|looked at|shall|whoever|another one|somebody else’s|of somebody else|at work|dead run|sees to|takes ours along|is no (?=[a-z]))/i
  const wrong = pages.flatMap((one) =>
    proseOf(one)
      .replaceAll(/`[^`]*`|\*[^*\n]+\*/g, '')
      .split('\n')
      .flatMap((line) => {
        const word = stumbles.exec(line)?.[0]
        return word === undefined ? [] : [`${one.path}: ${word}: ${line.trim()}`]
      }),
  )
  assert.deepEqual(wrong, [])
})

for (const block of blocksIn('yaml'))
  test(`docs: the inventory accepts the example of ${at(block)}`, () => {
    const { document } = readYaml(at(block), block.text)
    const raw = document.toJS() as Record<string, unknown>
    if ('name' in raw) return void readAnswers(at(block), block.text)
    const { error } = Server.safeParse('version' in raw ? raw : merged(smallest, raw))
    assert.equal(error?.message, undefined)
  })

const smallest = {
  version: 1,
  hostname: 'my.example.org',
  address: '192.0.2.10',
  admin: { user: 'alice' },
  dns: { provider: 'manual' },
  mail: { hostname: 'mx1.example.org', primary: 'example.org' },
  domains: [{ name: 'example.org', accounts: [{ address: 'alice' }] }],
}

/** A part of an inventory in the place of the same part of a whole one; what it does not say of `mail` and `admin` stays. */
const merged = (whole: Record<string, unknown>, part: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries({ ...whole, ...part }).map(([key, value]) => [
      key,
      ['mail', 'admin'].includes(key) ? { ...(whole[key] as object), ...(value as object) } : value,
    ]),
  )

test('docs: every command of an example, and every one named in the text, is one that exists', () => {
  const examples = blocksIn('sh', '').flatMap((block) => block.text.split('\n').flatMap((line) => commandIn(line, block)))
  const named = pages.flatMap((one) =>
    codeOf(one).flatMap((code) => (/^provision( |$)/.test(code) ? [{ code, from: one.path }] : [])),
  )
  assert.ok(examples.length > 50 && named.length > 50, 'nothing was found: the test is out of date')
  const wrong = [...examples, ...named.flatMap(({ code, from }) => variants(code).map((one) => ({ code: one, from })))].flatMap(
    ({ code, from }) => {
      const why = called(wordsOf(code)).refusal
      return why === undefined ? [] : [`${from}: ${code}: ${why}`]
    },
  )
  assert.deepEqual(wrong, [])
})

/** The command of ours in a line of a shell, after a prompt or cron's five fields: without comment, pipe and redirections. */
function commandIn(line: string, block: Block) {
  const prefix =
    block.language === 'sh' ? /^(?:npx )?(provision .*)$/ : /^(?:\$ |(?:[\d*/]+ ){5}(?:.* && )?)(?:npx )?(provision .*)$/
  const code = prefix.exec(line)?.[1]
  return code === undefined ? [] : [{ code: code.replace(/ +#.*$| +[|<].*$| +>>.*$/, ''), from: at(block) }]
}

/** `a|b` as two commands, without what is optional: `[NAME]`, and what stands for more. */
function variants(code: string): readonly string[] {
  const plain = code.replaceAll(/ \[[^\]]*\]|…$/g, '')
  const choice = /(\S+\|\S+)/.exec(plain)?.[1]
  return choice === undefined ? [plain] : choice.split('|').flatMap((one) => variants(plain.replace(choice, one)))
}

const wordsOf = (code: string): readonly string[] =>
  [...code.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!).slice(1)

test('docs/reference/exit-codes-and-environment.md: every variable that is read is in it', () => {
  const { text } = page('docs/reference/exit-codes-and-environment.md')
  const read = sources
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap((one) => [...one.text.matchAll(/\b(?:env\.|setting\('|folder\(')([A-Z][A-Z_]+)/g)].map(([, name]) => name!))
  assert.ok(read.length > 10, 'none was found: the test is out of date')
  assert.deepEqual(
    [...new Set(read)].filter((name) => !text.includes(`\`${name}\``)),
    [],
  )
})

test('docs/reference/json-events.md: every event is in it', () => {
  const said = new Set(codeOf(page('docs/reference/json-events.md')))
  const events = sources
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ text }) => [...text.matchAll(/\bevent(?:: |\()'(\w+)'/g)].map(([, name]) => name!))
  assert.ok(events.length > 10, 'none was found: the test is out of date')
  assert.deepEqual(
    [...new Set(events)].filter((name) => !said.has(name)),
    [],
  )
})

test('docs/reference/playbooks.md: every playbook has its section, in the order of an install', () => {
  const { text } = page('docs/reference/playbooks.md')
  const sections = [...text.matchAll(/^## ([a-z0-9]+)$/gm)].map(([, id]) => id)
  assert.deepEqual(
    sections,
    referencePlaybooks(referenceServer()).map(({ id }) => id),
  )
})

test('docs/guides/doctor.md: every check is in it', () => {
  const said = new Set(codeOf(page('docs/guides/doctor.md')))
  assert.deepEqual(
    checks.map(({ id }) => id).filter((id) => !said.has(id)),
    [],
  )
  assert.match(proseOf(page('docs/guides/doctor.md')), new RegExp(`\\b${checks.length} checks\\b`))
})

/** The examples that are a whole file of playbooks, each where an operator would have it: beside an inventory folder. */
const examples = blocksIn('ts')
  .filter(({ text }) => /^export const server\b/m.test(text))
  .map((block, i) => {
    const home = join(scratch, `operator-${i}`)
    mkdirSync(join(home, 'playbooks'), { recursive: true })
    writeFileSync(join(home, 'package.json'), '{ "type": "module" }')
    const file = join(home, 'playbooks', 'index.ts')
    writeFileSync(file, block.text)
    return { block, file, home }
  })

test('docs: every playbook of an example type-checks', () => {
  const files = examples.map(({ file }) => file)
  const config = {
    extends: join(root, 'tsconfig.json'),
    files,
    include: [],
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
      // The sources: what was built may be older.
      paths: { provision: [join(root, 'src/playbook.ts')] },
    },
  }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config))
  const { stdout, status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', scratch], {
    encoding: 'utf8',
  })
  assert.equal(`${status} ${stdout}`, '0 ')
})

for (const { block, file } of examples)
  test(`docs: the playbooks of ${at(block)} are planned`, async () => {
    const before = referencePlaybooks(referenceServer())
    const after = await ownPlaybooks(file, referenceServer(), referenceContext, assert.fail)
    assert.notDeepEqual(
      after.map(({ id }) => id),
      before.map(({ id }) => id),
    )
    const own = after.filter(({ id }) => before.every((one) => one.id !== id))
    for (const { text } of own.flatMap(({ steps }) => steps.flatMap(scriptsOf)))
      assert.equal(spawnSync('dash', ['-n'], { input: text, encoding: 'utf8' }).stderr, '')
  })

test('docs: the redis of the example saves where its unit may write', () => {
  const [example] = examples.filter(({ block }) => block.text.includes('redis-server.service'))
  // redis-server.service of Debian: ProtectSystem=strict, ReadWritePaths=-/var/lib/redis.
  assert.match(example?.block.text ?? '', /\\ndir \/var\/lib\/redis\\n/)
})

test('docs: every step of a run that is shown is one that there is', () => {
  const own = examples.flatMap(({ block }) =>
    [...block.text.matchAll(/playbook\('(\w+)', \[([\s\S]*?)^ {2}\]\),$/gm)].flatMap(([, id, steps]) =>
      [...steps!.matchAll(/step\('([^']+)'/g)].map(([, title]) => `${id}/${title!.toLowerCase().replaceAll(' ', '-')}`),
    ),
  )
  const there = new Set([...own, ...referencePlaybooks(referenceServer()).flatMap(({ steps }) => steps.map(({ id }) => id))])
  const shown = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/^(?:✓ )?([a-z0-9]+\/[a-z-]+)(?:: [A-Z]| \()|"step":"([^"]+)"|--only ([a-z0-9]+\/[a-z-]+)/gm)].map(
      ([, line, event, only]) => ({ path, id: line ?? event ?? only! }),
    ),
  )
  assert.ok(shown.length > 5, 'none was found: the test is out of date')
  assert.deepEqual(
    shown.filter(({ id }) => !there.has(id)),
    [],
  )
})

test('docs/guides/own-playbook.md: all that “provision” exports is in it', () => {
  const said = new Set(codeOf(page('docs/guides/own-playbook.md')))
  assert.deepEqual(
    Object.keys(face).filter((name) => !said.has(name)),
    [],
  )
})
