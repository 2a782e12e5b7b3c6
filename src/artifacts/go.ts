import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Of } from './download.ts'
import type { Digest, Lock } from './lock.ts'
import { patchedCopy } from './patched.ts'
import { type Patch, patchesDigest } from './patches.ts'
import { goStumbled, retried } from './retry.ts'
import { runHere } from './run.ts'
import { fetchModule, toolchain } from './toolchain.ts'

/** What is built, for whom, and where things may be kept. */
export interface Build {
  readonly name: 'maddy' | 'caddy' | 'nebula'
  readonly version: string
  readonly architecture: 'amd64' | 'arm64'
  readonly cacheDir: string
  readonly lock: Lock
  /** The key of the module's sum in the lock. */
  readonly key: string
  /** What is changed in a copy of the module before it is built. */
  readonly patches: readonly Patch[]
  readonly log: (line: string) => void
}

interface Built {
  readonly path: string
  readonly sha256: string
  /** Of the module that it was built from. */
  readonly sum: Digest
}

const modules = {
  maddy: {
    path: 'github.com/foxcpp/maddy',
    package: './cmd/maddy',
    // “maddy version”, and the line of its start, say that it is not the published one.
    flags: (version: string) => ['-ldflags', `-X github.com/foxcpp/maddy.Version=${version}+provision`],
  },
  caddy: {
    path: 'github.com/caddyserver/caddy/v2',
    package: './cmd/caddy',
    // Without -X “caddy version” says “unknown”; without -s -w it is 24 MB larger.
    flags: (version: string) => ['-ldflags', `-s -w -X github.com/caddyserver/caddy/v2.CustomVersion=v${version}`],
  },
  nebula: {
    path: 'github.com/slackhq/nebula',
    package: './cmd/nebula',
    flags: (version: string) => ['-ldflags', `-s -w -X main.Build=${version}`],
  },
} as const

/** The Go module that a program is built from; undefined for one that is not built. */
export const moduleOf = (program: string): string | undefined =>
  Object.hasOwn(modules, program) ? modules[program as keyof typeof modules].path : undefined

/**
 * Builds a program from its Go module and the patches, or takes one that was built before from the same. Throws ProvisionError when
 * the module is not the one that was recorded, when a patch does not apply, when there is no Go to build it with, or when the build
 * fails.
 */
export async function build(wanted: Build): Promise<{ readonly path: string; readonly sha256: string }> {
  const { lock, key, log, name, version, architecture, patches } = wanted
  const before = await built(wanted, lock.get(key))
  if (before !== undefined) {
    await lock.check(key, before.sum, before.path)
    return before
  }

  const { path: module, package: main, flags } = modules[name]
  await mkdir(join(wanted.cacheDir, 'go'), { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(wanted.cacheDir, 'go', 'work-'))
  // What is compiled goes with the build: a gigabyte that the next version would not use.
  const places = {
    GOPATH: join(wanted.cacheDir, 'go'),
    GOCACHE: join(work, 'cache'),
    GOFLAGS: '-modcacherw',
    GOWORK: 'off',
    GO111MODULE: 'on',
  }
  try {
    const go = await toolchain(wanted, work, places)
    log(`building ${name} ${version} for ${architecture} from its Go module: this takes some minutes`)
    const sources = await fetchModule(go, `${module}@v${version}`, work, { ...places, GOTOOLCHAIN: 'local' }, counted(log, name))
    await lock.check(key, sources.sum, `${module}@v${version}`)
    const calls = { go, env: { ...places, GOTOOLCHAIN: 'local' }, log: counted(log, name) }
    const dir =
      patches.length === 0 ? sources.dir : await patchedCopy({ module, dir: sources.dir, patches }, join(work, 'patched'), calls)
    const output = join(work, name)
    const building = () =>
      runHere(go, ['build', '-C', dir, '-v', '-trimpath', '-buildvcs=false', ...flags(version), '-o', output, main], {
        env: { ...calls.env, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture },
        log: calls.log,
      })
    // It downloads what it is built with; what is there and what is compiled is not done again.
    await retried(building, { what: `building ${name}`, log, again: goStumbled })
    const sha256 = await sha256Of(output)
    const path = join(wanted.cacheDir, 'built', `${stem(wanted, sources.sum)}${sha256}`)
    await mkdir(join(wanted.cacheDir, 'built'), { recursive: true, mode: 0o700 })
    await rename(output, path)
    return { path, sha256 }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Hundreds of lines of go, a module or a package each, as one for every fifty; what is neither is passed on as it is. */
export function counted(log: (line: string) => void, name: string): (line: string) => void {
  const counts = { modules: 0, packages: 0 }
  return (line) => {
    const of = line.startsWith('go: downloading ') ? 'modules' : /^[\w.~-]+(\/[\w.~-]+)*$/.test(line) ? 'packages' : undefined
    if (of === undefined) return log(line)
    counts[of] += 1
    if (counts[of] % 50 === 1)
      log(`${name}: ${of === 'modules' ? 'downloading its modules' : 'compiling its packages'}, ${counts[of]} begun`)
  }
}

/** Keeps a program that was built elsewhere in the same way, as if it had been built here. */
export async function keepBuilt(wanted: Omit<Build, 'lock' | 'key' | 'log'>, sum: Digest, file: string): Promise<string> {
  const path = join(wanted.cacheDir, 'built', `${stem(wanted, sum)}${await sha256Of(file)}`)
  await mkdir(join(wanted.cacheDir, 'built'), { recursive: true, mode: 0o700 })
  await copyFile(file, path)
  return path
}

/** `maddy-0.9.5-amd64-h1_…-p_…-`, with the sums of module and patches: what comes after it is the digest of the file itself. */
const stem = (
  { name, version, architecture, patches }: Pick<Build, 'name' | 'version' | 'architecture' | 'patches'>,
  sum: Digest,
): string =>
  `${name}-${version}-${architecture}-h1_${Buffer.from(sum.slice(3), 'base64').toString('base64url')}-${withPatches(patches)}`

const withPatches = (patches: readonly Patch[]): string => {
  const digest = patchesDigest(patches)
  return digest === undefined ? '' : `p_${digest.slice('sha256:'.length)}-`
}

/** One that was built before, from the recorded module if there is a record, with the same patches, and is still what it was then. */
async function built(
  { name, version, architecture, cacheDir, patches }: Build,
  recorded: Digest | undefined,
): Promise<Built | undefined> {
  const dir = join(cacheDir, 'built')
  for (const file of (await readdir(dir).catch(() => [])).filter((one) =>
    one.startsWith(`${name}-${version}-${architecture}-h1_`),
  )) {
    const [, encoded = '', with_ = '', sha256 = ''] = /-h1_([\w-]{43})-(p_[0-9a-f]{64}-)?([0-9a-f]{64})$/.exec(file) ?? []
    if (with_ !== withPatches(patches)) continue
    const sum = `h1:${Buffer.from(encoded, 'base64url').toString('base64')}` as const
    if (recorded !== undefined && recorded !== sum) continue
    const path = join(dir, file)
    if ((await sha256Of(path)) === sha256) return { path, sha256, sum }
    await rm(path, { force: true })
  }
  return undefined
}
