import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import { writeInventory } from '../../src/rehearsal/inventory.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { root } from '../../src/util/text.ts'

const name = 'e2e-package'
const local = $({ quiet: true, nothrow: true, timeout: '180s' })
let scratch: string
let installed: string
let rehearsal: Rehearsal

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'package-test-'))
  const elsewhere = join(scratch, 'elsewhere')
  mkdirSync(elsewhere)
  const packed = await local({ cwd: fileURLToPath(root) })`npm pack --pack-destination ${scratch}`
  assert.equal(packed.exitCode, 0, packed.stderr)
  const tarball = join(scratch, readdirSync(scratch).find((file) => file.endsWith('.tgz'))!)
  const install = await local({ cwd: elsewhere })`npm install --ignore-scripts --prefer-offline ${tarball}`
  assert.equal(install.exitCode, 0, install.stderr)
  installed = join(elsewhere, 'node_modules', 'provision')
})

after(async () => {
  await stopRehearsal(name)
  rmSync(scratch, { recursive: true, force: true })
})

/** As somebody writes it who has only the package. */
const playbook = (
  name: string,
) => `import { changedFields, type Context, defineKind, file, playbook, server as ours, type Server, sh, step } from 'provision'

interface Mark {
  readonly path: string
}

const mark = defineKind<Mark, { readonly state: string }>({
  name: 'mark',
  key: ({ path }) => path,
  probe: (all) => sh\`for f in \${all.map(({ path }) => path)}; do if [ -e "$f" ]; then echo "there $f"; else echo "absent $f"; fi; done\`,
  parse: (output) => new Map([...output.matchAll(/^(there|absent) (.*)$/gm)].map(([, state, path]) => [path!, { state: state! }])),
  diff: (_, have) => changedFields({ state: 'there' }, have),
  apply: ({ path }) => sh\`touch -- \${path}\`,
})

export const server = (s: Server, context: Context) => [
  ...ours(s, context),
  playbook('marks', [
    step('Make the marks', [mark({ path: \`/root/\${${name}}\` }), file({ path: '/root/one', content: 'one\\n', mode: '0600' })]),
    s.nebula !== undefined && step('Mark the overlay', [mark({ path: '/root/overlay' })]),
  ]),
]
`

/** The command as it was installed, in a folder where nothing of the sources is. */
const provision = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  local({
    cwd: scratch,
    env: { ...process.env, ...env },
  })`${process.execPath} ${join(scratch, 'elsewhere', 'node_modules', '.bin', 'provision')} ${args}`

test('package: it has types, and no sources', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')),
    [],
  )
  assert.ok(files.includes('dist/src/playbook.d.ts'))
  assert.deepEqual(readdirSync(join(installed, 'src')), ['bin.js'])
})

test('package: it says its version, and lists the steps of the server that comes with it', async () => {
  const version = await provision(['--version'])
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  const list = await provision(['list', '--host', 'xoyize.xyz'])
  assert.equal(list.exitCode, 0, list.stderr)
  assert.match(list.stdout, /^base$/m)
  assert.match(list.stdout, /^ {2}access\/harden-sshd /m)
})

test('package: a playbook and a kind of one’s own are written beside it, with types, and nothing else is installed', async () => {
  const own = join(scratch, 'elsewhere')
  for (const folder of ['inventory', 'playbooks']) mkdirSync(join(own, folder), { recursive: true })
  copyFileSync(join(installed, 'inventory', 'xoyize.xyz.yml'), join(own, 'inventory', 'xoyize.xyz.yml'))
  writeFileSync(join(own, 'playbooks', 'index.ts'), playbook('s.hostname'))
  const list = await provision(['list', '--host', 'xoyize.xyz', '--inventory', join(own, 'inventory')])
  assert.equal(list.exitCode, 0, list.stderr)
  assert.match(list.stdout, /^ {2}access\/harden-sshd /m)
  assert.match(list.stdout, /^ {2}marks\/make-the-marks {2}Make the marks$/m)
  assert.equal(list.stderr, '')

  const settings = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true }
  writeFileSync(join(own, 'tsconfig.json'), JSON.stringify({ compilerOptions: settings, include: ['playbooks'] }))
  const tsc = fileURLToPath(new URL('node_modules/.bin/tsc', root))
  const right = await local({ cwd: own })`${process.execPath} ${tsc}`
  assert.equal(right.stdout, '')
  writeFileSync(join(own, 'playbooks', 'index.ts'), playbook('s.hostnames'))
  const wrong = await local({ cwd: own })`${process.execPath} ${tsc}`
  assert.match(wrong.stdout, /^playbooks\/index\.ts\(19,\d+\): error TS2551: Property 'hostnames' does not exist/)
  rmSync(join(own, 'playbooks'), { recursive: true })
})

test('package: it looks at a host', async () => {
  await stopRehearsal(name)
  const inventory = await loadInventory(fileURLToPath(new URL('inventory', root)), 'xoyize.xyz')
  rehearsal = await startRehearsal({ name, mxname: inventory.server.mail.hostname, zones: zonesOf(inventory.server) })
  const { dir } = await writeInventory(inventory, rehearsal, () => undefined)
  const seen = await provision(['--host', 'xoyize.xyz', '--inventory', dir, '--check'], {
    PROVISION_ROOT_PASSWORD: rehearsal.rootPassword,
  })
  assert.equal(seen.exitCode, 2, seen.stderr)
  assert.match(seen.stdout, /^base\/install-the-tools: Install the tools$/m)
  assert.match(seen.stdout, /file:\/etc\/motd content/)
  assert.match(seen.stdout, /1 exec,/)
})
