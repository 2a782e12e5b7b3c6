import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ProvisionError } from '../errors.ts'
import { type Inventory, loadInventory } from '../inventory/inventory.ts'
import { reachedAt } from '../inventory/reach.ts'
import { emptyZonesOf } from '../rehearsal/internet/zones.ts'
import { writeInventory } from '../rehearsal/inventory.ts'
import type { Rehearsal } from '../rehearsal/open.ts'
import { againAsRoot } from '../rehearsal/platform.ts'
import { proofs } from '../rehearsal/proof/prove.ts'
import { findRehearsal, startRehearsal, stopRehearsal } from '../rehearsal/rehearsal.ts'
import type { Io } from '../session/io.ts'
import { seconds } from '../ui/report.ts'
import { giveRootPassword } from '../util/environment.ts'
import { root } from '../util/text.ts'
import { apply } from './plan/apply.ts'

/** What `provision rehearse` may be told. */
export interface RehearseOptions {
  readonly host?: string | undefined
  readonly inventory?: string | undefined
  /** Begin anew, with a new host. */
  readonly fresh?: boolean
  /** Leave everything as it is when something fails. */
  readonly keep?: boolean
  readonly stop?: boolean
  /** In a virtual machine, with a kernel of its own. It is a rehearsal beside the other. */
  readonly vm?: boolean
  readonly verbose?: boolean
  readonly debug?: boolean
}

/** A rehearsal's name is part of an interface's, which may have 15 letters. */
function named(inventory: Inventory, { vm = false }: RehearseOptions): string {
  const name = vm ? `vm-${inventory.name}` : inventory.name
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, 'r')
  return slug.length <= 12 ? slug : `${slug.slice(0, 7)}-${createHash('sha256').update(name).digest('hex').slice(0, 4)}`
}

/** The inventory that comes with us. */
const embedded = 'xoyize.xyz'

/**
 * Makes a disposable host (or goes on with the one that is there), provisions it over SSH from a root password, and sends a mail
 * through it. Returns the exit code. Throws ProvisionError when a proof fails; then the host goes, unless it is to be kept.
 */
export async function rehearse(options: RehearseOptions, io: Io): Promise<number> {
  const say = (line: string) => io.report.say(line)
  const asRoot = await againAsRoot()
  if (asRoot !== undefined) return asRoot
  const inventory = await chosen(options)
  if (options.stop) {
    await stopRehearsal(named(inventory, options))
    say(`the rehearsal of ${inventory.name} is gone`)
    return 0
  }
  if (options.fresh) await stopRehearsal(named(inventory, options))
  const began = performance.now()
  const there = findRehearsal(named(inventory, options), say)
  const rehearsal =
    there ??
    (await startRehearsal({
      name: named(inventory, options),
      vm: options.vm === true,
      mxname: inventory.server.mail.hostname,
      // As of whoever begins: the run publishes them.
      zones: emptyZonesOf(inventory.server),
      onProgress: say,
    }))
  try {
    if (there !== undefined) await there.start()
    const made = await writeInventory(inventory, rehearsal, say)
    giveRootPassword(rehearsal.rootPassword)
    const code = await provision(made, options, io)
    if (code !== 0) return code
    // Loaded again: the run has made up secrets since.
    await prove(rehearsal, await loadInventory(made.dir, made.name), say)
    say('a second run:')
    const second = await provision(made, options, io)
    const last = options.vm && second === 0 ? await afterReboot(rehearsal, made, options, io) : second
    say(`\nall of it took ${seconds(performance.now() - began)}. ${next(made, rehearsal, options)}`)
    return last
  } catch (error) {
    if (!options.keep && there === undefined) await stopRehearsal(named(inventory, options))
    throw error
  }
}

const provision = ({ name, dir }: Inventory, { verbose, debug }: RehearseOptions, io: Io): Promise<number> =>
  apply({ host: name, inventory: dir, verbose, debug, check: false, diff: false, yes: true, publish: true, only: undefined }, io)

/** Once more, from a cold start: what was only started, and would not start by itself, is gone. */
async function afterReboot({ host }: Rehearsal, made: Inventory, options: RehearseOptions, io: Io): Promise<number> {
  io.report.say('a reboot, and a run after it:')
  await host.reboot()
  return provision(made, options, io)
}

/** A rehearsal is of the inventory that is named, else of the one that comes with us. */
async function chosen({ host, inventory }: RehearseOptions): Promise<Inventory> {
  if (host !== undefined) return loadInventory(inventory, host)
  return loadInventory(inventory ?? fileURLToPath(new URL('inventory', root)), embedded)
}

async function prove(rehearsal: Rehearsal, { server, store }: Inventory, say: (line: string) => void): Promise<void> {
  await store.open()
  const password = (name: string): string => {
    const value = store.value(name)
    if (value === undefined) throw new ProvisionError(store.file, `has no ${name}`)
    return value
  }
  for (const { title, try: attempt } of proofs(rehearsal, server, password)) {
    const began = performance.now()
    try {
      say(`✓ ${title}: ${await attempt()} (${seconds(performance.now() - began)})`)
    } catch (error) {
      say(`✗ ${title}`)
      throw error instanceof ProvisionError
        ? error
        : new ProvisionError(title, error instanceof Error ? error.message : String(error))
    }
  }
}

const next = ({ name, dir, server }: Inventory, { directory }: Rehearsal, { vm }: RehearseOptions): string => `Go on with:
  provision --host ${name} --inventory ${dir} --check
  provision doctor --host ${name} --inventory ${dir}
  ssh -p ${server.ssh.port} -o UserKnownHostsFile=${join(directory, 'inventory', 'known_hosts')} ${server.admin.user}@${reachedAt(server)}
  provision secrets list --host ${name} --inventory ${dir}
  provision rehearse --host ${name} --stop${vm ? ' --vm' : ''}`
