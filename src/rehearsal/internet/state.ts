import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, address, networkExists, operator, type RehearsalNetwork, reverseZones } from '../network/network.ts'
import { type Role, roleNumbers, type World, type Zone } from './service.ts'

/** What is kept of a rehearsal, in its rehearsal.json: written last, so it tells a whole one from a half made one. */
export interface State {
  readonly version: 1
  readonly network: RehearsalNetwork
  readonly world: World
  readonly rootPassword: string
}

/** Who is where. */
export interface Addresses {
  readonly host: Address
  readonly roles: Readonly<Record<Role, Address>>
  /** Where connections of this machine come from. */
  readonly operator: Address
}

/** The last number of the host's address. Others come after it. */
export const hostNumber = 10

/** A new rehearsal's names, addresses, keys and passwords. */
export function newState(
  network: RehearsalNetwork,
  mxname: string,
  zones: (addresses: Addresses) => readonly Zone[],
  trusted = false,
): State {
  const roles = Object.fromEntries(Object.entries(roleNumbers).map(([role, n]) => [role, address(network, n)])) as Record<
    Role,
    Address
  >
  const world: World = {
    host: address(network, hostNumber),
    mxname,
    addresses: roles,
    zones: [],
    tsig: { name: 'provision', algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') },
    reverse: reverseZones(network),
    trusted,
  }
  const rootPassword = randomBytes(12).toString('base64url')
  return { version: 1, network, world: { ...world, zones: zones(addressesOf({ network, world })) }, rootPassword }
}

/** The addresses of a rehearsal. */
export const addressesOf = ({ network, world }: Pick<State, 'network' | 'world'>): Addresses => ({
  host: world.host,
  roles: world.addresses,
  operator: operator(network),
})

/** The state of a rehearsal; undefined when there is none, when it is half made, and when this machine was started anew since. */
export function loadState(directory: string): State | undefined {
  const file = join(directory, 'rehearsal.json')
  const state = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as State) : undefined
  return state !== undefined && networkExists(state.network) ? state : undefined
}

/** Declares a rehearsal whole. */
export function saveState(directory: string, state: State): void {
  const file = join(directory, 'rehearsal.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
