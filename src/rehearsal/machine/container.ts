import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountOverlay, unmountBelow } from '../image/overlay.ts'
import { until, type Wait } from '../local.ts'
import { childOf, endProcess, kill, programOf, runningPid, startDetached } from '../processes.ts'
import { boot, processesOf, removeTraces } from './nspawn.ts'

/** A booted root below a directory of its own: upper, work, root, console.log, container.pid. */
export interface Container {
  readonly directory: string
  /** Its name outside, unique on this machine: of its cgroup, its nspawn machine and its network namespace. */
  readonly name: string
  readonly binds: readonly string[]
}

/** Mounts it and lets it boot; does not wait for that. */
export async function bootContainer({ directory, name, binds }: Container, layers: readonly string[]): Promise<void> {
  const root = await mountOverlay(directory, layers)
  const command = boot({ cgroup: name, root, machine: name, network: name, binds })
  await startDetached({ pidFile: join(directory, 'container.pid'), log: join(directory, 'console.log'), command })
}

/** The pid of its init, once that is systemd. */
export function initOf({ directory }: Container): number | undefined {
  const nspawn = nspawnOf(directory)
  const init = nspawn === undefined ? undefined : childOf(nspawn)
  return init !== undefined && programOf(init) === 'systemd' ? init : undefined
}

/** Whether anything of it runs. */
export const isUp = ({ directory }: Container): boolean => runningPid(join(directory, 'container.pid')) !== undefined

/** A clean shutdown. Throws ProvisionError when it takes longer than 60 s. */
export async function shutDown(container: Container): Promise<void> {
  const nspawn = nspawnOf(container.directory)
  if (nspawn !== undefined) kill(nspawn, 'SIGTERM')
  await until(waitFor(container, 'its shutdown', 60_000), () => (isUp(container) ? undefined : true))
  await cleanUp(container)
}

/** What pulling the plug does. Also takes away what a dead run left. */
export async function cutOff(container: Container): Promise<void> {
  await endProcess(join(container.directory, 'container.pid'), { signal: 'SIGKILL', group: true })
  await until(waitFor(container, 'the end of its processes', 60_000), () => {
    const left = processesOf(container.name)
    for (const pid of left) kill(pid, 'SIGKILL')
    return left.length === 0 ? true : undefined
  })
  await cleanUp(container)
}

/** The wait for something in a container, with the end of its console as evidence. */
export const waitFor = ({ directory, name }: Container, what: string, limit: number): Wait => ({
  where: name,
  what,
  limit,
  evidence: () => readFileSync(join(directory, 'console.log'), 'utf8'),
})

async function cleanUp({ directory, name }: Container): Promise<void> {
  await unmountBelow(directory)
  await removeTraces(name)
}

function nspawnOf(directory: string): number | undefined {
  const supervisor = runningPid(join(directory, 'container.pid'))
  return supervisor === undefined ? undefined : childOf(supervisor)
}
