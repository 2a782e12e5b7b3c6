import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { startAptCache } from './apt-daemon.ts'
import type { Image, Workshop } from './image.ts'
import { provider } from './images.ts'
import { makeInternet, roleNumbers, startInternet, writeBundle } from './internet.ts'
import { clearAway } from './leftovers.ts'
import { all } from './local.ts'
import { type Machine, openMachine } from './machine.ts'
import { makeMachine } from './make-machine.ts'
import { readMirror } from './mirror.ts'
import { address, makeNetwork, type Network, operator, reverseZones } from './network.ts'
import { checkName, rehearsalDirectory, rehearsalsDirectory } from './paths.ts'
import { preparePlatform } from './platform.ts'
import { internetDomain, type Role, type Tsig, type World, type Zone } from './service.ts'
import { aptPort } from './services/apt-relay.ts'
import { acmePorts } from './services/pebble.ts'

/** What a rehearsal is asked to be. */
export interface RehearsalPlan {
  readonly name: string
  /** What the addresses of the host resolve back to. */
  readonly mxname: string
  /** The domains that its DNS serves, once the addresses are known. A zone may be empty: SOA and NS are put before it. */
  readonly zones: (addresses: Addresses) => readonly Zone[]
  /** What the host is made of: `provider` unless a test wants another. No host at all when `null`. */
  readonly image?: Image | null
  readonly onProgress?: (text: string) => void
}

/** Who is where. */
export interface Addresses {
  readonly host: { readonly v4: string; readonly v6: string }
  readonly roles: World['addresses']
  /** Where connections of this machine come from. */
  readonly operator: { readonly v4: string; readonly v6: string }
}

/** A disposable Debian 12 and the small internet around it. */
export interface Rehearsal {
  readonly name: string
  /** Where it is kept: `~/.local/state/provision/rehearsals/NAME`. The caller may keep its inventory here. */
  readonly directory: string
  readonly addresses: Addresses
  /** The host to provision. */
  readonly host: Machine
  /** Everything around it, one machine with an address for each role. */
  readonly internet: Machine
  /** What hosts must trust to talk to the ACME server and to what it certifies: a PEM file on this machine. */
  readonly caBundle: string
  readonly acmeDirectory: string
  readonly dnsServer: string
  readonly tsig: Tsig
  readonly aptProxy: string
  readonly rootPassword: string
  /** Makes and boots one more host in the same network: for tests. */
  addHost(name: string, image: Image): Promise<Machine>
  /** Boots what is down, waits until all of it answers, and renews the bundle. */
  start(): Promise<void>
  /** Ends it and removes all of it. */
  stop(): Promise<void>
}

interface State {
  readonly version: 1
  readonly network: Network
  readonly world: World
  readonly rootPassword: string
}

/** Makes a rehearsal and boots it. What a dead one of that name left is cleared away first; a living one is an error. */
export async function startRehearsal(plan: RehearsalPlan): Promise<Rehearsal> {
  const { name, mxname, image = provider, onProgress = () => {} } = plan
  checkName(name)
  await preparePlatform(onProgress)
  const directory = rehearsalDirectory(name)
  if (existsSync(join(directory, 'rehearsal.json')))
    throw new ProvisionError(name, 'this rehearsal is there already', 'go on with it, or begin anew with --fresh')
  await clearAway(directory)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  try {
    const network = await makeNetwork(join(directory, 'network.json'))
    const rootPassword = randomBytes(12).toString('base64url')
    const world = worldOf(network, mxname, plan.zones)
    const workshop = await openWorkshop(directory, onProgress)
    const made = await all([
      makeInternet(
        workshop,
        { directory: machineDirectory(directory, 'internet'), network, rootPassword, aptCache: join(directory, 'apt') },
        world,
      ),
      ...(image === null
        ? []
        : [makeHost(directory, workshop, { name: 'host', image, network, world, rootPassword, number: hostNumber })]),
    ])
    onProgress(`booting ${made.map((machine) => machine.name).join(' and ')}`)
    const state: State = { version: 1, network, world, rootPassword }
    writeFileSync(join(directory, 'rehearsal.json.new'), `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
    const rehearsal = open(name, directory, state, onProgress)
    await rehearsal.start()
    renameSync(join(directory, 'rehearsal.json.new'), join(directory, 'rehearsal.json'))
    return rehearsal
  } catch (error) {
    await clearAway(directory)
    throw error
  }
}

/** A rehearsal that is there already, up or down (`start` boots what is down); undefined when there is none. */
export async function findRehearsal(name: string, onProgress: (text: string) => void = () => {}): Promise<Rehearsal | undefined> {
  const directory = rehearsalDirectory(name)
  const file = join(directory, 'rehearsal.json')
  if (!existsSync(file)) return undefined
  return open(name, directory, JSON.parse(readFileSync(file, 'utf8')) as State, onProgress)
}

/** Ends and removes a rehearsal, or what a dead one left. */
export async function stopRehearsal(name: string): Promise<void> {
  await clearAway(rehearsalDirectory(name))
}

/** The names of those that are there, whole or not. */
export function listRehearsals(): readonly string[] {
  const directory = rehearsalsDirectory()
  return existsSync(directory) ? readdirSync(directory) : []
}

const hostNumber = 10

const machineDirectory = (directory: string, machine: string): string => join(directory, 'machines', machine)

function open(name: string, directory: string, state: State, onProgress: (text: string) => void): Rehearsal {
  const { network, world, rootPassword } = state
  const internet = openMachine(machineDirectory(directory, 'internet'))
  const caBundle = join(directory, 'ca.pem')
  const machines = () => readdirSync(join(directory, 'machines')).map((one) => openMachine(machineDirectory(directory, one)))
  return {
    name,
    directory,
    addresses: addressesOf(network, world),
    get host() {
      return openMachine(machineDirectory(directory, 'host'))
    },
    internet,
    caBundle,
    acmeDirectory: `https://acme.${internetDomain}:${acmePorts.directory}/dir`,
    dnsServer: world.addresses.dns.v4,
    tsig: world.tsig,
    aptProxy: `http://${world.addresses.apt.v4}:${aptPort}`,
    rootPassword,
    addHost: async (machine, image) => {
      checkName(machine)
      const number = hostNumber + machines().length
      const made = await makeHost(directory, await openWorkshop(directory, onProgress), {
        name: machine,
        image,
        network,
        world,
        rootPassword,
        number,
      })
      await made.start()
      return made
    },
    start: async () => {
      await startAptCache(directory, await readMirror())
      const others = machines().filter((machine) => machine.name !== 'internet')
      await all([startInternet(internet, world), ...others.map((machine) => machine.start())])
      await writeBundle(internet, world, caBundle)
    },
    stop: () => clearAway(directory),
  }
}

interface HostPlan {
  readonly name: string
  readonly image: Image
  readonly network: Network
  readonly world: World
  readonly rootPassword: string
  readonly number: number
}

const makeHost = (
  directory: string,
  workshop: Workshop,
  { name, image, network, world, rootPassword, number }: HostPlan,
): Promise<Machine> =>
  makeMachine(machineDirectory(directory, name), workshop, {
    name,
    image,
    network,
    numbers: [number],
    hostname: `vps-${number}.provider.example`,
    resolver: world.addresses.dns.v4,
    rootPassword,
  })

async function openWorkshop(directory: string, onProgress: (text: string) => void): Promise<Workshop> {
  const mirror = await readMirror()
  return { mirror, proxy: await startAptCache(directory, mirror), onProgress }
}

function worldOf(network: Network, mxname: string, zones: RehearsalPlan['zones']): World {
  const roles = Object.fromEntries(Object.entries(roleNumbers).map(([role, n]) => [role, address(network, n)])) as Record<
    Role,
    ReturnType<typeof address>
  >
  const tsig: Tsig = { name: 'provision', algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') }
  const world: World = {
    host: address(network, hostNumber),
    mxname,
    addresses: roles,
    zones: [],
    tsig,
    reverse: reverseZones(network),
  }
  return { ...world, zones: zones(addressesOf(network, world)) }
}

const addressesOf = (network: Network, { host, addresses }: World): Addresses => ({
  host,
  roles: addresses,
  operator: operator(network),
})
