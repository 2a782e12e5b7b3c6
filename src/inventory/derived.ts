import { createHash } from 'node:crypto'
import type { Secret } from '../secret.ts'
import type { Domain, Server } from './schema/shape.ts'

/** One alias with its targets, as whole addresses. */
export interface AliasLine {
  readonly from: string
  readonly to: readonly string[]
}

/** One set of credentials: what it is called on the host, an address that it logs in with, and its mailboxes. */
export interface Login {
  readonly name: string
  readonly address: string
  readonly mailboxes: readonly string[]
  readonly password: Secret
}

type Mode = Server['mail']['mode']
type Accounts = Pick<Domain, 'name' | 'accounts'>

/** What stands before the @. */
export const localPart = (address: string): string => address.slice(0, address.lastIndexOf('@'))

/** The credentials and mailboxes that the accounts are, in each mode. */
export function mailLogins(mode: Mode, domains: readonly Accounts[]): readonly Login[] {
  return domains
    .flatMap(({ accounts }) => accounts)
    .map(({ address, password }) => {
      const name = mode === 'separate' ? address : localPart(address)
      const mailboxes = mode === 'same_credentials' ? domains.map((domain) => `${name}@${domain.name}`) : [name]
      return { name, address, mailboxes, password }
    })
}

/** The login of the host's own mail. It has no mailbox: what it is sent goes to postmaster. */
export function systemLogin({ mode, primary, system }: Pick<Server['mail'], 'mode' | 'primary' | 'system'>): Login {
  const address = `${system.name}@${primary}`
  return { name: mode === 'separate' ? address : system.name, address, mailboxes: [], password: system.password }
}

/** The login of the probe, with the one mailbox that its mail is in. */
export function probeLogin({ mode, primary, probe }: Pick<Server['mail'], 'mode' | 'primary' | 'probe'>): Login {
  const address = `${probe.name}@${primary}`
  const name = mode === 'separate' ? address : probe.name
  return { name, address, mailboxes: [mode === 'same_mailbox' ? name : address], password: probe.password }
}

/** The addresses of the accounts: outside `separate` each has one in every domain. */
export function accountAddresses(mode: Mode, domains: readonly Accounts[]): ReadonlySet<string> {
  const declared = domains.flatMap(({ accounts }) => accounts.map(({ address }) => address))
  if (mode === 'separate') return new Set(declared)
  return new Set(declared.flatMap((address) => domains.map(({ name }) => `${localPart(address)}@${name}`)))
}

/**
 * All aliases, with the postmaster and abuse that every domain has: they go to its first account when they are not declared,
 * and in a domain without accounts to the first account there is.
 */
export function aliasLines(
  domains: readonly Pick<Domain, 'name' | 'accounts' | 'aliases'>[],
  mode: Mode = 'separate',
): readonly AliasLine[] {
  const last = domains.flatMap(({ accounts }) => accounts)[0]?.address
  const accountsOf = accountAddresses(mode, domains)
  return domains.flatMap(({ name, accounts, aliases }) => {
    const declared = aliases.map(({ address, to }): AliasLine => ({ from: address, to }))
    const exists = (address: string) => accountsOf.has(address) || declared.some(({ from }) => from === address)
    const postmaster = declared.find(({ from }) => from === `postmaster@${name}`)?.to
    const fallback =
      postmaster ??
      [accountsOf.has(`postmaster@${name}`) ? `postmaster@${name}` : (accounts[0]?.address ?? last)].filter(
        (to) => to !== undefined,
      )
    const missing = ['postmaster', 'abuse'].map((part) => `${part}@${name}`).filter((address) => !exists(address))
    return [...declared, ...(fallback.length === 0 ? [] : missing.map((from) => ({ from, to: fallback })))]
  })
}

/** Aliases whose mail leaves this server: it goes on under the name of who wrote it, which SPF forbids us to use (no SRS). */
export function leavingAliases(domains: readonly Pick<Domain, 'name' | 'aliases'>[]): readonly AliasLine[] {
  const here = new Set(domains.map(({ name }) => name))
  return domains.flatMap(({ aliases }) =>
    aliases
      .map(({ address, to }) => ({
        from: address,
        to: to.filter((target) => !here.has(target.slice(target.lastIndexOf('@') + 1))),
      }))
      .filter(({ to }) => to.length > 0),
  )
}

/** The MTA-STS policy of a domain: what `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` says, with CRLF as RFC 8461 wants it. */
export function mtaStsPolicy({ mta_sts: { mode, max_age } }: Pick<Domain, 'mta_sts'>, mx: string): string {
  return ['version: STSv1', `mode: ${mode}`, `mx: ${mx}`, `max_age: ${max_age}`, ''].join('\r\n')
}

/** The names that the web server answers under, and gets a certificate for each: sites, and what mail clients and servers ask for. */
export const webNames = ({ sites, domains }: Pick<Server, 'sites' | 'domains'>): readonly string[] => [
  ...new Set([
    ...sites.flatMap(({ domain, aliases }) => [domain, ...aliases]),
    ...domains.flatMap(({ name, mta_sts }) => [
      `autoconfig.${name}`,
      `autodiscover.${name}`,
      ...(mta_sts.served === 'here' ? [`mta-sts.${name}`] : []),
    ]),
  ]),
]

/** The PHP that is declared: its version, its packages, and the modules that its source does not have. */
export function phpOf({ source, modules }: Pick<NonNullable<Server['php']>, 'source' | 'modules'>) {
  const version = source === 'sury' ? '8.3' : '8.2'
  const lacking = source === 'sury' ? [] : modules.filter((name) => notInDebian.includes(name))
  const packages = ['fpm', ...modules.filter((name) => !lacking.includes(name))].map((name) => `php${version}-${name}`)
  return { version, packages: [...new Set(packages)], lacking } as const
}

/** Of what the reference server has. */
const notInDebian = ['smbclient']

/** The source of somebody else's packages, where one is declared, and the host that it is at. */
export function suryOf({ php }: Pick<Server, 'php'>) {
  return php?.source === 'sury' ? { ...php.sury, host: new URL(php.sury.url).hostname } : undefined
}

/**
 * Whom the pages of a site run as: a user and a group of that site alone. A dot becomes a hyphen and a hyphen two, so that no two
 * sites share one; useradd(8) takes 32 characters, so a longer name ends in a digest of itself.
 */
export function siteUser(domain: string): string {
  const name = `web-${domain.replaceAll('-', '--').replaceAll('.', '-')}`
  return name.length <= 32 ? name : `${name.slice(0, 21)}_${createHash('sha256').update(domain).digest('hex').slice(0, 10)}`
}
