import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { crc32 } from 'node:zlib'
import { openLock } from '../../src/artifacts/artifacts.ts'
import { build } from '../../src/artifacts/go.ts'
import { stateOf } from '../../src/artifacts/patched.ts'
import { type Patch, readPatch } from '../../src/artifacts/patches.ts'
import { recheck } from '../../src/artifacts/recheck.ts'

const [module, word] = ['github.com/foxcpp/maddy', 'github.com/foxcpp/word'] as const

/** What `go mod download` asks a proxy for, as files (https://go.dev/ref/mod#goproxy-protocol). */
function publish(proxy: string, path: string, version: string, files: Readonly<Record<string, string>>): void {
  const at = join(proxy, path, '@v')
  mkdirSync(at, { recursive: true })
  writeFileSync(join(at, `${version}.info`), JSON.stringify({ Version: version, Time: '2026-11-30T10:00:00Z' }))
  writeFileSync(join(at, `${version}.mod`), files['go.mod']!)
  writeFileSync(join(at, 'list'), `${version}\n`)
  writeFileSync(
    join(at, `${version}.zip`),
    zip(Object.entries(files).map(([name, text]) => [`${path}@${version}/${name}`, text] as const)),
  )
}

/** A tiny program and what it is built with, in a proxy of files; nothing that was built or downloaded before is there. */
function newcomer(t: TestContext): { readonly cacheDir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'provision-build-'))
  const proxy = join(dir, 'proxy')
  publish(proxy, word, 'v1.0.0', {
    'go.mod': `module ${word}\n\ngo 1.21\n`,
    'word.go': 'package word\n\n// Word is said.\nconst Word = "published"\n',
  })
  const behind = execFileSync('go', ['env', 'GOPROXY'], { encoding: 'utf8' }).trim()
  const env = { GOPROXY: `${pathToFileURL(proxy)},${behind}`, GONOSUMDB: 'github.com/foxcpp/*' }
  const source = join(dir, 'source')
  const files: Record<string, string> = {
    'go.mod': `module ${module}\n\ngo 1.21\n\nrequire ${word} v1.0.0\n`,
    'cmd/maddy/main.go': `package main\n\nimport "${word}"\n\nfunc main() {\n\tprintln("main", word.Word)\n}\n`,
    'maddy.go': 'package maddy\n\nvar Version = "unknown"\n',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(source, name)), { recursive: true })
    writeFileSync(join(source, name), text)
  }
  // Its go.sum, as an author makes it.
  execFileSync('go', ['mod', 'download', 'all'], {
    cwd: source,
    env: { ...process.env, ...env, GOPATH: join(dir, 'author'), GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' },
  })
  publish(proxy, module, 'v0.99.0', { ...files, 'go.sum': readFileSync(join(source, 'go.sum'), 'utf8') })
  const before = { ...process.env }
  Object.assign(process.env, env)
  t.after(() => {
    process.env = before
    rmSync(dir, { recursive: true, force: true })
  })
  return { cacheDir: join(dir, 'cache') }
}

const patch = (name: string, of: string, diff: string): Patch =>
  readPatch(name, `Subject: it says so\nUpstream: none yet: a test\nModule: ${of}\n\n${diff}`)
const inMain = patch(
  '01-main.patch',
  module,
  '--- a/cmd/maddy/main.go\n+++ b/cmd/maddy/main.go\n@@ -5,3 +5,3 @@\n func main() {\n-\tprintln("main", word.Word)\n+\tprintln("patched", word.Word)\n }\n',
)
const inWord = patch(
  '02-word.patch',
  word,
  '--- a/word.go\n+++ b/word.go\n@@ -3,2 +3,2 @@\n // Word is said.\n-const Word = "published"\n+const Word = "mended"\n',
)

test('build: a program is built where nothing was built before, with patches of it and of what it is built with, and from the cache then', async (t) => {
  const { cacheDir } = newcomer(t)
  const lock = await openLock(join(cacheDir, 'lock'), { embedded: true })
  const said: string[] = []
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const make = (patches: readonly Patch[]) =>
    build({
      name: 'maddy',
      version: '0.99.0',
      architecture,
      cacheDir,
      lock,
      key: 'maddy',
      patches,
      log: (line) => said.push(line),
    })
  const says = (path: string) => execFileSync('sh', ['-c', '"$1" 2>&1', 'sh', path]).toString()

  const published = await make([])
  assert.equal(says(published.path), 'main published\n')
  const mended = await make([inMain, inWord])
  assert.equal(says(mended.path), 'patched mended\n')
  // Neither takes the other's place, and the downloaded modules are as they were.
  said.length = 0
  assert.deepEqual([(await make([])).path, (await make([inMain, inWord])).path], [published.path, mended.path])
  assert.deepEqual(said, [])
  const downloaded = join(cacheDir, 'go/pkg/mod/github.com/foxcpp')
  assert.match(readFileSync(join(downloaded, 'word@v1.0.0/word.go'), 'utf8'), /published/)
  assert.match(readFileSync(join(downloaded, 'maddy@v0.99.0/cmd/maddy/main.go'), 'utf8'), /"main"/)

  const stale = { ...inWord, name: '03-stale.patch', diff: inWord.diff.replace('"published"', '"something else"') }
  await assert.rejects(make([inMain, stale]), {
    name: 'ProvisionError',
    where: 'patch 03-stale.patch',
    message: `does not apply to word.go of ${word}: it says so`,
  })
  assert.deepEqual(
    readdirSync(join(cacheDir, 'go')).filter((name) => name.startsWith('work-')),
    [],
  )
  assert.equal(await stateOf(inWord, join(downloaded, 'word@v1.0.0')), 'applies')
  // The patches of the real one say that they must be checked when there is a version that they were not made for.
  const rechecked = await recheck('maddy', '0.99.0', cacheDir)
  assert.deepEqual(new Set(rechecked.map(({ state }) => state)), new Set(['unknown']))
  assert.equal(await stateOf(stale, join(downloaded, 'word@v1.0.0')), 'different')
  writeFileSync(join(downloaded, 'word@v1.0.0/word.go'), 'package word\n\n// Word is said.\nconst Word = "mended"\n')
  assert.equal(await stateOf(inWord, join(downloaded, 'word@v1.0.0')), 'in')
})

/** An archive of stored files (PKWARE APPNOTE 4.3). */
function zip(files: readonly (readonly [name: string, text: string])[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, text] of files) {
    const [path, content] = [Buffer.from(name), Buffer.from(text)]
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(path.length, 22)
    const entry = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, path, content])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, rest, path]))
    parts.push(entry)
    at += entry.length
  }
  const size = directory.reduce((sum, one) => sum + one.length, 0)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, ...directory, end])
}
