import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import type { Secret } from '../secret.ts'
import { replaceFile, whileLocked } from '../util/replace.ts'
import { type Contents, changed, formatContents, makeUp, parseContents } from './content.ts'
import { type Identity, identityFile, makeIdentity, readIdentity } from './identity.ts'

/** The secrets of one inventory: one file beside it, encrypted with age. Nothing is read before `open`. */
export interface Store {
  readonly file: string
  /** Reads and decrypts it, once. No file is an empty store. Throws ProvisionError when it cannot be opened, with why. */
  open(): Promise<void>
  /** A value; undefined when there is none. Throws a plain Error before `open`, which is a fault of the caller. */
  value(name: string): string | undefined
  /** What it was before it was changed or removed, the last value first: ten at most. */
  previous(name: string): readonly string[]
  /** All names in it, sorted. */
  names(): readonly string[]
  /**
   * Makes up what is missing and may be made up, and stores it; returns the names. Throws ProvisionError, with all their names
   * and before anything is made up, when some are missing that only their owner can give.
   */
  ensure(secrets: readonly Secret[], say?: (line: string) => void): Promise<readonly string[]>
  /**
   * Changes it as a whole: reads it again, so that of two writers none undoes the other's, and replaces the file at once. What a
   * secret was before stays in it.
   */
  update(
    change: (values: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
    say?: (line: string) => void,
  ): Promise<void>
}

/** The store of the inventory `name` in a folder. `embedded`: it came with the package, and nothing is written beside it. */
export function openStore(dir: string, name: string, { embedded = false }: { readonly embedded?: boolean } = {}): Store {
  const file = join(dir, `${name}.secrets.age`)
  let contents: Contents | undefined

  const store: Store = {
    file,
    open: async () => {
      contents ??= await read(file, dir)
    },
    value: (secret) => opened().values.get(secret),
    previous: (secret) => opened().previous.get(secret) ?? [],
    names: () => [...opened().values.keys()].toSorted(),
    ensure: async (secrets, say = quiet) => {
      await store.open()
      const missing = secrets.filter((secret) => !opened().values.has(secret.name))
      const given = missing.filter(({ madeAs }) => madeAs === undefined)
      if (given.length > 0) throw mustBeGiven(file, name, given)
      if (missing.length === 0) return []
      const made = new Set<string>()
      await store.update((fresh) => {
        const added = missing.filter((secret) => !fresh.has(secret.name))
        for (const secret of added) made.add(secret.name)
        return new Map([...fresh, ...added.map((secret) => [secret.name, makeUp(secret.madeAs ?? 'key')] as const)])
      }, say)
      return [...made]
    },
    update: async (change, say = quiet) => {
      if (embedded)
        throw new ProvisionError(
          file,
          'the inventory that comes with provision keeps no secrets',
          'copy it to ./inventory first, or use “provision init”',
        )
      contents = await whileLocked(file, async () => {
        const before = await read(file, dir)
        const next = changed(before, change(before.values))
        await write(file, next, await writer(dir, say))
        return next
      })
    },
  }
  const opened = (): Contents => {
    if (contents === undefined) throw new Error(`the secrets store ${file} is not open yet`)
    return contents
  }
  return store
}

const quiet = (): void => undefined

async function read(file: string, dir: string): Promise<Contents> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new ProvisionError(file, `cannot be read: ${error.message}`)
  })
  if (bytes === undefined) return { values: new Map(), previous: new Map() }
  const path = identityFile(dir)
  const identity = await readIdentity(path)
  if (identity === undefined)
    throw new ProvisionError(
      file,
      `the identity that opens it is missing: ${path}`,
      'put your copy of it there, or name another one in PROVISION_IDENTITY',
    )
  return parseContents(file, await decrypt(file, bytes, identity))
}

async function decrypt(file: string, bytes: Buffer, identity: Identity): Promise<string> {
  const { armor, Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  try {
    for (const key of identity.keys) decrypter.addIdentity(key)
    const binary = bytes.subarray(0, 40).toString().trimStart().startsWith('-----BEGIN') ? armor.decode(bytes.toString()) : bytes
    return await decrypter.decrypt(binary, 'text')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    if (/no identity matched/.test(why))
      throw new ProvisionError(
        file,
        `it was encrypted for another identity than that in ${identity.file}`,
        'name the right one in PROVISION_IDENTITY',
      )
    throw new ProvisionError(file, `it cannot be decrypted: ${why}`, 'it is damaged: take back an earlier version of the file')
  }
}

/** The identity to write with. One is made where there is none yet, unless a store is there that it could not open. */
async function writer(dir: string, say: (line: string) => void): Promise<Identity> {
  const path = identityFile(dir)
  return (await readIdentity(path)) ?? (await makeIdentity(path, say))
}

async function write(file: string, contents: Contents, { keys }: Identity): Promise<void> {
  const { armor, Encrypter, identityToRecipient } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const key of keys) encrypter.addRecipient(await identityToRecipient(key))
  await replaceFile(file, armor.encode(await encrypter.encrypt(formatContents(contents))), 0o600)
}

function mustBeGiven(file: string, host: string, secrets: readonly Secret[]): ProvisionError {
  const names = secrets.map(({ name }) => name)
  const one = names.length === 1
  return new ProvisionError(
    file,
    `${one ? 'a secret is' : `${names.length} secrets are`} missing that only you can give: ${names.join(', ')}`,
    names.map((name) => `provision secrets set ${name} --host ${host}`).join('\n'),
  )
}
