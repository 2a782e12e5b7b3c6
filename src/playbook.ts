/**
 * What a playbook or a kind of one's own imports, as `import { file, playbook, step } from 'provision'`: from a clone and from the
 * installed package alike. It is all that is public; any other file may move.
 *
 * @example
 * import { type Context, file, playbook, server as ours, type Server, step } from 'provision'
 *
 * export const server = (s: Server, context: Context) => [
 *   ...ours(s, context),
 *   playbook('greeting', [step('Greet', [file({ path: '/etc/issue.net', content: `this is ${s.hostname}\n` })])]),
 * ]
 */

export { type Context, server } from '../playbooks/index.ts'
export type { Server } from './inventory.ts'
export { type Change, changedFields, type Kind, type Resource } from './kind.ts'
export { type ArchiveKey, archiveKey } from './kinds/archive-key.ts'
export { type AuthorizedKeys, authorizedKeys } from './kinds/authorized-keys.ts'
export { type BasicAuth, basicAuth } from './kinds/basic-auth.ts'
export { type Database, database } from './kinds/database.ts'
export { type Directory, directory } from './kinds/directory.ts'
export { type File, file } from './kinds/file.ts'
export { type Group, group } from './kinds/group.ts'
export { type Hostname, hostname } from './kinds/hostname.ts'
export { type Locales, locales } from './kinds/locales.ts'
export { type NftTable, nftTable } from './kinds/nft-table.ts'
export { type Packages, packages } from './kinds/packages.ts'
export { type Password, password } from './kinds/password.ts'
export { type Service, service } from './kinds/service.ts'
export { type TimeZone, timeZone } from './kinds/time-zone.ts'
export { type UfwRule, type UfwRules, ufwRules } from './kinds/ufw-rules.ts'
export { type User, user } from './kinds/user.ts'
export { defineOwnKind as defineKind } from './own/kind.ts'
export { Secret, secretText } from './secret.ts'
export { lines, type Sh, sh } from './sh.ts'
export { buildingOn, type Guard, guardedStep, type Item, type Playbook, playbook, type Step, step } from './step.ts'
