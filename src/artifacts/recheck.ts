import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { moduleOf } from './go.ts'
import { stateOf } from './patched.ts'
import { type Patch, patchesOf } from './patches.ts'
import { has } from './run.ts'
import { fetchModule } from './toolchain.ts'

/** A patch, and what a newer version makes of it. */
export interface Rechecked {
  readonly patch: Patch
  /** `in`: upstream has it; `different`: what it changes is no longer as it was; `unknown`: this machine could not check. */
  readonly state: 'applies' | 'in' | 'different' | 'unknown'
}

/** Tries the patches of a program on another version of it, with the Go that is here; nothing is installed or built for it. */
export async function recheck(program: string, version: string, cacheDir: string): Promise<readonly Rechecked[]> {
  const patches = patchesOf(program)
  const module = moduleOf(program)
  const unknown = patches.map((patch) => ({ patch, state: 'unknown' as const }))
  if (patches.length === 0 || module === undefined || !(await has('go'))) return unknown
  await mkdir(cacheDir, { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(cacheDir, 'recheck-'))
  const env = { GOPATH: join(cacheDir, 'go'), GOFLAGS: '-modcacherw', GOWORK: 'off', GO111MODULE: 'on', GOTOOLCHAIN: 'local' }
  try {
    const { dir } = await fetchModule('go', `${module}@v${version}`, work, env, () => undefined)
    // go may write into go.sum: not into the module's own.
    for (const file of ['go.mod', 'go.sum']) await cp(join(dir, file), join(work, file))
    const found: Rechecked[] = []
    for (const patch of patches) {
      const place = patch.module === module ? dir : (await fetchModule('go', patch.module, work, env, () => undefined)).dir
      found.push({ patch, state: await stateOf(patch, place) })
    }
    return found
  } catch {
    return unknown
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** What an operator should know of a patch before the version is moved. */
export const recheckedWords: Readonly<Record<Rechecked['state'], string>> = {
  applies: 'still applies: needed until its upstream issue is closed',
  in: 'is in it: no longer needed',
  different: 'does not apply: must be checked, or is no longer needed',
  unknown: 'must be checked: its sources could not be had here',
}
