import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ProvisionError } from '../errors.ts'
import { root } from '../util/text.ts'

/**
 * Makes `provision`, in the playbooks of an operator's own, the copy of this program that is running: whether a package is installed
 * beside them or not, and whichever. Any other file of another copy is refused, since two copies are two sets of kinds and secrets.
 * What is in `folder` is read as modules of TypeScript, whatever its package.json says of its type.
 */
export function servePlaybooks(folder: URL): void {
  // Of several hosts, one process may have several folders, and each more than once.
  if (folders.size === 0) module.registerHooks(hooks)
  folders.add(folder.href)
}

const folders = new Set<string>()

const hooks: module.RegisterHooksOptions = {
  resolve: (specifier, context, next) => {
    const from = context.parentURL ?? ''
    if (specifier === 'provision') return next(face.href, context)
    if (from.startsWith(root.href)) return next(specifier, context)
    if (specifier.startsWith('provision/') && specifier !== 'provision/package.json') throw onlyTheFace(specifier, from)
    const found = next(specifier, context)
    const copy = otherCopyOf(found.url)
    if (copy === undefined) return found
    if (faces.some((path) => found.url === new URL(path, copy).href)) return next(face.href, context)
    throw onlyTheFace(specifier, from)
  },
  load: (url, context, next) =>
    next(url, isTheirs.test(url) && isIn(folders, url) ? { ...context, format: 'module-typescript' } : context),
}

/** Throws ProvisionError for a playbook that is a part of another copy of provision. */
export function refuseOtherCopy(file: string): void {
  const copy = otherCopyOf(pathToFileURL(file).href)
  if (copy !== undefined)
    throw new ProvisionError(
      file,
      `belongs to another copy of provision, in ${fileURLToPath(copy)}`,
      `run that one (${fileURLToPath(new URL('src/bin.js', copy))}), or keep the inventory elsewhere`,
    )
}

const isIn = (all: ReadonlySet<string>, url: string): boolean => [...all].some((one) => url.startsWith(one))

/** A source of somebody's own, and none of a package. */
const isTheirs = /^(?!.*\/node_modules\/).*\.m?ts$/

/** The public face, of this copy. */
const face = new URL(import.meta.url.endsWith('.ts') ? '../playbook.ts' : '../playbook.js', import.meta.url)

/** The public face of any copy, from its root. */
const faces = ['src/playbook.ts', 'dist/src/playbook.js']

/** The root of the copy of provision, other than this one, that a file is in. */
function otherCopyOf(url: string): URL | undefined {
  if (!url.startsWith('file:') || url.startsWith(root.href)) return undefined
  // What is in node_modules belongs to its package, wherever that folder is.
  for (let dir = new URL('./', url); !/^\/$|\/node_modules\/$/.test(dir.pathname); dir = new URL('../', dir))
    if (isCopy(dir)) return dir
  return undefined
}

/** A folder of somebody's own may be called provision as well: it has not our program. */
function isCopy(dir: URL): boolean {
  const file = new URL('package.json', dir)
  if (!existsSync(file) || !existsSync(new URL('src/bin.js', dir))) return false
  return /"name":\s*"provision"/.test(readFileSync(file, 'utf8'))
}

const onlyTheFace = (specifier: string, from: string): ProvisionError =>
  new ProvisionError(
    from.startsWith('file:') ? fileURLToPath(from) : from,
    `imports “${specifier}”: of provision only “provision” itself may be imported`,
    "write import { file, playbook, step } from 'provision'; docs/guides/own-playbook.md lists what it exports",
  )
