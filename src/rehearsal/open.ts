import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAptCache } from './image/apt-daemon.ts'
import type { Image } from './image/image.ts'
import { readMirror } from './image/mirror.ts'
import { machineNames, makeHost, openWorkshop } from './internet/hosts.ts'
import { startInternet, writeBundle } from './internet/internet.ts'
import { type OvhService, startOvh } from './internet/ovh-daemon.ts'
import { internetDomain, type Tsig } from './internet/service.ts'
import { aptPort } from './internet/services/apt-relay.ts'
import { ntfyTokenFile, ntfyUrl } from './internet/services/ntfy.ts'
import { acmePorts } from './internet/services/pebble.ts'
import { type Addresses, addressesOf, type State } from './internet/state.ts'
import { type StorageBox, storageBox } from './internet/storage-box.ts'
import { all } from './local.ts'
import { clearAway, removeMachine } from './machine/leftovers.ts'
import type { Machine } from './machine/machine.ts'
import { openMachine } from './machine/open-machine.ts'
import { machineDirectory } from './paths.ts'
import { prepareEmulator } from './platform.ts'

/** A disposable Debian 12 and the small internet around it. */
export interface Rehearsal {
  readonly name: string
  /** Where it is kept: `~/.local/state/provision/rehearsals/NAME`. What the caller puts here goes with it. */
  readonly directory: string
  readonly addresses: Addresses
  /** The host to provision. */
  readonly host: Machine
  /** Everything around it: one machine, with an address for each role. */
  readonly internet: Machine
  /** What hosts must trust to talk to the ACME server and to what it certifies: a PEM file on this machine. */
  readonly caBundle: string
  readonly acmeDirectory: string
  readonly dnsServer: string
  readonly tsig: Tsig
  /** Where hosts tell what an operator should hear, and the token that lets them. */
  readonly ntfy: { readonly url: string; readonly token: string }
  /** Where backups go. */
  readonly storage: StorageBox
  /** The proxy for the hosts' apt. They have no other way to a package. */
  readonly aptProxy: string
  readonly rootPassword: string
  /** OVH’s API for the zones of its BIND: started when it is first asked for. */
  ovh(): Promise<OvhService>
  /** Makes and boots one more host in the same network: for tests. */
  addHost(name: string, image: Image, vm?: boolean): Promise<Machine>
  /** Ends and removes a host that was added. */
  removeHost(name: string): Promise<void>
  /** Boots what is down, waits until all of it answers, and renews the bundle. */
  start(): Promise<void>
  /** Ends it and removes all of it. */
  stop(): Promise<void>
}

/** The rehearsal that lives in a directory. */
export function openRehearsal(name: string, directory: string, state: State, onProgress: (text: string) => void): Rehearsal {
  const { network, world, rootPassword } = state
  const machine = (one: string) => openMachine(machineDirectory(directory, one))
  const caBundle = join(directory, 'ca.pem')
  return {
    name,
    directory,
    addresses: addressesOf(state),
    get host() {
      return machine('host')
    },
    internet: machine('internet'),
    caBundle,
    acmeDirectory: `https://acme.${internetDomain}:${acmePorts.directory}/dir`,
    dnsServer: world.addresses.dns.v4,
    tsig: world.tsig,
    storage: storageBox(machine('internet'), world.addresses.borg.v4),
    get ntfy() {
      return {
        url: ntfyUrl(world.addresses.ntfy.v4),
        token: readFileSync(join(machine('internet').root, ntfyTokenFile), 'utf8').trim(),
      }
    },
    aptProxy: `http://${world.addresses.apt.v4}:${aptPort}`,
    rootPassword,

    ovh: () => {
      const names = world.zones.map(({ name: zone }) => zone)
      const own = names.find((zone) => world.mxname.endsWith(`.${zone}`)) ?? world.mxname
      return startOvh(directory, state, machine('internet'), names, own)
    },
    addHost: async (one, image, vm = false) => {
      if (vm) await prepareEmulator(onProgress)
      const made = await makeHost(directory, await openWorkshop(directory, onProgress), state, one, image, vm)
      await made.start()
      return made
    },
    removeHost: (one) => removeMachine(network, machineDirectory(directory, one), one),

    start: async () => {
      await startAptCache(directory, await readMirror())
      const others = machineNames(directory).filter((one) => one !== 'internet')
      await all([startInternet(machine('internet'), world), ...others.map((one) => machine(one).start())])
      await writeBundle(machine('internet'), world, caBundle)
    },
    stop: () => clearAway(directory),
  }
}
