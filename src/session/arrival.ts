import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProvisionError } from '../errors.ts'
import type { ReachSettings } from '../inventory/reach.ts'
import type { Connection, RootSecret } from '../ssh/options.ts'
import { type Ask, loaded, login, operatorKey } from '../ssh/ssh.ts'
import { ownEnvironment } from '../util/environment.ts'
import type { Io } from './io.ts'
import type { OpenOptions } from './open-options.ts'

/** A login that begins as soon as it is known where the host is: it takes its time to answer, and the rest is prepared meanwhile. */
export interface Arrival {
  /** Begins, unless it has begun the same way. Resolves when the login is on its way. */
  begin(dir: string, to: ReachSettings): Promise<void>
  /** The declared keys of a checked inventory; `operator` among them stands for the key that whoever runs this logs in with. */
  keys(to: ReachSettings): Promise<readonly string[]>
  /** The login there, when the rest is prepared; `secret` is root's password of the secrets, where there are some. */
  arrive(dir: string, to: ReachSettings, secret?: RootSecret): Promise<Connection>
  /** The rest could not be prepared: whatever was begun is ended, and nobody is asked anything. */
  giveUp(error: unknown): void
}

/** Logs in as these options say. Nobody is asked a question before `arrive`. */
export function arrival(options: OpenOptions, io: Io): Arrival {
  /** The inventory is checked, and then the rest is prepared. */
  const [checked, prepared] = [Promise.withResolvers<void>(), Promise.withResolvers<RootSecret | undefined>()]
  for (const { promise } of [checked, prepared]) promise.catch(ignore)
  const begun = new Map<string, Promise<Connection>>()
  const say = (line: string) => io.report.say(line)
  const configFile = join(homedir(), '.ssh', 'config')
  const { env = ownEnvironment } = options
  const own = new Map<string, ReturnType<typeof operatorKey>>()

  const keysOf = async ({ address, admin }: ReachSettings): Promise<readonly string[]> => {
    if (!admin.keys.includes('operator')) return admin.keys
    const may = {
      make: options.corrects === true,
      ...(ask === undefined ? {} : { confirm: late(io.ask!.confirm, checked.promise) }),
    }
    if (!own.has(address)) own.set(address, operatorKey({ address, configFile, env, log: say }, may))
    const { publicKey } = await own.get(address)!
    return admin.keys.map((key) => (key === 'operator' ? publicKey : key))
  }

  const ask: Ask | undefined = io.ask && {
    password: late(io.ask.password, prepared.promise),
    confirm: late(io.ask.confirm, prepared.promise),
  }

  const logIn = async (dir: string, to: ReachSettings): Promise<Connection> => {
    const { address, port } = endpoint(options.address ?? to.address)
    return login({
      address,
      ...(port === undefined ? {} : { port }),
      admin: to.admin.user,
      sshPort: to.ssh.port,
      keys: await keysOf(to),
      ...(options.hostKey === undefined ? {} : { hostKey: options.hostKey }),
      knownHosts: knownHostsOf(dir),
      configFile,
      env,
      ...(ask === undefined ? {} : { ask }),
      rootSecret: {
        stored: async () => (await prepared.promise)?.stored(),
        ...(options.corrects ? { make: async () => (await prepared.promise)!.make!() } : {}),
      },
      log: say,
      ...(options.debug ? { debug: say } : {}),
    })
  }

  const start = (dir: string, to: ReachSettings): Promise<Connection> => {
    const name = JSON.stringify(to)
    const going = begun.get(name) ?? logIn(dir, to)
    begun.set(name, going)
    going.catch(ignore)
    return going
  }
  const endAllBut = (kept?: Promise<Connection>) => {
    for (const one of begun.values()) if (one !== kept) one.then((connection) => connection.close(), ignore)
  }

  return {
    keys: (to) => {
      checked.resolve()
      return keysOf(to)
    },
    begin: async (dir, to) => {
      start(dir, to)
      await loaded()
      // A host that is near has answered by then, and its part of the dialogue goes on while more is loaded here.
      await sleep(2)
    },
    arrive: (dir, to, secret) => {
      checked.resolve()
      prepared.resolve(secret)
      const going = start(dir, to)
      endAllBut(going)
      return going
    },
    giveUp: (error) => {
      checked.reject(error)
      prepared.reject(error)
      endAllBut()
    },
  }
}

const ignore = (): void => undefined

/** A question that is asked when something is done, and not before. */
const late =
  <R>(question: (text: string) => Promise<R>, done: Promise<unknown>) =>
  async (text: string): Promise<R> => {
    await done
    return question(text)
  }

/** Where the host keys of a folder of inventories are kept: beside them, else where ssh keeps them. */
export const knownHostsOf = (dir: string): string => {
  const beside = join(dir, 'known_hosts')
  return existsSync(beside) ? beside : join(homedir(), '.ssh', 'known_hosts')
}

/** `A`, `A:PORT`, `[v6]:PORT`. Throws ProvisionError for anything else. */
export function endpoint(text: string): { readonly address: string; readonly port?: number } {
  const [, v6, plain, port] =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]\s]+|[0-9a-fA-F:]+:[0-9a-fA-F:]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = v6 ?? plain
  if (address === undefined || Number(port ?? 1) > 65_535 || Number(port ?? 1) < 1)
    throw new ProvisionError('--address', `“${text}” is no address`, 'write A, A:PORT or [v6]:PORT')
  return port === undefined ? { address } : { address, port: Number(port) }
}
