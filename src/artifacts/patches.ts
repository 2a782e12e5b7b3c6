import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ProvisionError } from '../errors.ts'
import { root } from '../util/text.ts'

/** One change to the sources of a program that is built: a file `files/<program>/patches/<name>`. */
export interface Patch {
  /** Its file's name; the order of names is the order in which they are applied. */
  readonly name: string
  /** What is true with it, in a sentence. */
  readonly subject: string
  /** The upstream issue, or what was seen where there is none. */
  readonly upstream: string
  /** The Go module that it changes: the program's own, or one that it is built with, by the path under which it is imported. */
  readonly module: string
  /** The unified diff. */
  readonly diff: string
}

/** The programs that are built with patches. */
const patchedPrograms: readonly string[] = ['maddy']

/**
 * The patches of a program that is built; none for one that is built as published. Throws ProvisionError for a patch without its
 * header, which is a fault of this package.
 */
export function patchesOf(program: string): readonly Patch[] {
  if (!patchedPrograms.includes(program)) return []
  const folder = new URL(`files/${program}/patches/`, root)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.patch'))
    .toSorted()
    .map((name) => readPatch(name, readFileSync(new URL(name, folder), 'utf8')))
}

/** Reads a patch: lines `Subject:`, `Upstream:` and `Module:`, why it is needed, a unified diff. Throws ProvisionError otherwise. */
export function readPatch(name: string, text: string): Patch {
  const field = (key: string) => new RegExp(`^${key}: (.+)$`, 'm').exec(text)?.[1]
  const [subject, upstream, module] = ['Subject', 'Upstream', 'Module'].map(field)
  const from = text.search(/^--- /m)
  if (subject === undefined || upstream === undefined || module === undefined || from < 0)
    throw new ProvisionError(name, 'a patch needs Subject, Upstream, Module and a unified diff')
  return { name, subject, upstream, module, diff: text.slice(from) }
}

/** What identifies a series of patches: the digest of what they change, whatever their prose says; undefined for none. */
export function patchesDigest(patches: readonly Patch[]): `sha256:${string}` | undefined {
  if (patches.length === 0) return undefined
  const hash = createHash('sha256')
  for (const { module, diff } of patches) hash.update(`${module}\n${diff}`)
  return `sha256:${hash.digest('hex')}`
}
