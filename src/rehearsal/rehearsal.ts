import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import type { Image } from './image/image.ts'
import { provider } from './image/images.ts'
import { makeHost, openWorkshop } from './internet/hosts.ts'
import { makeInternet } from './internet/internet.ts'
import type { Zone } from './internet/service.ts'
import { type Addresses, loadState, newState, saveState } from './internet/state.ts'
import { all } from './local.ts'
import { locked } from './lock.ts'
import { clearAway } from './machine/leftovers.ts'
import { makeNetwork } from './network/network.ts'
import { openRehearsal, type Rehearsal } from './open.ts'
import { rehearsalDirectory, rehearsalsDirectory } from './paths.ts'
import { prepareEmulator, preparePlatform } from './platform.ts'

/** What a rehearsal is asked to be. */
export interface RehearsalPlan {
  readonly name: string
  /** What the addresses of the host resolve back to. */
  readonly mxname: string
  /** The domains that its DNS serves, once the addresses are known. A zone may be empty: SOA and NS are put before it. */
  readonly zones: (addresses: Addresses) => readonly Zone[]
  /** What the host is made of: `provider` unless a test wants another; `null` for no host at all. */
  readonly image?: Image | null
  /** The host is a virtual machine, with a kernel of its own. */
  readonly vm?: boolean
  /** Hosts trust the root of its DNS; for rehearsals that are begun without a host. */
  readonly trusted?: boolean
  readonly onProgress?: (text: string) => void
}

/**
 * Makes a rehearsal and boots it: seconds when its images are cached. What a dead one of that name left is cleared away first.
 * Throws ProvisionError when there is a whole one, and when something did not come up; then nothing is left of it.
 */
export async function startRehearsal({
  name,
  mxname,
  zones,
  image = provider,
  vm = false,
  trusted = false,
  onProgress = () => {},
}: RehearsalPlan): Promise<Rehearsal> {
  const directory = rehearsalDirectory(name)
  await preparePlatform(onProgress)
  if (vm) await prepareEmulator(onProgress)
  return locked(lockOf(name), async () => {
    if (loadState(directory) !== undefined)
      throw new ProvisionError(name, 'this rehearsal is there already', 'go on with it, or begin anew with --fresh')
    await clearAway(directory)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    try {
      const state = newState(await makeNetwork(join(directory, 'network.json')), mxname, zones, trusted)
      const workshop = await openWorkshop(directory, onProgress)
      await all([
        makeInternet(workshop, directory, state),
        ...(image === null ? [] : [makeHost(directory, workshop, state, 'host', image, vm)]),
      ])
      onProgress('booting the host and the small internet around it')
      const rehearsal = openRehearsal(name, directory, state, onProgress)
      await rehearsal.start()
      saveState(directory, state)
      return rehearsal
    } catch (error) {
      await clearAway(directory)
      throw error
    }
  })
}

/** A rehearsal that is there already, up or down (`start` boots what is down); undefined when there is none. */
export function findRehearsal(name: string, onProgress: (text: string) => void = () => {}): Rehearsal | undefined {
  const directory = rehearsalDirectory(name)
  const state = loadState(directory)
  return state === undefined ? undefined : openRehearsal(name, directory, state, onProgress)
}

/** Ends and removes a rehearsal, or what a dead one left. Nothing happens when there is none. */
export async function stopRehearsal(name: string): Promise<void> {
  const directory = rehearsalDirectory(name)
  if (!existsSync(directory)) return
  await locked(lockOf(name), () => clearAway(directory))
}

/** The names of those that are there, whole or not. */
export function listRehearsals(): readonly string[] {
  const directory = rehearsalsDirectory()
  const entries = existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : []
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** Not beside the directory: it outlives that. */
const lockOf = (name: string): string => `/run/lock/provision-rehearsal-${name}`
