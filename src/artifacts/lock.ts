import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseDocument } from 'yaml'
import { ProvisionError } from '../errors.ts'
import { replaceFile, whileLocked } from '../util/replace.ts'

/** `sha256:` and hex of a file, or `h1:` and base64 of a Go module. */
export type Digest = `sha256:${string}` | `h1:${string}`

/** The digests that were recorded at first use: artifacts.lock.yml beside the inventory. */
export interface Lock {
  readonly file: string
  /** What was recorded under this key; undefined before its first use. */
  get(key: string): Digest | undefined
  /**
   * Records a digest at first use, saying so; later compares. Throws ProvisionError, with both digests, when what was got is not
   * what was recorded.
   */
  check(key: string, digest: Digest, got: string): Promise<void>
  /**
   * Records the digest of what comes with provision itself, such as its patches, in place of an earlier one, saying so: a newer
   * provision has newer ones, and who reads the file's history sees when.
   */
  record(key: string, digest: Digest): Promise<void>
}

/**
 * Reads the lock of a folder of inventories. Throws ProvisionError when it is damaged. `embedded`: it came with the package, so
 * what is new is remembered for this run only.
 */
export async function openLock(
  dir: string,
  { embedded = false, log = () => undefined }: { readonly embedded?: boolean; readonly log?: (line: string) => void } = {},
): Promise<Lock> {
  const file = join(dir, 'artifacts.lock.yml')
  let digests = await read(file)
  const write = (key: string, digest: Digest, unless: (recorded: Digest | undefined) => boolean, words: string) =>
    whileLocked(file, async () => {
      const fresh = await read(file)
      if (unless(fresh.get(key))) return fresh
      const next = new Map([...fresh, [key, digest]])
      await replaceFile(file, format(next), 0o644)
      log(`${key}: recorded ${digest} in ${basename(file)}; ${words}`)
      return next
    })
  return {
    file,
    get: (key) => digests.get(key),
    check: async (key, digest, got) => {
      if (!digests.has(key) && embedded) digests = new Map([...digests, [key, digest]])
      else if (!digests.has(key))
        digests = await write(key, digest, (recorded) => recorded !== undefined, 'from now on it must match')
      const recorded = digests.get(key)
      if (recorded !== digest)
        throw new ProvisionError(
          got,
          `its digest is ${digest}, and ${file} says ${recorded} for ${key}`,
          `do not use it, unless you know why it changed: then remove that line of ${basename(file)}`,
        )
    },
    record: async (key, digest) => {
      if (digests.get(key) === digest) return
      if (embedded) digests = new Map([...digests, [key, digest]])
      else digests = await write(key, digest, (recorded) => recorded === digest, 'it came with this provision')
    },
  }
}

async function read(file: string): Promise<ReadonlyMap<string, Digest>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new ProvisionError(file, `cannot be read: ${error.message}`)
  })
  if (text === undefined) return new Map()
  const document = parseDocument(text)
  const raw: unknown = document.errors.length > 0 ? undefined : document.toJS()
  const digests: unknown =
    typeof raw === 'object' && raw !== null && Reflect.get(raw, 'version') === 1 ? Reflect.get(raw, 'digests') : undefined
  const entries = Object.entries(digests ?? {})
  const wrong = entries.find(
    ([, digest]) => typeof digest !== 'string' || !/^(?:sha256:[0-9a-f]{64}|h1:[A-Za-z0-9+/]{43}=)$/.test(digest),
  )
  if (typeof digests !== 'object' || digests === null || wrong !== undefined)
    throw new ProvisionError(
      file,
      wrong === undefined ? 'is no lock file of version 1' : `${wrong[0]} has no digest`,
      'take back an earlier version of it',
    )
  return new Map(entries as [string, Digest][])
}

const format = (digests: ReadonlyMap<string, Digest>): string =>
  [
    '# What provision downloaded, recorded at first use. It has to be the same ever after: commit this file.',
    'version: 1',
    'digests:',
    ...[...digests].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, digest]) => `  ${key}: ${digest}`),
    '',
  ].join('\n')
