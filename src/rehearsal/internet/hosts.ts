import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { sh } from '../../sh.ts'
import { startAptCache } from '../image/apt-daemon.ts'
import type { Image, Workshop } from '../image/image.ts'
import { readMirror } from '../image/mirror.ts'
import { removeMachine } from '../machine/leftovers.ts'
import type { Machine } from '../machine/machine.ts'
import { type MachinePlan, makeMachine } from '../machine/make-machine.ts'
import { checkMachineName, machineDirectory } from '../paths.ts'
import { rootHints, rootKeyFile } from './services/bind.ts'
import { hostNumber, type State } from './state.ts'

/** Makes a host in a rehearsal's network, as a provider would deliver it; not booted yet. A half made one is taken away. */
export async function makeHost(
  rehearsal: string,
  workshop: Workshop,
  { network, world, rootPassword }: State,
  name: string,
  image: Image,
  vm = false,
): Promise<Machine> {
  const directory = machineDirectory(rehearsal, name)
  const number = reserve(rehearsal, name)
  try {
    return await makeMachine(directory, workshop, {
      name,
      image,
      vm,
      network,
      numbers: [number],
      hostname: `vps-${number}.provider.example`,
      resolver: world.addresses.dns.v4,
      rootPassword,
      ...(world.trusted ? trust(rehearsal, world) : {}),
    })
  } catch (error) {
    await removeMachine(network, directory, name)
    throw error
  }
}

/** What a host has to know of this rehearsal's root, instead of the real one's. Debian's own package leaves it so. */
function trust(rehearsal: string, world: State['world']): Pick<MachinePlan, 'files' | 'prepare'> {
  const key = readFileSync(join(machineDirectory(rehearsal, 'internet'), 'upper', rootKeyFile), 'utf8')
  const names = ['root.key', 'root.hints'].map((name) => `/usr/share/dns/${name}`)
  return {
    files: { [names[0]!]: key, [names[1]!]: rootHints(world) },
    prepare: sh`
for file in ${names}; do dpkg-divert --quiet --local --no-rename --divert "$file.debian" --add "$file"; done`,
  }
}

/** What images are built with: this machine's mirror, through the rehearsal's cache. */
export async function openWorkshop(rehearsal: string, onProgress: (text: string) => void): Promise<Workshop> {
  const mirror = await readMirror()
  return { mirror, proxy: await startAptCache(rehearsal, mirror), onProgress }
}

/** The machines of a rehearsal, by name. */
export function machineNames(rehearsal: string): readonly string[] {
  const machines = join(rehearsal, 'machines')
  return existsSync(machines) ? readdirSync(machines) : []
}

/** An address for a machine that nobody has, kept at once: others may be made at the same time. */
function reserve(rehearsal: string, name: string): number {
  checkMachineName(name)
  const directory = machineDirectory(rehearsal, name)
  if (existsSync(directory)) throw new ProvisionError(name, 'there is a machine of that name already')
  const taken = machineNames(rehearsal).map((other) => {
    const file = join(machineDirectory(rehearsal, other), 'number')
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  })
  const first = name === 'host' ? hostNumber : hostNumber + 1
  const number = Array.from({ length: 80 }, (_, i) => first + i).find((n) => !taken.includes(n))
  if (number === undefined) throw new ProvisionError(name, 'a rehearsal has room for 80 hosts')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(join(directory, 'number'), `${number}\n`)
  return number
}
