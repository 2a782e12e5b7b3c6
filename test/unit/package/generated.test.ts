import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { generated } from '../../../generate/generated.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'completion-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
mkdirSync(join(scratch, 'inventory'))
for (const name of ['alpha.yml', 'beta.yml', 'artifacts.lock.yml', 'example.yml'])
  writeFileSync(join(scratch, 'inventory', name), '')
writeFileSync(join(scratch, 'example.org.zone'), '')

const has = (program: string): boolean => spawnSync('which', [program]).status === 0

for (const [path, text] of generated())
  test(`generated: ${path} is what the definitions say (npm run docs)`, () => {
    assert.equal(readFileSync(join(root, path), 'utf8'), text)
  })

test('generated: nothing else is in the folders that are made', () => {
  assert.deepEqual(
    globSync(['completions/*', 'man/*', 'docs/reference/commands/*'], { cwd: root }).toSorted(),
    [...generated().keys()].filter((path) => /^(completions|man|docs\/reference\/commands)\//.test(path)).toSorted(),
  )
})

test('man/provision.1: man and mandoc have nothing to warn of', { skip: !has('man') && !has('mandoc') }, () => {
  if (has('man')) {
    const { stderr } = spawnSync('man', ['--warnings', '-l', 'man/provision.1'], { cwd: root, encoding: 'utf8' })
    assert.equal(stderr, '')
  }
  if (has('mandoc')) {
    const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'error', 'man/provision.1'], { cwd: root, encoding: 'utf8' })
    assert.equal(stdout, '')
  }
})

/** What a shell proposes at the end of a line. */
const proposals: Readonly<Record<string, (line: string) => readonly string[]>> = {
  bash: (line) =>
    run('bash', [
      '--norc',
      '-c',
      `. ${join(root, 'completions/provision.bash')}
COMP_WORDS=(${line.endsWith(' ') ? `${line}''` : line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_provision; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ]),
  fish: (line) =>
    run('fish', ['--no-config', '-c', `source ${join(root, 'completions/provision.fish')}; complete -C '${line}'`]).map(
      (one) => one.split('\t')[0]!,
    ),
}

function run(shell: string, args: readonly string[]): readonly string[] {
  const env = { PATH: process.env.PATH, HOME: scratch, LC_ALL: 'C.UTF-8' }
  const { stdout, stderr } = spawnSync(shell, args, { cwd: scratch, env, encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout.trimEnd().split('\n')
}

for (const [shell, proposed] of Object.entries(proposals))
  test(`completion: ${shell} proposes commands, options, inventories, files and values`, { skip: !has(shell) }, () => {
    assert.deepEqual(proposed('provision do').toSorted(), ['doctor', 'domain'])
    assert.deepEqual(proposed('provision dns l'), ['lint'])
    assert.deepEqual(proposed('provision dns publish --w'), ['--wait'])
    assert.deepEqual(proposed('provision dns check --offline --domain list --do'), ['--domain'])
    assert.deepEqual(proposed('provision --host ').toSorted(), ['alpha', 'beta'])
    assert.deepEqual(proposed('provision domain add example.org --dmarc q'), ['quarantine'])
    assert.deepEqual(proposed('provision dns lint exa'), ['example.org.zone'])
    assert.ok(proposed('provision completion ').includes('zsh'))
  })

for (const [shell, file] of [
  ['bash', 'provision.bash'],
  ['zsh', '_provision'],
  ['fish', 'provision.fish'],
] as const)
  test(`completion: “provision completion ${shell}” prints it, and the shell can read it`, { skip: !has(shell) }, () => {
    const { stdout } = spawnSync(process.execPath, ['src/bin.js', 'completion', shell], { cwd: root, encoding: 'utf8' })
    assert.equal(stdout, readFileSync(join(root, 'completions', file), 'utf8'))
    assert.equal(spawnSync(shell, ['-n', join('completions', file)], { cwd: root, encoding: 'utf8' }).stderr, '')
  })

test('completion: a shell without one is an error', () => {
  const { status, stderr } = spawnSync(process.execPath, ['src/bin.js', 'completion', 'csh'], { cwd: root, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /^csh: has no completion\nhint: there is one for bash, zsh, fish\n/)
})
