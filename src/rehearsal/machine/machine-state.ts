import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Address } from '../network/network.ts'

/** What is kept of a machine, in machine.json of its directory. */
export interface MachineState {
  readonly name: string
  readonly container: string
  readonly address: Address
  readonly rootPassword: string
  readonly binds: readonly string[]
  /** The layers below what it writes, the topmost first. */
  readonly layers: readonly string[]
  readonly snapshots: Readonly<Record<string, readonly string[]>>
  /** Of a virtual machine: the namespace that its network link is in. */
  readonly vm?: string
}

/** Writes machine.json, at once or not at all. */
export function writeState(directory: string, state: MachineState): void {
  const file = join(directory, 'machine.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Reads it. */
export const readState = (directory: string): MachineState =>
  JSON.parse(readFileSync(join(directory, 'machine.json'), 'utf8')) as MachineState
