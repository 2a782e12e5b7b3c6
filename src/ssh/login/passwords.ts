import { ConnectionError } from '../../errors.ts'
import { type Link, type LoginSettings, openLink } from '../link/link.ts'
import type { Rung } from '../link/way.ts'
import type { LoginOptions } from '../options.ts'
import { endpointName } from '../trust/known-hosts.ts'
import { HostKeyError } from '../trust/refusals.ts'
import { RefusedError } from './attempt.ts'
import { closed, type Failures } from './race.ts'

/** How often a password may be typed: each one that is wrong counts for fail2ban. */
const chances = 3

/**
 * The rungs that take root's password: the given one, else one that is asked for; then the one of the secrets, which a run that died may
 * have set in place of the mailed one. Nothing when none works, and `failures` then says why.
 */
export async function withPassword(
  reach: LoginSettings,
  all: readonly Rung[],
  given: string | undefined,
  { ask, rootSecret }: LoginOptions,
  { rungs: failures, passwords }: Failures,
): Promise<Link | undefined> {
  for (const rung of all.filter((one) => one.with === 'a password')) {
    const unreachable = all.find((other) => other.port === rung.port && closed.test(failures.get(other) ?? ''))
    const before = passwords.get(rung.port)
    if (unreachable !== undefined) failures.set(rung, failures.get(unreachable)!)
    else if (before?.startsWith('no password')) failures.set(rung, before)
    else if (given === undefined && ask === undefined)
      failures.set(rung, 'PROVISION_ROOT_PASSWORD is not set, and there is no terminal to ask on')
    const typed = async () => ask?.password(`password of root@${endpointName(reach.address, rung.port)}`)
    const first = async () => given ?? typed()
    const tried = new Set(before === undefined ? [] : [given])
    let last = before
    for (const next of [first, async () => rootSecret?.stored(), ...Array.from({ length: chances - 1 }, () => typed)]) {
      if (failures.has(rung)) break
      const password = await next()
      if (password === undefined || tried.has(password)) continue
      tried.add(password)
      try {
        return await openLink(reach, { ...rung, credentials: [{ type: 'password', password }] }, new AbortController().signal)
      } catch (error) {
        if (error instanceof HostKeyError || !(error instanceof ConnectionError)) throw error
        last = error.message
        if (!(error instanceof RefusedError)) failures.set(rung, last)
      }
    }
    if (last !== undefined && !failures.has(rung)) failures.set(rung, last)
  }
  return undefined
}
