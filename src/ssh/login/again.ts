import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../../errors.ts'
import { type Link, openLink } from '../link/link.ts'
import type { Way } from '../link/way.ts'
import type { LoginOptions } from '../options.ts'
import { sudoIsFree } from '../session/sudo.ts'
import { endpointName } from '../trust/known-hosts.ts'
import { HostKeyError } from '../trust/refusals.ts'
import { RefusedError } from './attempt.ts'
import type { Climbed } from './ladder.ts'

/** Between two tries while sshd restarts. */
const pauseMs = 500

/**
 * A new TCP login as the admin, on the inventory's port or the one in use, with a declared key; the host key must be the one of the login before, and sudo
 * must not ask. A port that does not answer yet is tried until the limit; a refusal is final, since each one counts for fail2ban.
 * Throws ConnectionError, or HostKeyError.
 */
export async function newLogin(
  options: LoginOptions,
  climbed: Climbed,
  limitMs: number,
  at: 'declared port' | 'current port',
): Promise<Link> {
  const { address, admin, sshPort } = options
  const { reach, link: current } = climbed
  const limit = AbortSignal.timeout(limitMs)
  const port = at === 'declared port' ? sshPort : current.port
  const way = { ...(await adminWay(options, climbed)), port }
  const who = `${admin}@${endpointName(address, port)}`
  let last = 'no answer'
  while (!limit.aborted) {
    try {
      const link = await openLink(reach, way, limit)
      const free = await sudoIsFree(link, address).catch((error: unknown) => {
        link.end()
        throw error
      })
      if (free) return link
      link.end()
      throw new RefusedError(address, `${who} may log in, and \`sudo -n true\` fails there`)
    } catch (error) {
      if (error instanceof HostKeyError || error instanceof RefusedError || !(error instanceof ConnectionError)) throw error
      last = limit.aborted ? last : error.message
    }
    await sleep(pauseMs, undefined, { signal: limit }).catch(() => undefined)
  }
  throw new ConnectionError(address, `no new login as ${who} within ${Math.round(limitMs / 1000)} s: ${last}`)
}

/** How the admin logs in with a declared key. Throws ConnectionError when none is here. */
export async function adminWay({ address, admin }: LoginOptions, { asAdmin }: Climbed): Promise<Way> {
  const way = await asAdmin()
  if (way.credentials.length === 0)
    throw new ConnectionError(
      address,
      `none of the keys in admin.keys is on this machine: no new login as ${admin} could prove that the host still lets us in`,
      'declare the key of this machine as well, or have the agent hold the one that is declared',
    )
  return way
}
