import { chmod, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import type { Digest, Lock } from './lock.ts'
import { goStumbled, retried } from './retry.ts'
import { has, runHere } from './run.ts'

/** The Go that builds them; it is pinned too. maddy 0.9 needs 1.23, Caddy 2.11 and nebula 1.11 need 1.26. */
const goVersion = '1.26.8'

/** Downloads a module: `path@version`, or of the module in `cwd` the one of that path that it is built with. Throws ProvisionError when there is none. */
export async function fetchModule(
  go: string,
  module: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  log: (line: string) => void,
): Promise<{ readonly dir: string; readonly sum: Digest }> {
  const download = () => runHere(go, ['mod', 'download', '-json', module], { cwd, env, log })
  const said: unknown = JSON.parse((await retried(download, { what: module, log, again: goStumbled })).toString())
  const field = (name: string): unknown => (typeof said === 'object' && said !== null ? Reflect.get(said, name) : undefined)
  const [dir, sum] = [field('Dir'), field('Sum')]
  if (typeof dir !== 'string' || typeof sum !== 'string' || !sum.startsWith('h1:'))
    throw new ProvisionError(module, `cannot be downloaded: ${String(field('Error') ?? 'go said nothing')}`)
  return { dir, sum: sum as Digest }
}

/** A Go that is new enough: the one in PATH, else the pinned one, which any Go can download. */
export async function toolchain(
  { lock, log }: { readonly lock: Lock; readonly log: (line: string) => void },
  cwd: string,
  places: Readonly<Record<string, string>>,
): Promise<string> {
  if (!(await has('go'))) await installGo(log)
  const [, major = '0', minor = '0'] =
    /go(\d+)\.(\d+)/.exec((await runHere('go', ['version'], { env: { GOTOOLCHAIN: 'local' } })).toString()) ?? []
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

async function installGo(log: (line: string) => void): Promise<void> {
  const hint = 'install Go, or take “source: release”'
  if (!(await has('apt-get'))) throw new ProvisionError('go', 'there is no Go on this machine to build with', hint)
  log('installing golang-go from Debian on this machine')
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const apt = (...args: readonly string[]) => {
    const [program = '', ...rest] = [...sudo, 'apt-get', '-o', 'Acquire::Retries=3', ...args]
    return runHere(program, rest, { env: { DEBIAN_FRONTEND: 'noninteractive' }, log })
  }
  const install = () => apt('install', '-y', '--no-install-recommends', 'golang-go')
  // A machine that is new, or was not updated for long, has no list that names it.
  const updated = () => apt('update').then(install)
  await install()
    .catch(updated)
    .catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      throw new ProvisionError(
        'go',
        `there is no Go on this machine, and installing it failed: ${why}`,
        `sudo apt-get install golang-go; or ${hint}`,
      )
    })
}
