import type { Resource } from '../engine/kind.ts'
import type { Playbook } from '../engine/step.ts'
import type { Server } from '../inventory/inventory.ts'
import { runningUnits } from '../kinds/system/service.ts'
import type { Sh } from '../sh.ts'
import { CouldNotLook } from './could-not-look.ts'
import type { OutsideDns } from './dns.ts'

/** The server that is looked at, and the ways to look. */
export interface Patient {
  readonly server: Server
  /** What the inventory declares, step by step. */
  readonly playbooks: readonly Playbook[]
  readonly dns: OutsideDns
  /** The resolver that is asked; this machine's own when left out. */
  readonly resolver: string | undefined
  /** The CAs that a stranger trusts, and the inventory's own one: PEM. */
  readonly trusted: readonly string[]
  /** What a script prints on the host, as root. Throws CouldNotLook when there is no login, or when it fails. */
  on(script: Sh): Promise<string>
  /** The value of a secret. Throws CouldNotLook when it is not known here. */
  secret(name: string): string
}

/** One of the server's addresses, and how a person says which. */
export interface Place {
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
}

/** The addresses that the inventory declares. */
export const addressesToCheck = ({ address, address6 }: Server): readonly Place[] => [
  ...(address === undefined ? [] : [{ address, family: 'IPv4' } as const]),
  ...(address6 === undefined ? [] : [{ address: address6, family: 'IPv6' } as const]),
]

/** What the playbooks declare of one kind. */
export const declared = <Desired>(patient: Pick<Patient, 'playbooks'>, kind: string): readonly Desired[] =>
  resources(patient)
    .filter((resource) => resource.kind.name === kind)
    .map(({ desired }) => desired as Desired)

/** The units that shall run. */
export const declaredUnits = (patient: Pick<Patient, 'playbooks'>): readonly string[] => runningUnits(resources(patient))

const resources = ({ playbooks }: Pick<Patient, 'playbooks'>): readonly Resource[] =>
  playbooks.flatMap(({ steps }) => steps.flatMap((step) => step.resources))

/** Values by name, of a script that prints `name value` lines. Throws CouldNotLook for a name that was not printed. */
export function facts(output: string): (name: string) => string {
  const all = new Map([...output.matchAll(/^(\S+) ?(.*)$/gm)].map(([, name, value]) => [name!, value!]))
  return (name) => {
    const value = all.get(name)
    if (value === undefined) throw new CouldNotLook(`the host said nothing about ${name}`)
    return value
  }
}
