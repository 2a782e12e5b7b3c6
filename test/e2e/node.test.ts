import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import { root } from '../../src/util/text.ts'

// Debian 12 has Node 18. This is the last of it, as npm has it.
const debians = '18.20.8'
const local = $({ quiet: true, nothrow: true, timeout: '180s' })
const bin = fileURLToPath(new URL('src/bin.js', root))
let scratch: string
let old: string

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'node-test-'))
  const name = `node-linux-${process.arch}`
  const installed = await local({ cwd: scratch })`npm install --ignore-scripts --prefix ${scratch} ${`${name}@${debians}`}`
  assert.equal(installed.exitCode, 0, installed.stderr)
  old = join(scratch, 'node_modules', name, 'bin', 'node')
})

after(() => rmSync(scratch, { recursive: true, force: true }))

test('node: started with that of Debian 12, a clone goes on with the one that npm ci brought, from any folder', async () => {
  const version = await local({ cwd: scratch })`${old} ${bin} --version`
  assert.equal(version.exitCode, 0, version.stderr)
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  const failed = await local({ cwd: scratch })`${old} ${bin} list --host nobody.example`
  assert.equal(failed.exitCode, 1)
  assert.match(failed.stderr, /nobody\.example/)
})

test('node: what the newer one is sent and how it ends is that of the command', async () => {
  const beside = join(scratch, 'beside')
  place(beside)
  // In place of the program: it tells that it has begun, and ends by a signal's handler.
  const own = join(beside, 'node_modules', 'provision', 'dist', 'src', 'cli.js')
  mkdirSync(dirname(own), { recursive: true })
  writeFileSync(own, "process.on('SIGTERM', () => process.exit(143))\nsetInterval(() => {}, 1000)\nconsole.log('begun')\n")
  const nodes = join(beside, 'node_modules', 'node', 'bin')
  mkdirSync(nodes, { recursive: true })
  symlinkSync(process.execPath, join(nodes, 'node'))
  const child = spawn(old, [join(beside, 'node_modules', 'provision', 'src', 'bin.js')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const begun = new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
  assert.equal(await Promise.race([begun, ended]), 'begun\n')
  child.kill('SIGTERM')
  assert.equal(await ended, 143)
})

test('node: where no newer one was installed, it says which one to install, and where', async () => {
  const alone = join(scratch, 'alone')
  place(alone)
  const said = await local`${old} ${join(alone, 'node_modules', 'provision', 'src', 'bin.js')}`
  assert.equal(said.exitCode, 1)
  assert.equal(
    said.stderr,
    `provision: Node ${debians} is too old, 22.19 or newer is needed\n(npm install node@24 in ${alone}: provision then starts with that one)\n`,
  )
})

/** What starts the program, as it stands below a folder of one's own. */
function place(folder: string): void {
  const sources = join(folder, 'node_modules', 'provision', 'src')
  mkdirSync(sources, { recursive: true })
  copyFileSync(bin, join(sources, 'bin.js'))
  writeFileSync(join(folder, 'node_modules', 'provision', 'package.json'), '{ "type": "module" }\n')
}
