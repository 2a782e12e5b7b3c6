import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ProvisionError } from '../../errors.ts'
import { who } from '../../util/who.ts'
import { homeOf, readConfig } from '../config.ts'
import type { Ask, LoginOptions } from '../options.ts'
import { readKey } from './key-file.ts'
import { agentFor, candidates } from './keys.ts'
import { fingerprint, toLine } from './public-key.ts'

/** Whether a key may be made where there is none: by a run that corrects, once a person on a terminal has agreed to it. */
export interface MayMake {
  readonly make: boolean
  /** Absent where there is no terminal. */
  readonly confirm?: Ask['confirm']
}

/**
 * The key that this operator logs in with: the first of the agent, of IdentityFile, of the files that ssh-keygen makes. Where there is
 * none at all, and no agent that may hold one, ~/.ssh/id_ed25519 is made, and reported; a run that only looks makes none and answers a
 * line that is no key. Throws ProvisionError when there may be a key that cannot be seen, when none is to be made, and when making it fails.
 */
export async function operatorKey(
  { address, configFile, env, log }: Pick<LoginOptions, 'address' | 'configFile' | 'env' | 'log'>,
  { make, confirm }: MayMake,
): Promise<{ publicKey: string; made: boolean; source: string }> {
  const config = await readConfig(configFile, address, env)
  const { keys, socket, problem } = await agentFor({ env, config })
  if (keys[0] !== undefined) return { publicKey: toLine(keys[0], keys[0].comment), made: false, source: 'the agent' }
  const files = candidates({ env, config })
  for (const file of files) {
    const key = await readKey(file)
    if (key !== undefined) return { publicKey: toLine(key, key.comment), made: false, source: file }
  }
  const path = join(homeOf(env), '.ssh', 'id_ed25519')
  if (!make) {
    log(`no key of yours is here: a run that corrects makes ${path}`)
    return { publicKey: `ssh-ed25519 to-be-made ${who()}`, made: false, source: 'none' }
  }
  const unread = files.find((file) => existsSync(file))
  if (unread !== undefined)
    throw new ProvisionError(unread, 'the public half of this key cannot be read', `ssh-keygen -y -f ${unread} > ${unread}.pub`)
  const why = problem ?? (socket === undefined ? undefined : `the agent at ${socket} holds no key`)
  if (problem !== undefined || config.identityAgent !== undefined || (why !== undefined && confirm === undefined))
    if (why !== undefined)
      throw new ProvisionError('admin.keys', `“operator” is the key that you log in with, and ${why}`, addKey)
  if (
    confirm !== undefined &&
    !(await confirm(`${why ?? 'There is no SSH key of yours here'}. Make ${path}, without a passphrase?`))
  )
    throw new ProvisionError('admin.keys', '“operator” is the key that you log in with, and there is none', addKey)
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

const addKey =
  'unlock the agent, or ssh-add a key; or make one with ssh-keygen -t ed25519; or declare your public key in admin.keys'

const run = promisify(execFile)
