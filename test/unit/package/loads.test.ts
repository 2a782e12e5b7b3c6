import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

const bin = fileURLToPath(new URL('../../../src/bin.js', import.meta.url))

/** The packages and the files of ours that a command loads, each once. */
function loads(...args: readonly string[]): { readonly packages: readonly string[]; readonly ours: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'loads-test-'))
  try {
    const [hook, seen] = [join(folder, 'hook.mjs'), join(folder, 'seen')]
    writeFileSync(seen, '')
    writeFileSync(
      hook,
      `import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
registerHooks({ load: (url, context, next) => (appendFileSync(${JSON.stringify(seen)}, url + '\\n'), next(url, context)) })
`,
    )
    const env = { ...process.env, HOME: folder, SSH_AUTH_SOCK: '' }
    spawnSync(process.execPath, ['--import', pathToFileURL(hook).href, bin, ...args], { cwd: folder, env, timeout: 60_000 })
    const urls = readFileSync(seen, 'utf8').split('\n')
    const found = (pattern: RegExp) => [...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? []))].toSorted()
    return { packages: found(/node_modules\/((?:@[^/]+\/)?[^/]+)/), ours: found(/^(?!.*node_modules).*\/(src\/.*)$/) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('loads: --help and --version bring what they are told with, and no more', () => {
  for (const flag of ['--help', '--version']) {
    const { packages, ours } = loads(flag)
    assert.deepEqual(packages, ['commander'])
    assert.deepEqual(
      ours.filter((file) => !file.startsWith('src/cli/')),
      ['src/bin.js', 'src/cli.ts', 'src/errors.ts', 'src/util/text.ts'],
    )
  }
})

test('loads: a check brings neither what asks, draws, sends, compares texts, nor what gets programs', () => {
  // Nobody listens there: all that a check needs is loaded, and the login fails.
  const { packages, ours } = loads('--host', 'xoyize.xyz', '--check', '--address', '127.0.0.1:1')
  for (const needed of ['commander', 'yaml', 'zod', 'node-ssh', 'ssh2']) assert.ok(packages.includes(needed), needed)
  const spared = ['inquirer', '@inquirer/prompts', 'listr2', 'zx', 'nodemailer', 'imapflow', 'diff', 'ssh-config']
  assert.deepEqual(
    packages.filter((name) => spared.includes(name)),
    [],
  )
  assert.deepEqual(
    ours.filter((file) =>
      /^src\/(artifacts\/(?!artifacts|lock|patches)|rehearsal\/|dns\/(?!(?:facts|dkim)\.ts)|doctor\/|ui\/(?!report))/.test(file),
    ),
    [],
  )
})
