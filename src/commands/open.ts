import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Context, server as ourServer } from '../../playbooks/index.ts'
import type { ArtifactName, ArtifactSource } from '../artifacts.ts'
import { ProvisionError } from '../errors.ts'
import { type Inventory, loadInventory, type Server } from '../inventory.ts'
import type { Artifact } from '../kind.ts'
import type { ArtifactOrigin } from '../kinds/artifact.ts'
import { select } from '../plan.ts'
import { secretsIn } from '../secret.ts'
import type { Connection } from '../ssh/options.ts'
import { type Ask, loaded, login, operatorKey } from '../ssh.ts'
import type { Playbook, Step } from '../step.ts'
import type { Io } from './io.ts'
import { logins } from './session.ts'

/** How a host is named and reached: the flags that every command which talks to one has. */
export interface OpenOptions {
  readonly host: string
  readonly inventory?: string | undefined
  /** `A`, `A:PORT` or `[v6]:PORT`: where it is reached, when that is not what the inventory says. */
  readonly address?: string | undefined
  readonly hostKey?: string | undefined
  readonly prune?: boolean | undefined
  readonly only?: readonly string[] | undefined
  /** The scripts that run, secrets hidden. */
  readonly verbose?: boolean | undefined
  /** Stacks and the SSH dialogue. */
  readonly debug?: boolean | undefined
}

/** A host with its inventory, its playbooks and a login. */
export interface Opened {
  /** What it is called in all that is said: the name of its inventory. */
  readonly host: string
  readonly playbooks: readonly Playbook[]
  readonly connection: Connection
  readonly secrets: {
    /** Opens the store if these steps need it. */
    open(steps: readonly Step[]): Promise<void>
    /** Makes up and stores what is missing of them. */
    ensure(steps: readonly Step[]): Promise<void>
  }
  obtain(
    artifact: Artifact,
    architecture: 'amd64' | 'arm64',
    say: (line: string) => void,
  ): Promise<{ readonly path: string; readonly sha256: string }>
  close(): Promise<void>
}

/** The playbooks of an inventory, without a host: `list` needs no more, and no key of the operator. */
export async function load(options: OpenOptions, io: Io, withKey: boolean) {
  const inventory = await loadInventory(options.inventory, options.host)
  const server = withKey ? await withOperatorKey(inventory, io) : inventory.server
  return { inventory, server, ...(await prepare(inventory, server, options, io)) }
}

/** Everything a command needs of a host. Throws ProvisionError and ConnectionError. */
export async function open(options: OpenOptions, io: Io): Promise<Opened> {
  const inventory = await loadInventory(options.inventory, options.host)
  const server = await withOperatorKey(inventory, io)
  const say = (line: string) => io.report.say(line)
  const all = logins(options.verbose ? say : undefined)
  const { artifacts, playbooks, said, first } = await meanwhile(
    (ask) => reach(inventory, server, options, { ...io, ask }),
    async () => {
      const prepared = await prepare(inventory, server, options, io)
      if (secretsIn(select(prepared.playbooks, options.only)).length > 0) await inventory.store.open()
      return prepared
    },
    io.ask,
  )
  return {
    host: inventory.name,
    playbooks,
    connection: all.add(first),
    secrets: {
      open: async (steps) => {
        if (secretsIn(steps).length > 0) await inventory.store.open()
      },
      ensure: async (steps) => {
        const made = await inventory.store.ensure(secretsIn(steps), say)
        if (made.length > 0) say(`made up and stored in ${inventory.store.file}: ${made.join(' ')}`)
      },
    },
    obtain: (artifact, architecture, tell) => {
      said.now = tell
      return artifacts.obtain(artifact.name as ArtifactName, architecture)
    },
    close: () => all.close(),
  }
}

/** What follows from an inventory on this machine: the programs that it pins, and its playbooks. */
async function prepare(inventory: Inventory, server: Server, { prune = false }: OpenOptions, io: Io) {
  const said: { now: (line: string) => void } = { now: (line) => io.report.say(line) }
  const log = (line: string) => said.now(line)
  const { artifactSource, openLock } = await import('../artifacts.ts')
  const lock = await openLock(inventory.dir, { embedded: inventory.embedded, log })
  const artifacts = artifactSource(server.artifacts, { lock, log })
  const playbooks = (await playbooksOf(inventory))(server, { prune, origins: originsOf(server, artifacts) })
  return { artifacts, playbooks, said }
}

/**
 * Logs in, and prepares the rest while the host takes its time to answer. Nobody is asked anything before that has gone well;
 * when it has not, the login is ended, and its error is the one that is thrown.
 */
async function meanwhile<T extends object>(
  arrive: (ask: Ask | undefined) => Promise<Connection>,
  prepareRest: () => Promise<T>,
  ask: Ask | undefined,
): Promise<T & { readonly first: Connection }> {
  const rest = Promise.withResolvers<T>()
  rest.promise.catch(() => undefined)
  const once =
    <A, R>(question: (text: A) => Promise<R>) =>
    async (text: A) => {
      await rest.promise
      return question(text)
    }
  const arriving = arrive(ask && { password: once(ask.password), confirm: once(ask.confirm) })
  arriving.catch(() => undefined)
  await loaded()
  try {
    rest.resolve(await prepareRest())
  } catch (error) {
    rest.reject(error)
    arriving.then(
      (connection) => connection.close(),
      () => undefined,
    )
    throw error
  }
  return { ...(await rest.promise), first: await arriving }
}

function reach(inventory: Inventory, server: Server, options: OpenOptions, { ask, report }: Io): Promise<Connection> {
  const { address, port } = endpoint(options.address ?? server.address)
  const say = (line: string) => report.say(line)
  return login({
    address,
    ...(port === undefined ? {} : { port }),
    admin: server.admin.user,
    sshPort: server.ssh.port,
    keys: server.admin.keys,
    ...(options.hostKey === undefined ? {} : { hostKey: options.hostKey }),
    knownHosts: beside(inventory, 'known_hosts') ?? join(homedir(), '.ssh', 'known_hosts'),
    configFile: join(homedir(), '.ssh', 'config'),
    env: process.env,
    ...(ask === undefined ? {} : { ask }),
    log: say,
    ...(options.debug ? { debug: say } : {}),
  })
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

/** `operator` among the declared keys stands for the key that this operator logs in with. */
async function withOperatorKey({ server }: Inventory, io: Io): Promise<Server> {
  if (!server.admin.keys.includes('operator')) return server
  const { publicKey } = await operatorKey({
    address: server.address,
    configFile: join(homedir(), '.ssh', 'config'),
    env: process.env,
    log: (line) => io.report.say(line),
  })
  const keys = server.admin.keys.map((key) => (key === 'operator' ? publicKey : key))
  return { ...server, admin: { ...server.admin, keys } }
}

function originsOf({ artifacts }: Server, source: ArtifactSource): Context['origins'] {
  const origin = (name: ArtifactName): ArtifactOrigin => {
    const on = (architecture: 'amd64' | 'arm64') => ({
      text: () => source.origin(name, architecture),
      sha256: () => source.sha256(name, architecture),
    })
    return { version: artifacts[name].version, origin: { amd64: on('amd64'), arm64: on('arm64') } }
  }
  return { maddy: origin('maddy'), caddy: origin('caddy'), 'acme.sh': origin('acme.sh') }
}

/** A `playbooks/index.ts` beside the inventory's folder is used instead of ours. Throws ProvisionError when it exports no `server`. */
async function playbooksOf({ dir, embedded }: Inventory): Promise<typeof ourServer> {
  const theirs = resolve(dir, '..', 'playbooks', 'index.ts')
  const ours = new URL(`../../playbooks/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
  const file = !embedded && existsSync(theirs) ? pathToFileURL(theirs) : ours
  const module = (await import(file.href)) as { readonly server?: (server: Server, context: Context) => readonly Playbook[] }
  if (typeof module.server !== 'function')
    throw new ProvisionError(theirs, 'exports no function “server”', 'see the README: a playbook of your own')
  return module.server
}

const beside = ({ dir }: Inventory, name: string): string | undefined => {
  const path = join(dir, name)
  return existsSync(path) ? path : undefined
}
