import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { type PublicKey, parseLine, parsePrivate } from './public-key.ts'

/** A private key file. */
export type KeyFile = PublicKey & {
  readonly path: string
  readonly text: string
  readonly encrypted: boolean
  readonly comment: string
}

/** A private key file: its public half from itself, from the .pub beside it, or from ssh-keygen. Nothing when it cannot be read. */
export async function readKey(path: string): Promise<KeyFile | undefined> {
  if (!existsSync(path)) return undefined
  try {
    const text = readFileSync(path, 'utf8')
    const pub = existsSync(`${path}.pub`) ? readFileSync(`${path}.pub`, 'utf8') : ''
    const own = parsePrivate(text)
    const encrypted = own?.encrypted ?? /ENCRYPTED/.test(text)
    const said = own ?? parseLine(pub) ?? parseLine((await run('ssh-keygen', ['-y', '-P', '', '-f', path])).stdout)
    const comment = pub.trim().split(/\s+/).slice(2).join(' ')
    return said === undefined ? undefined : { type: said.type, blob: said.blob, path, text, encrypted, comment }
  } catch {
    return undefined
  }
}

/** The public key that a path of IdentityFile names, where the private half may be in the agent alone. */
export function readPublic(path: string): PublicKey | undefined {
  const there = [`${path}.pub`, path].find((one) => existsSync(one))
  try {
    return there === undefined ? undefined : parseLine(readFileSync(there, 'utf8'))
  } catch {
    return undefined
  }
}

const run = promisify(execFile)
