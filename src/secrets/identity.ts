import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { configFolder, setting } from '../util/environment.ts'

/** The age identities that a file holds: who can open a store, and for whom it is written. */
export interface Identity {
  readonly file: string
  /** `AGE-SECRET-KEY-1…`, one or more. */
  readonly keys: readonly string[]
}

/** Where the identity of a folder of inventories is: beside them, else $PROVISION_IDENTITY, else in ~/.config/provision. */
export function identityFile(dir: string): string {
  const beside = join(dir, 'identity')
  if (existsSync(beside)) return beside
  return setting('PROVISION_IDENTITY') ?? configFolder('identity')
}

/** Reads it; nothing when there is none. Throws ProvisionError for one that others can read, or that holds no identity. */
export async function readIdentity(file: string): Promise<Identity | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new ProvisionError(file, `the identity cannot be read: ${error.message}`)
  })
  if (text === undefined) return undefined
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0)
    throw new ProvisionError(
      file,
      `others may read the identity (its mode is 0${(mode & 0o777).toString(8)})`,
      `chmod 600 ${file}`,
    )
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]+$/.test(line))
  if (keys.length === 0)
    throw new ProvisionError(
      file,
      'there is no age identity in it: a line that begins with AGE-SECRET-KEY-1',
      'put your copy of it back',
    )
  return { file, keys }
}

/** Makes one, where there is none: 0600, never over another. */
export async function makeIdentity(file: string, say: (line: string) => void): Promise<Identity> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption')
  const key = await generateX25519Identity()
  const text = `# made by provision ${new Date().toISOString()}\n# public key: ${await identityToRecipient(key)}\n${key}\n`
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    // Another run was faster: its identity is the one.
    const other = await readIdentity(file).catch(() => undefined)
    if (other !== undefined) return other
    throw new ProvisionError(file, `the identity cannot be written: ${error.message}`)
  }
  say(`made the identity that opens your secrets: ${file}`)
  say('keep a copy of it elsewhere: without it the secrets are lost')
  return { file, keys: [key] }
}
