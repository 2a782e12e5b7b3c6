import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../errors.ts'
import { type HostConfig, readConfig } from './config.ts'
import { routeTo } from './jump.ts'
import { homeOf, type Offers, offersOf } from './keys.ts'
import { type Dial, type Link, openLink, type Reach, RefusedError, type Way } from './link.ts'
import type { LoginOptions } from './options.ts'
import { HostKeyError, trustIn } from './trust.ts'

/** One rung: who, on which port, with what. */
export interface Rung {
  readonly user: string
  readonly port: number
  readonly with: 'a key' | 'a password'
}

/** The rungs, in order: the admin and root on the port that was asked for, the admin on the inventory's, root on 22; passwords last. */
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
    ...(first === undefined ? [] : [password(first)]),
    password(22),
  ]
  const name = (rung: Rung): string => JSON.stringify(rung)
  return all.filter((rung, i) => all.findIndex((other) => name(other) === name(rung)) === i)
}

/** The login that the ladder found. */
export interface Climbed {
  readonly reach: Reach
  readonly link: Link
  /** How a new login proves that nobody is locked out: the admin, on the inventory's port, with a declared key. */
  asAdmin(): Promise<Way>
  /** The rest of the ladder, as root: for when sudo does not let the user through. */
  asRoot(): Promise<Link>
}

/** Climbs the ladder. Throws HostKeyError, or ConnectionError with every rung and why it failed. */
export async function climb(options: LoginOptions, dial: Dial): Promise<Climbed> {
  const { address, env, ask } = options
  const rootPassword = env.PROVISION_ROOT_PASSWORD
  delete env.PROVISION_ROOT_PASSWORD
  const home = homeOf(env)
  const config = await readConfig(options.configFile, address, home)
  const offers = await offersOf(options.keys, { env, home, config, ...(ask === undefined ? {} : { ask }) })
  const reach: Reach = {
    address,
    ...(await routeTo(config, options, dial)),
    trust: trustIn(config.alias, options),
    dial,
    debug: options.debug,
  }
  const up = async (all: readonly Rung[]): Promise<Link> => {
    const failures = new Map<Rung, string>()
    const byKey = all.filter((rung) => rung.with === 'a key')
    return (
      (await firstOf(reach, withKeys(byKey, offers.ready), failures)) ??
      (await firstOf(reach, withKeys(byKey, await offers.unlock()), failures)) ??
      (await withPassword(reach, all, rootPassword, options, failures)) ??
      giveUp(address, all, failures, offers)
    )
  }
  const all = rungs(options, config)
  const asAdmin = async (): Promise<Way> => {
    const ready = offers.ready.length > 0 ? offers.ready : await offers.unlock()
    return { user: options.admin, port: options.sshPort, credentials: ready.map((offer) => ({ type: 'key', offer })) }
  }
  return { reach, link: await up(all), asAdmin, asRoot: () => up(all.filter(({ user }) => user === 'root')) }
}

type Try = { readonly rung: Rung; readonly way: Way }

const withKeys = (all: readonly Rung[], offers: Offers['ready']): readonly Try[] =>
  offers.length === 0
    ? []
    : all.map((rung) => ({ rung, way: { ...rung, credentials: offers.map((offer) => ({ type: 'key' as const, offer })) } }))

/** A port that has not answered after this long lets the next rung begin, since a closed one may not answer at all. */
const patienceMs = 300

/** Tries one after the other, the next one early where a port is silent. The first that works ends the others. */
async function firstOf(reach: Reach, tries: readonly Try[], failures: Map<Rung, string>): Promise<Link | undefined> {
  const others = new AbortController()
  const won = Promise.withResolvers<Link>()
  const running: Promise<void>[] = []
  try {
    for (const { rung, way } of tries) {
      let answered = false
      const open = openLink(reach, way, others.signal, () => {
        answered = true
      })
      const done = open.then(
        (link) => (others.signal.aborted ? link.end() : won.resolve(link)),
        (error: Error) => {
          if (error instanceof HostKeyError || !(error instanceof ConnectionError)) won.reject(error)
          failures.set(rung, error.message)
        },
      )
      running.push(done)
      // After the timer, one turn of the loop: loading ssh2 may have kept us from hearing that the port did answer.
      const silent = sleep(patienceMs)
        .then(() => sleep(0))
        .then(() => (answered ? done : undefined))
      await Promise.race([done, silent, won.promise])
      if (await settled(won.promise)) break
    }
    return await Promise.race([won.promise, Promise.all(running).then(() => undefined)])
  } finally {
    others.abort()
  }
}

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), Promise.resolve().then(() => false)])

/** What a port says that lets nobody in. */
const closed = /^connection refused$|^no (answer|route)|^its name/

/** How often a password may be typed: each one that is wrong counts for fail2ban. */
const chances = 3

async function withPassword(
  reach: Reach,
  all: readonly Rung[],
  given: string | undefined,
  { ask }: LoginOptions,
  failures: Map<Rung, string>,
): Promise<Link | undefined> {
  for (const rung of all.filter((one) => one.with === 'a password')) {
    const unreachable = all.find((other) => other.port === rung.port && closed.test(failures.get(other) ?? ''))
    if (unreachable !== undefined) failures.set(rung, failures.get(unreachable)!)
    else if (given === undefined && ask === undefined)
      failures.set(rung, 'PROVISION_ROOT_PASSWORD is not set, and there is no terminal to ask on')
    for (let n = 0; n < chances && !failures.has(rung); n++) {
      const password =
        n === 0 && given !== undefined ? given : await ask?.password(`password of root@${reach.address}:${rung.port}`)
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

function giveUp(address: string, all: readonly Rung[], failures: ReadonlyMap<Rung, string>, offers: Offers): never {
  const none = ['none of the declared keys is here', ...offers.missing].join('; ')
  const lines = all.map(
    (rung) =>
      `  ${rung.user}@${address}:${rung.port} with ${rung.with}: ${failures.get(rung) ?? (rung.with === 'a key' ? none : 'not tried')}`,
  )
  throw new ConnectionError(
    address,
    `cannot log in:\n${lines.join('\n')}`,
    all.every((rung) => closed.test(failures.get(rung) ?? ''))
      ? 'is the address right, and is the machine on? --address A:PORT says where it is to be reached'
      : 'give the root password that its provider mailed in PROVISION_ROOT_PASSWORD, or declare a key that this machine has in admin.keys',
  )
}
