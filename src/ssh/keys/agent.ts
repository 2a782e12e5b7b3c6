import { existsSync } from 'node:fs'
import type { AnyAuthMethod, OpenSSHAgent, ParsedKey } from 'ssh2'
import type { HostConfig } from '../config.ts'
import { type AgentKey, listKeys, string } from './agent-protocol.ts'
import type { Offer } from './offer.ts'
import { fingerprint, toLine } from './public-key.ts'
import { isSecurityKey, signWithTouch, standIn } from './security-key.ts'

/** What the agent holds, and why that is nothing. */
export interface Agent {
  /** Where it listens; nothing where there is none. */
  readonly socket?: string
  /** The keys of types that a host may be offered. */
  readonly keys: readonly AgentKey[]
  readonly problem?: string
}

/** The agent that ssh would ask: IdentityAgent of ~/.ssh/config, else SSH_AUTH_SOCK. One that does not list its keys says why. */
export async function agentOf({ identityAgent }: Pick<HostConfig, 'identityAgent'>, env: NodeJS.ProcessEnv): Promise<Agent> {
  const socket = identityAgent === 'none' ? undefined : (identityAgent ?? env.SSH_AUTH_SOCK)
  if (socket === undefined || socket === '') return { keys: [] }
  if (!existsSync(socket))
    return identityAgent === undefined
      ? { keys: [] }
      : { keys: [], problem: `the agent at ${socket} (IdentityAgent) does not run` }
  try {
    return { socket, keys: (await listKeys(socket)).filter(({ type }) => offered.has(type)) }
  } catch (error) {
    return { socket, keys: [], problem: `the agent at ${socket} does not work: ${(error as Error).message}` }
  }
}

/** What sshd takes and is signed for here: no certificates, no DSA. */
const offered: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])

/** A key of the agent, to be offered alone: ssh2 offers all that an agent holds. `log` asks for the touch of a security key. */
export async function agentOffer(socket: string, key: AgentKey, log: (line: string) => void): Promise<Offer> {
  const { OpenSSHAgent, utils } = (await import('ssh2')).default
  const sign = (_: unknown, data: Buffer, _options: unknown, done: (error: Error | null, signature?: Buffer) => void): void => {
    log(`touch the security key ${fingerprint(key.blob)}`)
    signWithTouch(socket, key, data).then((signature) => done(null, signature), done)
  }
  const parsed = utils.parseKey(isSecurityKey(key) ? anyKey : toLine(key)) as ParsedKey
  const single = Object.create(new OpenSSHAgent(socket)) as OpenSSHAgent
  if (isSecurityKey(key)) Object.defineProperty(single, 'sign', { value: sign })
  single.getIdentities = (callback) => callback(null, [isSecurityKey(key) ? standIn(parsed, key) : parsed])
  const method = (username: string): AnyAuthMethod => ({ type: 'agent', username, agent: single }) as AnyAuthMethod
  return { key, shown: `${fingerprint(key.blob)} (agent)`, method }
}

/** A public key that ssh2 parses, whose values are never used. */
const anyKey = `ssh-ed25519 ${Buffer.concat([string(Buffer.from('ssh-ed25519')), string(Buffer.alloc(32))]).toString('base64')}`
