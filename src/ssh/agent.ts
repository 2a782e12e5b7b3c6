import { existsSync } from 'node:fs'
import type { AnyAuthMethod, OpenSSHAgent, ParsedKey } from 'ssh2'
import type { Offer } from './keys.ts'
import { fingerprint, type PublicKey } from './public-key.ts'

/** A key that the agent holds. */
export type Held = PublicKey & { readonly parsed: ParsedKey; readonly comment: string }

/** The keys that the agent holds. An agent that does not answer within 3 s has none, and says why. */
export async function inAgent(
  env: NodeJS.ProcessEnv,
): Promise<{ keys: readonly Held[]; problem?: string; agent?: OpenSSHAgent }> {
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
export function agentOffer(agent: OpenSSHAgent, { parsed, blob, type }: Held): Offer {
  const single = Object.create(agent) as OpenSSHAgent
  single.getIdentities = (callback) => callback(null, [parsed])
  const method = (username: string): AnyAuthMethod => ({ type: 'agent', username, agent: single }) as AnyAuthMethod
  return { key: { type, blob }, shown: `${fingerprint(blob)} (agent)`, method }
}
