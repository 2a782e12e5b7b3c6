import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { replaceFile } from '../../util/replace.ts'
import { fingerprint, type PublicKey } from '../keys/public-key.ts'
import { knownKeys, newLine } from './known-hosts.ts'

/**
 * Adds a host key, in one write, so that two runs at once do not mix their lines; a folder is made 0700, a file 0600.
 * Returns what to tell the operator. That it cannot be written ends nothing: the key was accepted for this run.
 */
export function learn(file: string, name: string, key: PublicKey): string {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    appendFileSync(file, newLine(existsSync(file) ? readFileSync(file, 'utf8') : '', name, key), { mode: 0o600 })
    return `${name} is now in ${file}, with the host key ${fingerprint(key.blob)}`
  } catch (error) {
    return `${name} could not be written to ${file}: ${(error as Error).message}`
  }
}

/** The file knows these keys of a host under these names, and no others: it is another machine, or the same one again. */
export async function learnOnly(file: string, names: readonly string[], keys: readonly PublicKey[]): Promise<void> {
  let text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  for (const name of names) {
    const stale = new Set(knownKeys(text, name).keys.map(({ line }) => line))
    text = text
      .split('\n')
      .filter((_, i) => !stale.has(i + 1))
      .join('\n')
    for (const key of keys) text += newLine(text, name, key)
  }
  await replaceFile(file, text, 0o600)
}
