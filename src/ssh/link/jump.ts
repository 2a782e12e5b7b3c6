import { ConnectionError } from '../../errors.ts'
import { type HostConfig, readConfig } from '../config.ts'
import { offersOf } from '../keys/keys.ts'
import type { LoginOptions } from '../options.ts'
import { trustIn } from '../trust/trust.ts'
import { type Dial, type Link, type LoginSettings, openLink } from './link.ts'
import { direct, through } from './route.ts'

/**
 * The way to a host: straight, or through the hosts that its ProxyJump names, each of which shows a known host key and takes a key.
 * Throws ConnectionError when one of them lets us not in.
 */
export async function routeTo(
  { hostName, jumps }: HostConfig,
  options: LoginOptions,
  dial: Dial,
): Promise<Pick<LoginSettings, 'route' | 'end'>> {
  const links: Link[] = []
  const end = () => {
    for (const link of links.toReversed()) link.end()
  }
  for (const jump of jumps) {
    const { ask, env, log } = options
    const config = await readConfig(options.configFile, jump.host, env)
    const user = jump.user ?? config.user ?? options.env.USER ?? 'root'
    const port = jump.port ?? config.port ?? 22
    const offers = await offersOf(undefined, { env, config, log, ...(ask === undefined ? {} : { ask }) })
    const ready = offers.ready.length > 0 ? offers.ready : await offers.unlock()
    if (ready.length === 0)
      throw new ConnectionError(jump.host, `no key to log in with on the way to ${options.address}`, offers.missing[0])
    const { hostKey: _, ...others } = options
    const last = links.at(-1)
    const reach: LoginSettings = {
      end,
      address: jump.host,
      route: last === undefined ? direct(config.hostName) : through(last.client, config.hostName),
      trust: trustIn(config.alias, others),
      dial,
      debug: options.debug,
    }
    const credentials = ready.map((offer) => ({ type: 'key' as const, offer }))
    links.push(await openLink(reach, { user, port, credentials }, new AbortController().signal))
  }
  const last = links.at(-1)
  return { end, route: last === undefined ? direct(hostName) : through(last.client, hostName) }
}
