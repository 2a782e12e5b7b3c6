import { ProvisionError } from '../../errors.ts'
import type { Rotation } from '../schema/rotation.ts'
import { Server } from '../schema/server.ts'
import { readYaml } from '../yaml.ts'
import { sentence } from './faults.ts'
import { append, drop, putMap, set } from './lists.ts'

/** An inventory that has been changed: its text, in which all else stands as it stood, and the server that it describes. */
export interface Edited {
  readonly text: string
  readonly server: Server
}

/** One change to an inventory. Throws ProvisionError, and has changed nothing, when what comes out would not be valid. */
export type Edit = (file: string, text: string) => Edited

/** One more mail domain, as it is written in the file, and with `site` a site of that name, unless there is one. */
export const addDomain =
  (domain: { readonly name: string }, { site }: { readonly site: boolean }): Edit =>
  (file, text) => {
    const { server } = check(file, text)
    const there = server.sites.some(({ domain: name, aliases }) => [name, ...aliases].includes(domain.name))
    const added = append(file, text, [], 'domains', domain)
    return check(file, site && !there ? append(file, added, [], 'sites', { domain: domain.name }) : added)
  }

/** A domain goes, and the site of its name. */
export const removeDomain =
  (name: string): Edit =>
  (file, text) => {
    const { domains, sites, mail } = check(file, text).server
    if (mail.primary === name)
      throw new ProvisionError(name, 'is the primary domain: mail.primary names it', 'make a different one the primary first')
    const at = place(
      name,
      'domain',
      domains.map((domain) => domain.name),
    )
    const site = sites.findIndex(({ domain }) => domain === name)
    const rest = drop(file, text, [], 'domains', at)
    return check(file, site < 0 ? rest : drop(file, rest, [], 'sites', site))
  }

/** One more account. */
export const addAccount =
  (address: string): Edit =>
  (file, text) => {
    const at = domainOf(file, text, address)
    return check(file, append(file, text, at, 'accounts', { address: local(address) }, { after: 'name' }))
  }

/** An account goes. What still points to it is refused, in the schema's words. */
export const removeAccount =
  (address: string): Edit =>
  (file, text) =>
    removeFrom(file, text, address, 'accounts')

/** One more alias. Targets without an @, or of the same domain, are written without it. */
export const addAlias =
  (address: string, to: readonly string[]): Edit =>
  (file, text) => {
    const at = domainOf(file, text, address)
    const targets = to.map((target) => (target.endsWith(`@${domainPart(address)}`) ? local(target) : target))
    const alias = { address: local(address), to: targets.length === 1 ? targets[0] : targets }
    return check(file, append(file, text, at, 'aliases', alias, { after: 'accounts', braces: true }))
  }

/** An alias goes. */
export const removeAlias =
  (address: string): Edit =>
  (file, text) =>
    removeFrom(file, text, address, 'aliases')

/** Another version of a program. */
export const pin =
  (name: string, version: string): Edit =>
  (file, text) =>
    check(file, set(file, text, ['artifacts', name, 'version'], version))

/** The keys that these domains sign with, by their names. */
export const setDkim =
  (rotations: ReadonlyMap<string, Rotation>): Edit =>
  (file, text) => {
    const names = check(file, text).server.domains.map(({ name }) => name)
    const edited = [...rotations].reduce(
      (done, [name, rotation]) => putMap(file, done, ['domains', place(name, 'domain', names)], 'dkim', said(rotation)),
      text,
    )
    return check(file, edited)
  }

/** The keys of the mail certificate. */
export const setTlsa =
  (rotation: Rotation): Edit =>
  (file, text) =>
    check(file, putMap(file, text, ['mail'], 'tlsa', said(rotation)))

const said = (rotation: Rotation): Readonly<Record<string, string | number>> =>
  Object.fromEntries(Object.entries(rotation).filter(([, value]) => value !== undefined))

const local = (address: string): string => address.split('@')[0]!
const domainPart = (address: string): string => address.split('@')[1] ?? ''

function removeFrom(file: string, text: string, address: string, key: 'accounts' | 'aliases'): Edited {
  const at = domainOf(file, text, address)
  const there = check(file, text).server.domains[at[1]]![key].map((one): string => one.address)
  return check(file, drop(file, text, at, key, place(address, key === 'accounts' ? 'account' : 'alias', there)))
}

function domainOf(file: string, text: string, address: string): readonly ['domains', number] {
  const names = check(file, text).server.domains.map(({ name }) => name)
  if (!address.includes('@'))
    throw new ProvisionError(address, 'is not a whole address', `name its domain: ${address}@${names[0]}`)
  return ['domains', place(domainPart(address), 'domain', names)]
}

/** Which one of these it is. */
function place(name: string, what: string, there: readonly string[]): number {
  const at = there.indexOf(name)
  if (at < 0)
    throw new ProvisionError(
      name,
      `there is no such ${what} in the inventory; there ${there.length === 0 ? 'is none' : `${there.length === 1 ? 'is' : 'are'}: ${there.join(', ')}`}`,
    )
  return at
}

/** The whole inventory against the schema. Its faults are told without lines: this text is in no file. */
function check(file: string, text: string): Edited {
  const raw: unknown = readYaml(file, text).document.toJS()
  const result = Server.safeParse(raw)
  if (result.success) return { text, server: result.data }
  const faults = new Set(result.error.issues.map((issue) => sentence(issue, raw)))
  throw new ProvisionError(file, [...faults].join('; '), 'the file is as it was')
}
