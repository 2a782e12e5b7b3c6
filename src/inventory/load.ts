import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Document } from 'yaml'
import { ProvisionError, UnknownHost } from '../errors.ts'
import { Secret } from '../secret.ts'
import { openStore, type Store } from '../secrets/store.ts'
import { setting } from '../util/environment.ts'
import { root } from '../util/text.ts'
import { turn } from '../util/turn.ts'
import { type InventoryText, readYaml } from './read.ts'
import type { Server } from './schema/shape.ts'

/** One server's inventory: what it says, where it is, and its secrets. */
export interface Inventory {
  /** The file name without `.yml`. */
  readonly name: string
  readonly file: string
  readonly dir: string
  /** Ours, that came with the package: nothing is written beside it. */
  readonly embedded: boolean
  readonly server: Server
  readonly store: Store
  /** The text, with its comments. */
  readonly document: Document
}

/** Where inventories are: `--inventory`, else $PROVISION_INVENTORY, else ./inventory, else the one that comes with the package. */
export function inventoryFolder(given?: string): { readonly dir: string; readonly embedded: boolean } {
  const dir = given ?? setting('PROVISION_INVENTORY')
  if (dir !== undefined) return { dir, embedded: false }
  return existsSync('inventory')
    ? { dir: 'inventory', embedded: false }
    : { dir: fileURLToPath(new URL('inventory', root)), embedded: true }
}

/**
 * The one inventory whose file name (without `.yml`), host name or address is `name`. Throws ProvisionError when there is none or
 * more than one, with those there are, and for one that is wrong, with every fault in it. `whenFound` is called before it is checked.
 */
export async function loadInventory(
  given: string | undefined,
  name: string,
  whenFound: (dir: string, raw: unknown) => Promise<void> = async () => undefined,
): Promise<Inventory> {
  const { dir, embedded } = inventoryFolder(given)
  const all = await candidates(dir)
  const one = theOne(dir, name, all)
  const text = one.read ?? readYaml(one.file, one.text)
  await whenFound(dir, text.document.toJS())
  await import('zod')
  await turn()
  const { validate } = await import('./yaml.ts')
  await turn()
  const server = await withCa(dir, one.file, validate(one.file, text))
  const store = openStore(dir, basename(one.file, '.yml'), { embedded })
  return {
    name: basename(one.file, '.yml'),
    file: one.file,
    dir,
    embedded,
    server: bindSecrets(server, store),
    store,
    document: text.document,
  }
}

/** The file names, without `.yml`, of the inventories that are meant, each once. Throws ProvisionError as `loadInventory` does. */
export async function namesOf(given: string | undefined, meant: readonly string[]): Promise<readonly string[]> {
  const { dir } = inventoryFolder(given)
  const all = await candidates(dir)
  return [...new Set(meant.map((name) => theOne(dir, name, all).names[0]!))]
}

/** The names of all inventories of a folder, as `--host` takes them. Throws ProvisionError when it cannot be read. */
export async function listInventories(given?: string): Promise<readonly string[]> {
  return (await candidates(inventoryFolder(given).dir)).map(({ names }) => names[0]!)
}

/** The same value with its secrets tied to a store, which is asked when somebody reveals one. */
export function bindSecrets<T>(value: T, store: Pick<Store, 'value'>): T {
  const walk = (part: unknown): unknown => {
    if (part instanceof Secret) return new Secret(part.name, () => store.value(part.name), { madeAs: part.madeAs })
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, one]) => [key, walk(one)]))
  }
  return walk(value) as T
}

interface Candidate {
  readonly file: string
  readonly text: string
  /** The text as YAML, where it is that. */
  readonly read?: InventoryText
  /** File name, host name, addresses. */
  readonly names: readonly string[]
  readonly fault?: string
}

const notServers = new Set(['example.yml', 'artifacts.lock.yml'])

async function candidates(dir: string): Promise<readonly Candidate[]> {
  const files = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such folder' : error.message
    throw new ProvisionError(
      dir,
      `cannot look for inventories: ${why}`,
      'name another folder with --inventory, or make an inventory with “provision init”',
    )
  })
  const ours = files.filter((file) => file.endsWith('.yml') && !file.startsWith('.') && !notServers.has(file)).toSorted()
  return Promise.all(ours.map((file) => candidate(join(dir, file))))
}

/** What a file may be called by. One that cannot be read is none, but for its name: the others must work all the same. */
async function candidate(file: string): Promise<Candidate> {
  const name = basename(file, '.yml')
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ProvisionError(file, `cannot be read: ${error.message}`)
  })
  // As nearly everybody writes them; reading a hundred files as YAML would take a second.
  const quick = [...text.matchAll(/^(?:hostname|address|address6): +["']?([\w.:-]+)["']?\s*(?:#.*)?$/gm)].map(
    ([, value]) => value!,
  )
  if (quick.length >= 2) return { file, text, names: [...new Set([name, ...quick])] }
  try {
    const read = readYaml(file, text)
    const raw: unknown = read.document.toJS()
    const field = (key: string): unknown => (typeof raw === 'object' && raw !== null ? Reflect.get(raw, key) : undefined)
    const names = [name, ...['hostname', 'address', 'address6'].map(field)].filter((one) => typeof one === 'string')
    return { file, text, read, names: [...new Set(names)] }
  } catch (error) {
    return { file, text, names: [name], fault: error instanceof Error ? error.message : String(error) }
  }
}

function theOne(dir: string, name: string, all: readonly Candidate[]): Candidate {
  const found = all.filter(({ names }) => names.includes(name))
  const [one] = found
  if (one === undefined || found.length > 1) throw notOne(dir, name, all, found)
  return one
}

function notOne(dir: string, name: string, all: readonly Candidate[], found: readonly Candidate[]): ProvisionError {
  if (found.length > 1) {
    const files = found.map(({ file }) => basename(file)).join(' and ')
    return new ProvisionError(name, `is meant by ${files} in ${dir}`, 'take a file name, without .yml, that only one of them has')
  }
  const list = all.map(({ names, fault }) => names.join(', ') + (fault === undefined ? '' : ' (cannot be read)')).join('; ')
  return new UnknownHost(
    name,
    `no inventory in ${dir} has this file name, host name or address; there ${all.length === 0 ? 'is none' : `${all.length === 1 ? 'is' : 'are'}: ${list}`}`,
    `make one with “provision init ${name}”`,
  )
}

/** A CA of one's own may be a file beside the inventory; what the rest works with is its text. */
async function withCa(dir: string, file: string, server: Server): Promise<Server> {
  const { ca } = server.acme
  if (ca === undefined || ca.includes('-----BEGIN CERTIFICATE-----')) return server
  const path = isAbsolute(ca) ? ca : join(dir, ca)
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new ProvisionError(file, `acme.ca names ${relative('', path)}, which cannot be read: ${error.message}`)
  })
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ProvisionError(file, `acme.ca names ${relative('', path)}, in which there is no PEM certificate`)
  return { ...server, acme: { ...server.acme, ca: text } }
}

export type { InventoryText }
