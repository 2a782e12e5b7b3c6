import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { AnyAuthMethod, OpenSSHAgent, ParsedKey } from 'ssh2'
import { ProvisionError } from '../errors.ts'
import { type HostConfig, readConfig } from './config.ts'
import type { Ask, LoginOptions } from './options.ts'
import { fingerprint, type PublicKey, parseLine, parsePrivate, toLine } from './public-key.ts'

/** A key that can be offered. */
export interface Offer {
  readonly key: PublicKey
  /** `SHA256:… (agent)`, `SHA256:… (~/.ssh/id_ed25519)`. */
  readonly shown: string
  method(user: string): AnyAuthMethod
}

/** The declared keys that are at hand. */
export interface Offers {
  readonly ready: readonly Offer[]
  /** Why there are not more. */
  readonly missing: readonly string[]
  /** Those whose passphrase must be asked for first. A wrong passphrase leaves its key out. */
  unlock(): Promise<readonly Offer[]>
}

/** Which of the declared keys the agent or the key files have. Without `declared`, all of them. */
export async function offersOf(declared: readonly string[] | undefined, from: KeySources): Promise<Offers> {
  const wanted = declared?.flatMap((line) => parseLine(line)?.blob ?? [])
  const isWanted = ({ blob }: PublicKey): boolean => wanted === undefined || wanted.some((one) => one.equals(blob))
  const { keys: held, problem, agent } = await inAgent(from.env)
  const fromAgent = held.filter(isWanted).map((key) => agentOffer(agent!, key))
  const files = (await Promise.all(candidates(from).map(readKey)))
    .flatMap((file) => file ?? [])
    .filter((file) => isWanted(file) && !fromAgent.some(({ key }) => key.blob.equals(file.blob)))
  const locked = files.filter(({ encrypted }) => encrypted)
  const { ask } = from
  return {
    ready: [...fromAgent, ...files.filter(({ encrypted }) => !encrypted).map((file) => fileOffer(file))],
    missing: [
      ...(problem === undefined ? [] : [problem]),
      ...(ask === undefined
        ? locked.map(({ path }) => `${path} needs its passphrase, and there is no terminal: ssh-add it`)
        : []),
    ],
    unlock: once(async () => {
      const opened: Offer[] = []
      for (const file of ask === undefined ? [] : locked) opened.push(...(await unlocked(file, ask!)))
      return opened
    }),
  }
}

/** Where keys are looked for. */
export type KeySources = Pick<LoginOptions, 'env' | 'ask'> & {
  readonly home: string
  readonly config: Pick<HostConfig, 'identityFiles'>
}

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
  const comment = `${userInfo().username}@${hostname()}`
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]).catch((error: Error) => {
    throw new ProvisionError(path, `a key could not be made: ${error.message}`, 'install openssh-client')
  })
  const key = await readKey(path)
  if (key === undefined) throw new ProvisionError(path, 'the key that ssh-keygen made cannot be read')
  log(`made the key ${path} (${fingerprint(key.blob)}): keep a copy of it, it is what lets you in`)
  return { publicKey: toLine(key, comment), made: true, source: path }
}

/** The home folder that ssh uses. */
export const homeOf = (env: NodeJS.ProcessEnv): string => env.HOME ?? userInfo().homedir

const run = promisify(execFile)

type KeyFile = PublicKey & { readonly path: string; readonly text: string; readonly encrypted: boolean; readonly comment: string }
type Held = PublicKey & { readonly parsed: ParsedKey; readonly comment: string }

function candidates({ home, config: { identityFiles } }: KeySources): readonly string[] {
  return [...new Set([...identityFiles, ...['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(home, '.ssh', name))])]
}

/** A private key file: its public half from itself, from the .pub beside it, or from ssh-keygen. Nothing when it cannot be read. */
async function readKey(path: string): Promise<KeyFile | undefined> {
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

const fileOffer = ({ type, blob, path, text }: KeyFile, passphrase?: string): Offer => ({
  key: { type, blob },
  shown: `${fingerprint(blob)} (${path})`,
  method: (username) => ({ type: 'publickey', username, key: text, ...(passphrase === undefined ? {} : { passphrase }) }),
})

async function unlocked(file: KeyFile, ask: Ask): Promise<readonly Offer[]> {
  const { utils } = (await import('ssh2')).default
  const passphrase = await ask.password(`passphrase of ${file.path}`)
  return utils.parseKey(file.text, passphrase) instanceof Error ? [] : [fileOffer(file, passphrase)]
}

/** The keys that the agent holds. An agent that does not answer within 3 s has none, and says why. */
async function inAgent(env: NodeJS.ProcessEnv): Promise<{ keys: readonly Held[]; problem?: string; agent?: OpenSSHAgent }> {
  const socket = env.SSH_AUTH_SOCK
  if (socket === undefined || socket === '' || !existsSync(socket)) return { keys: [] }
  const { OpenSSHAgent } = (await import('ssh2')).default
  const agent = new OpenSSHAgent(socket)
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve({ keys: [], problem: 'the agent does not answer' }), 3000)
    agent.getIdentities((error, found) => {
      clearTimeout(limit)
      if (error) return resolve({ keys: [], problem: `the agent does not work: ${error.message}` })
      const all = (found ?? []) as readonly ParsedKey[]
      const keys = all.map((parsed) => ({ type: parsed.type, blob: parsed.getPublicSSH(), parsed, comment: parsed.comment }))
      resolve({ keys, agent })
    })
  })
}

/** ssh2 offers all that an agent holds: this one holds a single key. */
function agentOffer(agent: OpenSSHAgent, { parsed, blob, type }: Held): Offer {
  const single = Object.create(agent) as OpenSSHAgent
  single.getIdentities = (callback) => callback(null, [parsed])
  const method = (username: string): AnyAuthMethod => ({ type: 'agent', username, agent: single }) as AnyAuthMethod
  return { key: { type, blob }, shown: `${fingerprint(blob)} (agent)`, method }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
