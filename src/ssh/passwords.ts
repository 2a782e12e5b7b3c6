import { ConnectionError } from '../errors.ts'
import { RefusedError } from './attempt.ts'
import { place } from './known-hosts.ts'
import type { Rung } from './ladder.ts'
import { type Link, openLink, type Reach, type Way } from './link.ts'
import type { LoginOptions } from './options.ts'
import { closed, type Failures } from './race.ts'
import { HostKeyError } from './refusals.ts'

/** How often a password may be typed: each one that is wrong counts for fail2ban. */
const chances = 3

/** The rungs that take root's password: the given one, else one that is asked for. Nothing when none works, and `failures` then says why. */
export async function withPassword(
  reach: Reach,
  all: readonly Rung[],
  given: string | undefined,
  { ask }: LoginOptions,
  { rungs: failures, passwords }: Failures,
): Promise<Link | undefined> {
  for (const rung of all.filter((one) => one.with === 'a password')) {
    const unreachable = all.find((other) => other.port === rung.port && closed.test(failures.get(other) ?? ''))
    if (unreachable !== undefined) failures.set(rung, failures.get(unreachable)!)
    else if (given === undefined && ask === undefined)
      failures.set(rung, 'PROVISION_ROOT_PASSWORD is not set, and there is no terminal to ask on')
    const before = passwords.get(rung.port)
    if (before !== undefined && (ask === undefined || before.startsWith('no password'))) failures.set(rung, before)
    for (let n = before === undefined ? 0 : 1; n < chances && !failures.has(rung); n++) {
      const password =
        n === 0 && given !== undefined ? given : await ask?.password(`password of root@${place(reach.address, rung.port)}`)
      if (password === undefined) break
      const way: Way = { ...rung, credentials: [{ type: 'password', password }] }
      try {
        return await openLink(reach, way, new AbortController().signal)
      } catch (error) {
        if (error instanceof HostKeyError || !(error instanceof ConnectionError)) throw error
        if (!(error instanceof RefusedError) || n === chances - 1 || ask === undefined) failures.set(rung, error.message)
      }
    }
  }
  return undefined
}
