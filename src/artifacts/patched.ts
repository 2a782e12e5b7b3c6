import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { applyPatch, parsePatch, reversePatch, type StructuredPatch } from 'diff'
import { ProvisionError } from '../errors.ts'
import type { Patch } from './patches.ts'
import { runHere } from './run.ts'
import { fetchModule } from './toolchain.ts'

/** Sources as they were downloaded and checked, and what is to be made of them. */
export interface Sources {
  /** The program's module, in the module cache: it is not changed. */
  readonly module: string
  readonly dir: string
  readonly patches: readonly Patch[]
}

/** How go is run for it. */
export interface GoCall {
  readonly go: string
  readonly env: Readonly<Record<string, string>>
  readonly log: (line: string) => void
}

/**
 * Copies a module, and those of its dependencies that have patches, below `to`, applies the patches to the copies, and answers the
 * folder of the module's copy, whose go.mod names the copies of the others. go checks each download against the go.sum that came
 * with the module. Throws ProvisionError when a patch does not apply.
 */
export async function patchedCopy({ module, dir, patches }: Sources, to: string, { go, env, log }: GoCall): Promise<string> {
  const main = await copied(dir, join(to, 'main'))
  const others = [...new Set(patches.map((patch) => patch.module))].filter((one) => one !== module)
  const folders = new Map([[module, main]])
  for (const [i, other] of others.entries()) {
    const sources = await fetchModule(go, other, main, env, log)
    folders.set(other, await copied(sources.dir, join(to, `module-${i}`)))
  }
  for (const patch of patches) await apply(patch, folders.get(patch.module)!)
  const replacements = others.map((other) => `-replace=${other}=${folders.get(other)}`)
  if (replacements.length > 0) await runHere(go, ['mod', 'edit', ...replacements], { cwd: main, env })
  return main
}

/** What has become of a patch in other sources: it `applies`, it is `in` them already, or they are `different`. */
export async function stateOf(patch: Patch, folder: string): Promise<'applies' | 'in' | 'different'> {
  const tries = async (turn: (file: StructuredPatch) => StructuredPatch) => {
    for (const file of parsePatch(patch.diff)) {
      const text = await readFile(join(folder, inside(file)), 'utf8').catch(() => undefined)
      if (text === undefined || applyPatch(text, turn(file)) === false) return false
    }
    return true
  }
  if (await tries((file) => file)) return 'applies'
  return (await tries((file) => reversePatch(file))) ? 'in' : 'different'
}

/** Of a patch's `a/internal/x.go` the part below the module. */
const inside = (file: StructuredPatch): string => (file.newFileName ?? '').replace(/^b\//, '')

async function apply(patch: Patch, folder: string): Promise<void> {
  for (const file of parsePatch(patch.diff)) {
    const path = join(folder, inside(file))
    const text = await readFile(path, 'utf8').catch(() => undefined)
    const changed = text === undefined ? false : applyPatch(text, file)
    if (changed === false)
      throw new ProvisionError(
        `patch ${patch.name}`,
        `does not apply to ${inside(file)} of ${patch.module}: ${patch.subject}`,
        'pin the version that this provision was made for, or take “source: release” and do without the patches',
      )
    await chmod(path, 0o644)
    await writeFile(path, changed)
  }
}

async function copied(from: string, to: string): Promise<string> {
  await mkdir(to, { recursive: true })
  await cp(from, to, { recursive: true, force: true })
  // The module cache has its files without the w bit.
  await chmod(join(to, 'go.mod'), 0o644)
  return to
}
