import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { AnyAuthMethod } from 'ssh2'
import { once } from '../once.ts'
import { agentOffer, inAgent } from './agent.ts'
import type { HostConfig } from './config.ts'
import { type KeyFile, readKey } from './key-file.ts'
import type { Ask, LoginOptions } from './options.ts'
import { fingerprint, type PublicKey, parseLine } from './public-key.ts'

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

/** The home folder that ssh uses. */
export const homeOf = (env: NodeJS.ProcessEnv): string => env.HOME ?? userInfo().homedir

function candidates({ home, config: { identityFiles } }: KeySources): readonly string[] {
  return [...new Set([...identityFiles, ...['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(home, '.ssh', name))])]
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
