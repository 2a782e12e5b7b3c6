import { homedir } from 'node:os'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'

/** `~/.cache/provision`: bases, layers and Debian's packages. May be deleted. */
export const cacheDirectory = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'provision')

/** `~/.local/state/provision/rehearsals`: one directory a rehearsal. */
export const rehearsalsDirectory = (): string =>
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'provision', 'rehearsals')

/** The directory of one rehearsal. Throws ProvisionError for a name that could not be part of a path or a link. */
export function rehearsalDirectory(name: string): string {
  checkName(name)
  return join(rehearsalsDirectory(), name)
}

/** Where a machine of a rehearsal is kept. */
export const machineDirectory = (rehearsal: string, machine: string): string => join(rehearsal, 'machines', machine)

/** Throws ProvisionError unless this can name a rehearsal or a machine: it becomes a directory, a host name and a link. */
export function checkName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(name))
    throw new ProvisionError('rehearsal', `“${name}” cannot be a name here: a letter, then up to 11 letters, digits or -`)
}
