import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { sha256Of } from './download.ts'
import type { Digest, Lock } from './lock.ts'
import { has, run } from './run.ts'

/** What is built, for whom, and where things may be kept. */
export interface Build {
  readonly name: 'maddy' | 'caddy'
  readonly version: string
  readonly architecture: 'amd64' | 'arm64'
  readonly cacheDir: string
  readonly lock: Lock
  /** The key of the module's sum in the lock. */
  readonly key: string
  readonly log: (line: string) => void
}

/** The Go that builds both; it is pinned too. maddy 0.9 needs 1.23, Caddy 2.11 needs 1.26. */
const goVersion = '1.26.8'

const modules = {
  maddy: { path: 'github.com/foxcpp/maddy', package: './cmd/maddy', flags: () => [] },
  caddy: {
    path: 'github.com/caddyserver/caddy/v2',
    package: './cmd/caddy',
    // Without -X “caddy version” says “unknown”; without -s -w it is 24 MB larger.
    flags: (version: string) => ['-ldflags', `-s -w -X github.com/caddyserver/caddy/v2.CustomVersion=v${version}`],
  },
} as const

/**
 * Builds a program from its Go module, or takes one that was built before from the same module. Throws ProvisionError when the
 * module is not the one that was recorded, when there is no Go to build it with, or when the build fails.
 */
export async function build(wanted: Build): Promise<{ readonly path: string; readonly sha256: string }> {
  const { lock, key, log, name, version, architecture } = wanted
  const recorded = lock.get(key)
  const before = recorded === undefined ? undefined : await built(wanted, recorded)
  if (before !== undefined) return before

  const { path: module, package: main, flags } = modules[name]
  const places = {
    GOPATH: join(wanted.cacheDir, 'go'),
    GOCACHE: join(wanted.cacheDir, 'go', 'build'),
    GOFLAGS: '-modcacherw',
    GOWORK: 'off',
    GO111MODULE: 'on',
  }
  await mkdir(places.GOCACHE, { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(wanted.cacheDir, 'go', 'work-'))
  try {
    const go = await toolchain(wanted, work, places)
    log(`building ${name} ${version} for ${architecture} from its Go module: this takes some minutes`)
    const sources = await fetchModule(go, `${module}@v${version}`, work, { ...places, GOTOOLCHAIN: 'local' }, log)
    await lock.check(key, sources.sum, `${module}@v${version}`)
    const output = join(work, name)
    await run(go, ['build', '-C', sources.dir, '-trimpath', '-buildvcs=false', ...flags(version), '-o', output, main], {
      env: { ...places, GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture },
      log,
    })
    const sha256 = await sha256Of(output)
    const path = join(wanted.cacheDir, 'built', `${stem(wanted, sources.sum)}${sha256}`)
    await mkdir(join(wanted.cacheDir, 'built'), { recursive: true, mode: 0o700 })
    await rename(output, path)
    return { path, sha256 }
  } finally {
    await rm(work, { recursive: true, force: true })
    // A gigabyte that the next version would not use.
    await rm(places.GOCACHE, { recursive: true, force: true })
  }
}

/** Keeps a program that was built elsewhere in the same way, as if it had been built here. */
export async function keepBuilt(wanted: Omit<Build, 'lock' | 'key' | 'log'>, sum: Digest, file: string): Promise<string> {
  const path = join(wanted.cacheDir, 'built', `${stem(wanted, sum)}${await sha256Of(file)}`)
  await mkdir(join(wanted.cacheDir, 'built'), { recursive: true, mode: 0o700 })
  await copyFile(file, path)
  return path
}

/** `maddy-0.9.5-amd64-` and the module's sum: what comes after it is the digest of the file itself. */
const stem = ({ name, version, architecture }: Pick<Build, 'name' | 'version' | 'architecture'>, sum: Digest): string =>
  `${name}-${version}-${architecture}-${createHash('sha256').update(sum).digest('hex').slice(0, 12)}-`

/** One that was built before and is still what it was then. */
async function built(wanted: Build, sum: Digest): Promise<{ readonly path: string; readonly sha256: string } | undefined> {
  const dir = join(wanted.cacheDir, 'built')
  const start = stem(wanted, sum)
  for (const file of (await readdir(dir).catch(() => [])).filter((one) => one.startsWith(start))) {
    const [path, sha256] = [join(dir, file), file.slice(start.length)]
    if ((await sha256Of(path)) === sha256) return { path, sha256 }
    await rm(path, { force: true })
  }
  return undefined
}

async function fetchModule(
  go: string,
  module: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  log: Build['log'],
): Promise<{ readonly dir: string; readonly sum: Digest }> {
  const said: unknown = JSON.parse((await run(go, ['mod', 'download', '-json', module], { cwd, env, log })).toString())
  const field = (name: string): unknown => (typeof said === 'object' && said !== null ? Reflect.get(said, name) : undefined)
  const [dir, sum] = [field('Dir'), field('Sum')]
  if (typeof dir !== 'string' || typeof sum !== 'string' || !sum.startsWith('h1:'))
    throw new ProvisionError(module, `cannot be downloaded: ${String(field('Error') ?? 'go said nothing')}`)
  return { dir, sum: sum as Digest }
}

/** A Go that is new enough: the one in PATH, else the pinned one, which any Go can download. */
async function toolchain({ lock, log }: Build, cwd: string, places: Readonly<Record<string, string>>): Promise<string> {
  if (!(await has('go'))) await installGo(log)
  const [, major = '0', minor = '0'] =
    /go(\d+)\.(\d+)/.exec((await run('go', ['version'], { env: { GOTOOLCHAIN: 'local' } })).toString()) ?? []
  const [wantedMajor = 0, wantedMinor = 0] = goVersion.split('.').map(Number)
  if (Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor)) return 'go'

  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  log(`go ${major}.${minor} is too old: getting ${goVersion} for this build`)
  const module = `golang.org/toolchain@v0.0.1-go${goVersion}.${platform}`
  const { dir, sum } = await fetchModule('go', module, cwd, { ...places, GOTOOLCHAIN: 'local' }, log)
  await lock.check(`go ${goVersion} ${platform}`, sum, module)
  // A module's files come without the x bit.
  const tools = join(dir, 'pkg', 'tool', platform.replace('-', '_'))
  for (const folder of [join(dir, 'bin'), tools]) for (const file of await readdir(folder)) await chmod(join(folder, file), 0o755)
  return join(dir, 'bin', 'go')
}

async function installGo(log: Build['log']): Promise<void> {
  const hint = 'install Go, or take “source: release”'
  if (!(await has('apt-get'))) throw new ProvisionError('go', 'there is no Go on this machine to build with', hint)
  log('installing golang-go from Debian on this machine')
  const root = process.getuid?.() === 0
  const install = () =>
    run(
      root ? 'apt-get' : 'sudo',
      [...(root ? [] : ['-n', 'apt-get']), 'install', '-y', '--no-install-recommends', 'golang-go'],
      { env: { DEBIAN_FRONTEND: 'noninteractive' }, log },
    )
  await install().catch((error: unknown) => {
    throw new ProvisionError(
      'go',
      `there is no Go on this machine, and installing it failed: ${error instanceof Error ? error.message : String(error)}`,
      `sudo apt-get install golang-go; or ${hint}`,
    )
  })
}
