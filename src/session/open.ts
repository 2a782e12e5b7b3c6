import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Context, isReference, server as ourServer } from '../../playbooks/index.ts'
import type { ArtifactName, ArtifactSource } from '../artifacts/artifacts.ts'
import { knowing } from '../engine/declared.ts'
import type { Artifact } from '../engine/kind.ts'
import { type Plan, select } from '../engine/plan.ts'
import type { Playbook, Step } from '../engine/step.ts'
import { ProvisionError } from '../errors.ts'
import { type Inventory, loadInventory } from '../inventory/load.ts'
import { reachIn, reachOf } from '../inventory/reach.ts'
import type { Server } from '../inventory/schema/shape.ts'
import type { ArtifactOrigin } from '../kinds/packages/artifact.ts'
import { secretsIn } from '../secret.ts'
import type { Connection, RootSecret } from '../ssh/options.ts'
import { turn } from '../util/turn.ts'
import { type Arrival, arrival } from './arrival.ts'
import { borrowedLogins } from './borrowed.ts'
import type { Io } from './io.ts'
import type { OpenOptions } from './open-options.ts'

/** A host with its inventory, its playbooks and a login. */
export interface Opened {
  /** What it is called in all that is said: the name of its inventory. */
  readonly host: string
  readonly server: Server
  readonly store: Inventory['store']
  readonly playbooks: readonly Playbook[]
  readonly connection: Connection
  /** Throws ProvisionError for what cannot work, in playbooks of an operator's own, on a host that was read. */
  readonly refuseMistakes: (seen: Plan) => Promise<void>
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
  const server = withKey ? await withKeys(inventory, arrival(options, io)) : inventory.server
  return { inventory, server, ...(await prepare(inventory, server, options, io)) }
}

/** Everything a command needs of a host. Throws ProvisionError and ConnectionError. */
export async function open(options: OpenOptions, io: Io): Promise<Opened> {
  const say = (line: string) => io.report.say(line)
  const all = borrowedLogins(options.verbose ? say : undefined)
  const arriving = arrival(options, io)
  try {
    const inventory = await loadInventory(options.inventory, options.host, async (dir, raw) => {
      const there = reachIn(raw)
      if (there !== undefined) await arriving.begin(dir, there)
    })
    const server = await withKeys(inventory, arriving)
    const { artifacts, playbooks, said, refuseMistakes } = await prepare(inventory, server, options, io)
    const { store, dir, name } = inventory
    await turn()
    if (secretsIn(select(playbooks, options.only)).length > 0) await store.open()
    return {
      host: name,
      server,
      store,
      playbooks,
      refuseMistakes,
      connection: all.add(await arriving.arrive(dir, reachOf(inventory.server), rootSecretOf(inventory, options, io))),
      secrets: {
        open: async (steps) => {
          if (secretsIn(steps).length > 0) await store.open()
        },
        ensure: async (steps) => {
          const made = await store.ensure(secretsIn(steps), say)
          if (made.length > 0) say(`made up and stored in ${store.file}: ${made.join(' ')}`)
        },
      },
      obtain: (artifact, architecture, tell) => {
        said.now = tell
        return artifacts.obtain(artifact.name as ArtifactName, architecture)
      },
      close: () => all.close(),
    }
  } catch (error) {
    arriving.giveUp(error)
    throw error
  }
}

/** Root's password of the secrets, for a mailed one that has expired: the host runs nothing until it is changed. */
function rootSecretOf({ server, store, name }: Inventory, { corrects, yes }: OpenOptions, io: Io): RootSecret {
  const { password } = server.root
  // Another try at a login that fails anyway: a store that cannot be opened is reported where it is needed.
  const stored = () =>
    store
      .open()
      .then(() => store.value(password.name))
      .catch(() => undefined)
  const make = async () => {
    const question = `The password of root at ${name} has expired, and nothing runs there before it is changed. Set it to ${password.name} of the secrets?`
    if (yes !== true && !(await io.ask?.confirm(question)))
      throw new ProvisionError(
        name,
        'the password of root has expired, and was not changed',
        '--yes changes it without a question',
      )
    await store.ensure([password], io.report.say)
    return { name: password.name, value: store.value(password.name)! }
  }
  return { stored, ...(corrects ? { make } : {}) }
}

async function withKeys({ server }: Inventory, { keys }: Arrival): Promise<Server> {
  return { ...server, admin: { ...server.admin, keys: [...(await keys(reachOf(server)))] } }
}

/** What follows from an inventory on this machine: the programs that it pins, and its playbooks. */
async function prepare(
  inventory: Inventory,
  declared: Server,
  { prune = false, reboot = false, pins = {} }: OpenOptions,
  io: Io,
) {
  const server = { ...declared, artifacts: pinned(declared.artifacts, pins) }
  const said: { now: (line: string) => void } = { now: (line) => io.report.say(line) }
  const log = (line: string) => said.now(line)
  await turn()
  const { artifactSource, openLock } = await import('../artifacts/artifacts.ts')
  const lock = await openLock(inventory.dir, { embedded: inventory.embedded, log })
  const artifacts = artifactSource(server.artifacts, { lock, log })
  await turn()
  const context = { prune, reboot, origins: originsOf(server, artifacts) }
  const { all, refuseMistakes } = await playbooksOf(inventory, server, context, io.report.say)
  const playbooks = knowing(all, prune)
  return { artifacts, playbooks, said, refuseMistakes }
}

const pinned = (artifacts: Server['artifacts'], pins: NonNullable<OpenOptions['pins']>): Server['artifacts'] =>
  Object.entries(pins).reduce<Server['artifacts']>(
    (all, [name, version]) => ({ ...all, [name]: { ...all[name as ArtifactName], version } }),
    artifacts,
  )

function originsOf({ artifacts }: Server, source: ArtifactSource): Context['origins'] {
  const origin = (name: ArtifactName): ArtifactOrigin => {
    const on = (architecture: 'amd64' | 'arm64') => ({
      text: () => source.origin(name, architecture),
      sha256: () => source.sha256(name, architecture),
    })
    return {
      version: artifacts[name].version,
      origin: { amd64: on('amd64'), arm64: on('arm64') },
      lacks: source.lacks(name),
    }
  }
  return { maddy: origin('maddy'), caddy: origin('caddy'), nebula: origin('nebula'), 'acme.sh': origin('acme.sh') }
}

/** What is declared, and what finds mistakes in it once a host was read. */
interface Declaration {
  readonly all: readonly Playbook[]
  readonly refuseMistakes: Opened['refuseMistakes']
}

/** By a `playbooks/index.ts` beside the inventory's folder, else by ours. Throws ProvisionError for what is wrong in theirs. */
async function playbooksOf(
  { dir, embedded }: Inventory,
  server: Server,
  context: Context,
  say: (line: string) => void,
): Promise<Declaration> {
  const theirs = resolve(dir, '..', 'playbooks', 'index.ts')
  const ours = new URL(`../../playbooks/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
  const isTheirs = !embedded && existsSync(theirs) && pathToFileURL(realpathSync(theirs)).href !== ours.href
  const reference = (await import(ours.href)) as { readonly server: typeof ourServer; readonly isReference: typeof isReference }
  await turn()
  if (!isTheirs) return { all: reference.server(server, context), refuseMistakes: async () => undefined }
  const all = await (await import('../own/load.ts')).ownPlaybooks(theirs, server, context, say)
  return {
    all,
    refuseMistakes: async (seen) => {
      const steps = all.flatMap((one) => one.steps)
      await (await import('../own/corrections.ts')).refuseMistakes(
        seen,
        steps,
        ({ id }) => !reference.isReference(id.split('/')[0]!),
      )
    },
  }
}
