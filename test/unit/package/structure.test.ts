import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const sources = globSync(['src/**/*.ts', 'playbooks/**/*.ts', 'files/**/*.ts'], { cwd: root }).toSorted()
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

/** What a file imports: our own files by their path from the root, packages by their name. */
const importsOf = (file: string): readonly string[] =>
  [...textOf(file).matchAll(/(?:^import\b[^'"]*|^export\b[^'"]*\bfrom\s*|\bimport\()['"]([^'"]+)['"]/gm)].map(([, name]) =>
    name!.startsWith('.') ? normalize(join(dirname(file), name!)) : name!,
  )

/** Who may import a package: the only places, each a beginning of a path. */
const only: Readonly<Record<string, readonly string[]>> = {
  'node-ssh': ['src/ssh/ssh.ts'],
  ssh2: ['src/ssh/'],
  'ssh-config': ['src/ssh/'],
  listr2: ['src/ui/'],
  inquirer: ['src/ui/'],
  zx: ['src/rehearsal/', 'src/commands/'],
  commander: ['src/cli.ts', 'src/cli/'],
  'age-encryption': ['src/secrets/'],
  zod: ['src/inventory/', 'src/ui/'],
  figlet: ['files/etc/motd.ts'],
  'dns-packet': ['src/dns/', 'src/rehearsal/internet/ovh/'],
  nodemailer: ['src/rehearsal/', 'src/doctor/'],
  imapflow: ['src/rehearsal/', 'src/doctor/'],
  mailauth: ['src/doctor/'],
}

for (const [name, places] of Object.entries(only)) {
  test(`only ${places.join(' and ')} imports ${name}`, () => {
    const users = sources.filter((file) => importsOf(file).includes(name))
    assert.notDeepEqual(users, [], 'nobody does: the rule is out of date')
    assert.deepEqual(
      users.filter((file) => !places.some((place) => file.startsWith(place))),
      [],
    )
  })
}

test('kinds write sh and read its output: they import nothing that does I/O', () => {
  const allowed = /^(src\/kinds\/|src\/(engine\/kind|sh|secret|util\/addresses)\.ts$|node:crypto$|node:path(\/posix)?$)/
  for (const file of sources.filter((one) => one.startsWith('src/kinds/'))) {
    assert.deepEqual(
      importsOf(file).filter((name) => !allowed.test(name)),
      [],
      file,
    )
  }
})

test('playbooks are made of kinds, steps, text and the inventory', () => {
  const allowed =
    /^(playbooks\/|files\/|src\/kinds\/|src\/(engine\/kind|engine\/step|util\/text|inventory\/inventory|secret|sh|errors)\.ts$)/
  for (const file of sources.filter((one) => one.startsWith('playbooks/'))) {
    assert.deepEqual(
      importsOf(file).filter((name) => !allowed.test(name)),
      [],
      file,
    )
  }
})

test('the engine talks to a Shell and to nothing else', () => {
  const allowed = /^(src\/engine\/|src\/(sh|errors|secret|util\/text)\.ts$|node:crypto$)/
  for (const file of sources.filter((one) => one.startsWith('src/engine/'))) {
    assert.deepEqual(
      importsOf(file).filter((name) => !allowed.test(name)),
      [],
      file,
    )
  }
})

/** The room of a file: a folder of src, or what is beside src. */
const roomOf = (file: string): string =>
  file
    .split('/')
    .slice(0, file.startsWith('src/') ? 2 : 1)
    .join('/')

/** The ways that lead from a node back to itself. */
function circlesOf(nodes: readonly string[], next: (node: string) => Iterable<string>): readonly string[] {
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (node: string, way: readonly string[]): void => {
    if (way.includes(node)) circles.push([...way.slice(way.indexOf(node)), node].join(' → '))
    if (way.includes(node) || done.has(node)) return
    for (const one of next(node)) visit(one, [...way, node])
    done.add(node)
  }
  for (const node of nodes) visit(node, [])
  return circles
}

test('rooms import in one direction: none needs one that needs it', () => {
  const needs = new Map<string, Set<string>>()
  for (const file of sources)
    for (const other of importsOf(file))
      if (sources.includes(other) && roomOf(other) !== roomOf(file))
        needs.set(roomOf(file), (needs.get(roomOf(file)) ?? new Set()).add(roomOf(other)))
  assert.deepEqual(
    circlesOf([...needs.keys()], (room) => needs.get(room) ?? []),
    [],
  )
})

test('a folder is small enough to be read: six files at the top of src, 25 elsewhere', () => {
  const tests = globSync('test/**/*.ts', { cwd: root })
  const sizes = new Map<string, number>()
  for (const file of [...sources, ...tests, 'src/bin.js']) sizes.set(dirname(file), (sizes.get(dirname(file)) ?? 0) + 1)
  assert.deepEqual(
    [...sizes].filter(([folder, files]) => files > (folder === 'src' ? 6 : 25)),
    [],
  )
})

test('no file imports itself, by whatever way round: types included', () => {
  assert.deepEqual(
    circlesOf(sources, (file) => importsOf(file).filter((one) => sources.includes(one))),
    [],
  )
})

/** Names that are exported twice, each with its reason. */
const twice: Readonly<Record<string, string>> = {
  Server: 'the schema, and the type of what it gives',
}

test('no name is exported for two things', () => {
  const places = new Map<string, Set<string>>()
  for (const file of sources.filter((one) => !one.startsWith('files/')))
    for (const [, name] of textOf(file).matchAll(/^export (?:async )?(?:const|function\*?|class|interface|type) (\w+)/gm))
      places.set(name!, (places.get(name!) ?? new Set()).add(file))
  const found = [...places].filter(([, files]) => files.size > 1)
  assert.deepEqual(
    found.filter(([name]) => twice[name] === undefined).map(([name, files]) => `${name}: ${[...files].join(', ')}`),
    [],
  )
  assert.deepEqual(
    Object.keys(twice).filter((name) => !found.some(([one]) => one === name)),
    [],
    'the list is out of date',
  )
})

test('only one file reads the environment', () => {
  assert.deepEqual(
    sources.filter((file) => /process\.env\b/.test(textOf(file))),
    ['src/util/environment.ts'],
  )
})

test('only the command line ends the process, but for a second Ctrl-C', () => {
  const enders = sources.filter((file) => /process\.(exit\(|exitCode)/.test(textOf(file)))
  assert.deepEqual(
    enders,
    ['src/cli.ts', 'src/cli/program.ts', 'src/session/signals.ts', 'src/rehearsal/image/apt-cache-process.ts'].filter((file) =>
      enders.includes(file),
    ),
  )
})

test('every export says what it is for', () => {
  const bare = sources.flatMap((file) => {
    const lines = textOf(file).split('\n')
    return lines.flatMap((line, i) =>
      /^export (async )?(function|const|class|interface|type) \w/.test(line) && !/\*\/$/.test(lines[i - 1] ?? '')
        ? [`${file}: ${line}`]
        : [],
    )
  })
  assert.deepEqual(
    bare.filter((line) => !/^src\/kinds\/.*: export interface/.test(line)),
    [],
  )
})

test('no default export, no any, no enum', () => {
  for (const file of sources) assert.doesNotMatch(textOf(file), /^export default|\bas any\b|: any\b|^(export )?enum /m, file)
})
