import { join } from 'node:path'
import { once } from '../../util/once.ts'
import { type HostConfig, homeOf } from '../config.ts'
import type { Ask, LoginOptions } from '../options.ts'
import { type Agent, agentOf, agentOffer } from './agent.ts'
import { type KeyFile, readKey, readPublic } from './key-file.ts'
import type { Offer } from './offer.ts'
import { fingerprint, type PublicKey, parseLine } from './public-key.ts'
import { isSecurityKey } from './security-key.ts'

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
  const { keys: held, problem, socket } = await agentFor(from)
  const read = (await Promise.all(candidates(from).map(readKey))).flatMap((file) => file ?? [])
  const among = (keys: readonly PublicKey[]) => (key: PublicKey) => keys.some(({ blob }) => blob.equals(key.blob))
  const ofAgent = held.filter(isWanted)
  const fromAgent = await Promise.all(ofAgent.map((key) => agentOffer(socket!, key, from.log)))
  const own = read.filter((file) => isWanted(file) && !among(ofAgent)(file))
  const files = own.filter((file) => !isSecurityKey(file))
  const locked = files.filter(({ encrypted }) => encrypted)
  const { ask } = from
  return {
    ready: [...fromAgent, ...files.filter(({ encrypted }) => !encrypted).map((file) => fileOffer(file))],
    missing: [
      ...(problem === undefined ? [] : [problem]),
      ...own.filter(isSecurityKey).map(({ path }) => `${path} is of a security key, which only the agent can use: ssh-add it`),
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
export type KeySources = Pick<LoginOptions, 'env' | 'ask' | 'log'> & {
  readonly config: Pick<HostConfig, 'identityFiles' | 'identityAgent' | 'identitiesOnly'>
}

/** The agent with the keys that the configuration lets it offer: with IdentitiesOnly, those of the files. */
export async function agentFor({ env, config }: Pick<KeySources, 'env' | 'config'>): Promise<Agent> {
  const agent = await agentOf(config, env)
  if (!config.identitiesOnly) return agent
  const named = candidates({ env, config }).flatMap((path) => readPublic(path) ?? [])
  return { ...agent, keys: agent.keys.filter((key) => named.some(({ blob }) => blob.equals(key.blob))) }
}

/** The files that may hold a key: those of IdentityFile, then those that ssh-keygen makes. */
export function candidates({ env, config: { identityFiles } }: Pick<KeySources, 'env' | 'config'>): readonly string[] {
  return [...new Set([...identityFiles, ...names.map((name) => join(homeOf(env), '.ssh', name))])]
}

const names = ['id_ed25519', 'id_ecdsa', 'id_rsa', 'id_ed25519_sk', 'id_ecdsa_sk']

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
