import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ProvisionError } from '../errors.ts'
import { who } from '../who.ts'
import { inAgent } from './agent.ts'
import { readConfig } from './config.ts'
import { readKey } from './key-file.ts'
import { homeOf } from './keys.ts'
import type { LoginOptions } from './options.ts'
import { fingerprint, toLine } from './public-key.ts'

/**
 * The key that this operator logs in with: the first of the agent, of IdentityFile, of ~/.ssh/id_ed25519.
 * Where there is none, ~/.ssh/id_ed25519 is made, and said. Throws ProvisionError when ssh-keygen cannot make it.
 */
export async function operatorKey({
  address,
  configFile,
  env,
  log,
}: Pick<LoginOptions, 'address' | 'configFile' | 'env' | 'log'>): Promise<{ publicKey: string; made: boolean; source: string }> {
  const home = homeOf(env)
  const { keys } = await inAgent(env)
  if (keys[0] !== undefined) return { publicKey: toLine(keys[0], keys[0].comment), made: false, source: 'the agent' }
  const { identityFiles } = await readConfig(configFile, address, home)
  const path = join(home, '.ssh', 'id_ed25519')
  for (const file of [...identityFiles, path]) {
    const key = await readKey(file)
    if (key !== undefined) return { publicKey: toLine(key, key.comment), made: false, source: file }
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const comment = who()
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]).catch((error: Error) => {
    throw new ProvisionError(path, `a key could not be made: ${error.message}`, 'install openssh-client')
  })
  const key = await readKey(path)
  if (key === undefined) throw new ProvisionError(path, 'the key that ssh-keygen made cannot be read')
  log(`made the key ${path} (${fingerprint(key.blob)}): keep a copy of it, it is what lets you in`)
  return { publicKey: toLine(key, comment), made: true, source: path }
}

const run = promisify(execFile)
