import { homedir } from 'node:os'
import { join } from 'node:path'

/** The variables that provision itself goes by; ssh and the programs that it starts have their own. */
export type Setting =
  | 'EDITOR'
  | 'PROVISION_IDENTITY'
  | 'PROVISION_INVENTORY'
  | 'PROVISION_MIRROR'
  | 'PROVISION_ROOT_PASSWORD'
  | 'SSH_CONNECTION'
  | 'TERM'
  | 'VISUAL'

/** What a variable says; undefined where it is missing or empty. */
export const setting = (name: Setting): string | undefined => process.env[name] || undefined

/**
 * This process's own environment, for a login: it takes the passwords out of it once it has read them, so that no program which is
 * started later has them.
 */
export const ownEnvironment: NodeJS.ProcessEnv = process.env

/** A copy of it with these variables, for a program that is started or for one host of several. */
export const environmentWith = (more: Readonly<NodeJS.ProcessEnv> = {}): NodeJS.ProcessEnv => ({ ...process.env, ...more })

/** Gives the next login this root password, as PROVISION_ROOT_PASSWORD would. */
export function giveRootPassword(password: string): void {
  process.env.PROVISION_ROOT_PASSWORD = password
}

/** Takes root's and sudo's password out of the environment. */
export function takePasswords(): void {
  delete process.env.PROVISION_ROOT_PASSWORD
  delete process.env.PROVISION_SUDO_PASSWORD
}

/** A folder of provision on this machine, by the XDG Base Directory Specification 0.8. */
const folder =
  (variable: 'XDG_CACHE_HOME' | 'XDG_CONFIG_HOME' | 'XDG_STATE_HOME', otherwise: string) =>
  (...below: readonly string[]): string =>
    join(process.env[variable] || join(homedir(), otherwise), 'provision', ...below)

/** What may be deleted at any time: downloads, builds, images. */
export const cacheFolder = folder('XDG_CACHE_HOME', '.cache')

/** What an operator keeps: the identity that opens the secrets. */
export const configFolder = folder('XDG_CONFIG_HOME', '.config')

/** What is remembered between runs: rehearsals, what the doctor saw. */
export const stateFolder = folder('XDG_STATE_HOME', join('.local', 'state'))
