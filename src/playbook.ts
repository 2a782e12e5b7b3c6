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
export { type Change, changedFields, type Kind, type Resource } from './engine/kind.ts'
export { buildingOn, type Guard, guardedStep, type Item, type Playbook, playbook, type Step, step } from './engine/step.ts'
export type { Server } from './inventory/inventory.ts'
export { type AuthorizedKeys, authorizedKeys } from './kinds/access/authorized-keys.ts'
export { type Group, group } from './kinds/access/group.ts'
export { type Password, password } from './kinds/access/password.ts'
export { type User, user } from './kinds/access/user.ts'
export { type BasicAuth, basicAuth } from './kinds/data/basic-auth.ts'
export { type Database, database } from './kinds/data/database.ts'
export { type Directory, directory } from './kinds/files/directory.ts'
export { type File, file } from './kinds/files/file.ts'
export { type NftTable, nftTable } from './kinds/network/nft-table.ts'
export { type UfwRule, type UfwRules, ufwRules } from './kinds/network/ufw-rules.ts'
export { type ArchiveKey, archiveKey } from './kinds/packages/archive-key.ts'
export { type Packages, packages } from './kinds/packages/packages.ts'
export { type Hostname, hostname } from './kinds/system/hostname.ts'
export { type Locales, locales } from './kinds/system/locales.ts'
export { type Service, service } from './kinds/system/service.ts'
export { type TimeZone, timeZone } from './kinds/system/time-zone.ts'
export { defineOwnKind as defineKind } from './own/kind.ts'
export { Secret, secretText } from './secret.ts'
export { lines, type Sh, sh } from './sh.ts'
