import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { aptPidFile } from '../image/apt-daemon.ts'
import { unmountBelow } from '../image/overlay.ts'
import { ovhPidFile } from '../internet/ovh-daemon.ts'
import { all } from '../local.ts'
import { namespaceOf, type RehearsalNetwork, removeNetwork, unplug } from '../network/network.ts'
import { endProcess } from '../processes.ts'
import { cutOff } from './container.ts'

/** Ends and removes what there is of a rehearsal, whole or half made: processes, mounts, links, then its directory. */
export async function clearAway(directory: string): Promise<void> {
  if (!existsSync(directory)) return
  const network = networkOf(directory)
  const machines = join(directory, 'machines')
  const names = existsSync(machines) ? readdirSync(machines) : []
  if (network !== undefined) await all(names.map((name) => removeMachine(network, join(machines, name), name)))
  for (const pidFile of [aptPidFile(directory), ovhPidFile(directory)]) await endProcess(pidFile, { signal: 'SIGKILL' })
  await unmountBelow(directory)
  if (network !== undefined) await removeNetwork(network)
  rmSync(directory, { recursive: true, force: true })
}

/** Ends and removes one machine, whole or half made. */
export async function removeMachine(network: RehearsalNetwork, directory: string, name: string): Promise<void> {
  await cutOff({ directory, name: namespaceOf(network, name), binds: [] })
  await unplug(network, name)
  rmSync(directory, { recursive: true, force: true })
}

function networkOf(directory: string): RehearsalNetwork | undefined {
  const file = join(directory, 'network.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RehearsalNetwork) : undefined
}
