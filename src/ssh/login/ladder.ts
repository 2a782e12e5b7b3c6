import { ConnectionError } from '../../errors.ts'
import { repeatedBan, sshBan } from '../bans.ts'
import { type HostConfig, readConfig } from '../config.ts'
import { type Offers, offersOf } from '../keys/keys.ts'
import { routeTo } from '../link/jump.ts'
import type { Dial, Link, LoginSettings } from '../link/link.ts'
import type { Rung, Way } from '../link/way.ts'
import type { LoginOptions } from '../options.ts'
import { endpointName } from '../trust/known-hosts.ts'
import { trustIn } from '../trust/trust.ts'
import { renewed } from './expired.ts'
import { withPassword } from './passwords.ts'
import { closed, type Failures, firstOf, withKeys } from './race.ts'

/**
 * The rungs, in order: the admin and root on the port that was asked for, the admin on the inventory's, root on 22, the user of
 * ~/.ssh/config, the admin on 22, where the image may have made it; passwords last. A name that a host does not know counts for fail2ban,
 * so what lets one in most often comes first.
 */
export function rungs(
  { port, admin, sshPort }: Pick<LoginOptions, 'port' | 'admin' | 'sshPort'>,
  config: HostConfig,
): readonly Rung[] {
  const first = port ?? config.port
  const key = (user: string, at: number): Rung => ({ user, port: at, with: 'a key' })
  const password = (at: number): Rung => ({ user: 'root', port: at, with: 'a password' })
  const all = [
    ...(first === undefined ? [] : [key(admin, first), key('root', first)]),
    key(admin, sshPort),
    key('root', 22),
    ...(config.user === undefined ? [] : [key(config.user, first ?? 22)]),
    key(admin, 22),
    ...(first === undefined ? [] : [password(first)]),
    password(22),
  ]
  return distinct(all)
}

/** The login that the ladder found. */
export interface Climbed {
  readonly reach: LoginSettings
  readonly link: Link
  /** How a new login proves that nobody is locked out: the admin, on the inventory's port, with a declared key. */
  asAdmin(): Promise<Way>
  /**
   * What of the ladder has not been used yet, for when a login works and runs nothing: as this user and no other where that is root,
   * for sudo has not let us through; else as this user first, whom the host names. Throws ConnectionError when nothing else works.
   */
  instead(of: Link, user?: string): Promise<Link>
  /** The same login once more, when its password had to be changed and is. Throws ConnectionError with how to change it. */
  renewed(of: Link): Promise<Link>
}

/** Climbs the ladder. Throws HostKeyError, or ConnectionError with every rung and why it failed. */
export async function climb(options: LoginOptions, dial: Dial): Promise<Climbed> {
  const { address, env, ask } = options
  const rootPassword = env.PROVISION_ROOT_PASSWORD
  delete env.PROVISION_ROOT_PASSWORD
  const config = await readConfig(options.configFile, address, env)
  const offers = await offersOf(options.keys, { env, config, log: options.log, ...(ask === undefined ? {} : { ask }) })
  const reach: LoginSettings = {
    address,
    ...(await routeTo(config, options, dial)),
    trust: trustIn(config.alias, options),
    dial,
    debug: options.debug,
  }
  const up = async (all: readonly Rung[]): Promise<Link> => {
    const failures: Failures = { rungs: new Map(), passwords: new Map() }
    const byKey = all.filter((rung) => rung.with === 'a key')
    return (
      (await firstOf(reach, withKeys(byKey, offers.ready, rootPassword), failures)) ??
      (await firstOf(
        reach,
        withKeys(byKey, await offers.unlock(), failures.passwords.size > 0 ? undefined : rootPassword),
        failures,
      )) ??
      (await withPassword(reach, all, rootPassword, options, failures)) ??
      giveUp(address, all, failures.rungs, offers, reach.trust.knownAt)
    )
  }
  const all = rungs(options, config)
  const asAdmin = async (): Promise<Way> => {
    const ready = offers.ready.length > 0 ? offers.ready : await offers.unlock()
    return { user: options.admin, port: options.sshPort, credentials: ready.map((offer) => ({ type: 'key', offer })) }
  }
  const used = new Set<string>()
  const instead = async (of: Link, user?: string): Promise<Link> => {
    used.add(nameOf({ ...of, with: of.way.credentials[0]?.type === 'password' ? 'a password' : 'a key' }))
    const named: readonly Rung[] = user === undefined || user === 'root' ? [] : [{ user, port: of.port, with: 'a key' }]
    const rest = [...named, ...all].filter((rung) => !used.has(nameOf(rung)) && (user !== 'root' || rung.user === 'root'))
    if (rest.length === 0) throw new ConnectionError(address, 'there is no other way to log in')
    return up(distinct(rest))
  }
  return { reach, link: await up(all), asAdmin, instead, renewed: (of) => renewed(reach, of, options, rootPassword) }
}

const nameOf = ({ user, port, with: by }: Rung): string => `${user}@${port} ${by}`

/** No rung is tried twice. */
const distinct = (all: readonly Rung[]): readonly Rung[] =>
  all.filter((rung, i) => all.findIndex((other) => nameOf(other) === nameOf(rung)) === i)

function giveUp(
  address: string,
  all: readonly Rung[],
  failures: ReadonlyMap<Rung, string>,
  offers: Offers,
  knownAt: (port: number) => boolean,
): never {
  const none = ['none of the declared keys is here', ...offers.missing].join('; ')
  const lines = all.map(
    (rung) =>
      `  ${rung.user}@${endpointName(address, rung.port)} with ${rung.with}: ${failures.get(rung) ?? (rung.with === 'a key' ? none : 'not tried')}`,
  )
  throw new ConnectionError(
    address,
    `cannot log in:\n${lines.join('\n')}`,
    all.every((rung) => closed.test(failures.get(rung) ?? ''))
      ? whyClosed(all.find((rung) => failures.get(rung) === 'connection refused' && knownAt(rung.port))?.port)
      : 'give the root password that its provider mailed in PROVISION_ROOT_PASSWORD, or declare a key that this machine has in admin.keys',
  )
}

/** The next move where no port lets anyone talk to sshd: it refuses a port that a login has worked at before when it bans an address. */
const whyClosed = (answeredBefore: number | undefined): string =>
  answeredBefore === undefined
    ? 'is the address right, and is the machine on? --address A:PORT says where it is to be reached'
    : `port ${answeredBefore} has let someone in before, so this address is probably banned by fail2ban there: for ${sshBan.lasts} after ${sshBan.failures} failed logins within ${sshBan.within}, for ${repeatedBan.lasts} after ${repeatedBan.bans} bans. On the provider's console as root: fail2ban-client unban --all. Not banned? Then sshd does not run: systemctl restart ssh`
