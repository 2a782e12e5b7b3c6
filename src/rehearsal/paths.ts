import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import { cacheFolder, stateFolder } from '../util/environment.ts'

/** `~/.cache/provision`: bases, layers and Debian's packages. May be deleted. */
export const cacheDirectory = (): string => cacheFolder()

/** `~/.local/state/provision/rehearsals`: one directory a rehearsal. */
export const rehearsalsDirectory = (): string => stateFolder('rehearsals')

/** The directory of one rehearsal. Throws ProvisionError for a name that could not be a directory's. */
export function rehearsalDirectory(name: string): string {
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(name))
    throw new ProvisionError('rehearsal', `“${name}” cannot be its name: up to 63 lower-case letters, digits, dots and -`)
  return join(rehearsalsDirectory(), name)
}

/** Where a machine of a rehearsal is kept. */
export const machineDirectory = (rehearsal: string, machine: string): string => join(rehearsal, 'machines', machine)

/** Throws ProvisionError unless this can name a machine: it becomes part of its link's name, which has room for 15. */
export function checkMachineName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(name) || ['lo', 'machines', 'operator'].includes(name))
    throw new ProvisionError('rehearsal', `“${name}” cannot name a machine: a letter, then up to 11 letters, digits or -`)
}
