import type * as z from 'zod'
import { accountAddresses, localPart } from '../derived.ts'
import type { ServerShape } from '../schema/shape.ts'
import type { Conflict } from './conflict.ts'
import { inFolders } from './folders.ts'
import { ldapConflicts } from './ldap.ts'
import { inDatabases, inPhp } from './php.ts'

/** What no field can see by itself: what is there twice, and what points to nothing. */
export function conflicts(server: z.output<typeof ServerShape>): readonly Conflict[] {
  return [
    ...ofHost(server),
    ...inAddresses(server),
    ...inNames(server),
    ...inWeb(server),
    ...inFolders(server),
    ...inPhp(server),
    ...inDatabases(server),
    ...inPorts(server),
    ...inLocales(server),
    ...inOverlay(server),
    ...ldapConflicts(server),
  ]
}

type Shape = z.output<typeof ServerShape>

/** Nobody but our own services has these. */
const ours = new Map([
  [25, 'mail'],
  [80, 'the web'],
  [443, 'the web'],
  [465, 'mail'],
  [587, 'mail'],
  [993, 'mail'],
])

/** What is wrong with a server that says nowhere what its address is. */
export const noAddress = 'is missing: a host has an IPv4 address in address, an IPv6 address in address6, or both'

function* ofHost({ address, address6 }: Shape): Iterable<Conflict> {
  if (address === undefined && address6 === undefined) yield { path: ['address'], message: noAddress }
}

function* inAddresses({ domains, mail }: Shape): Iterable<Conflict> {
  const seen = new Map<string, string>()
  const names = new Set(domains.map(({ name }) => name))
  const { mode } = mail
  const ofAccounts = accountAddresses(mode, domains)
  const ours = [
    { name: mail.system.name, address: `${mail.system.name}@${mail.primary}`, what: 'the account of the host’s own mail' },
    { name: mail.probe.name, address: `${mail.probe.name}@${mail.primary}`, what: 'the account of the probe' },
  ]
  if (ours[0]!.name === ours[1]!.name)
    yield { path: ['mail', 'probe', 'name'], message: `${ours[1]!.address} is ${ours[0]!.what} already` }
  for (const { address, what } of ours) seen.set(address, what)
  for (const [d, domain] of domains.entries()) {
    const at = ['domains', d] as const
    const mine = (address: string) => address.endsWith(`@${domain.name}`)
    const entries = [
      ...domain.accounts.map(({ address }, i) => ({ address, path: [...at, 'accounts', i, 'address'], what: 'an account' })),
      ...domain.aliases.map(({ address }, i) => ({ address, path: [...at, 'aliases', i, 'address'], what: 'an alias' })),
    ]
    for (const { address, path, what } of entries) {
      if (!mine(address)) yield { path, message: `${address} is not an address of ${domain.name}` }
      const before =
        seen.get(ours.find((one) => ofAccounts.has(one.address) && localPart(address) === one.name)?.address ?? address) ??
        (what === 'an alias' && ofAccounts.has(address) ? 'an account' : undefined)
      if (before !== undefined) yield { path, message: `${address} is ${before} already` }
      // Outside “separate” an account has an address in every domain.
      for (const one of what === 'an account' && mode !== 'separate' ? names : []) seen.set(`${localPart(address)}@${one}`, what)
      seen.set(address, what)
    }
    if (domain.catch_all !== undefined && !(mine(domain.catch_all) && ofAccounts.has(domain.catch_all)))
      yield { path: [...at, 'catch_all'], message: `${domain.catch_all} is not an account of ${domain.name}` }
  }
  // Who is in the directory, it alone knows.
  const exists = (address: string) => mail.ldap !== undefined || seen.has(address) || /^(?:postmaster|abuse)@/.test(address)
  for (const [d, { aliases, dmarc, tls_reports }] of domains.entries()) {
    const pointers = [
      ...aliases.flatMap(({ to }, i) => to.map((target, j) => ({ target, path: ['domains', d, 'aliases', i, 'to', j] }))),
      ...dmarc.reports.map((target, i) => ({ target, path: ['domains', d, 'dmarc', 'reports', i] })),
      ...tls_reports.map((target, i) => ({ target, path: ['domains', d, 'tls_reports', i] })),
    ]
    for (const { target, path } of pointers)
      if (names.has(target.split('@')[1] ?? '') && !exists(target))
        yield { path, message: `${target} does not exist: there is no account or alias of that name` }
    // maddy looks an alias up once: what it points to has to be a mailbox, or elsewhere.
    for (const [i, { address, to }] of aliases.entries())
      for (const [j, target] of to.entries())
        if (target !== address && seen.get(target) === 'an alias')
          yield {
            path: ['domains', d, 'aliases', i, 'to', j],
            message: `${target} is an alias itself: name the account that it goes to`,
          }
  }
}

function* inNames({ domains, mail }: Shape): Iterable<Conflict> {
  for (const [i, { name }] of domains.entries())
    if (domains.findIndex((other) => other.name === name) < i)
      yield { path: ['domains', i, 'name'], message: `${name} is declared twice` }
  const primary = domains.find(({ name }) => name === mail.primary)
  if (primary === undefined) yield { path: ['mail', 'primary'], message: `${mail.primary} is not one of the domains` }
  else if (primary.accounts.length === 0)
    yield {
      path: ['domains', domains.indexOf(primary), 'accounts'],
      message: 'the primary domain needs an account: postmaster has to go somewhere',
    }
  if (!domains.some(({ name }) => mail.hostname.endsWith(`.${name}`)))
    yield { path: ['mail', 'hostname'], message: `${mail.hostname} is not below any of the domains` }
}

function* inWeb({ domains, sites, mail }: Shape): Iterable<Conflict> {
  const seen = new Set<string>()
  const owners = new Map<string, string>()
  for (const [i, { domain, aliases, root, owner }] of sites.entries()) {
    const other = owners.get(root)
    if (other !== undefined && other !== owner)
      yield { path: ['sites', i, 'owner'], message: `${root} is a folder of ${other} already` }
    owners.set(root, owner)
    for (const [name, path] of [
      [domain, ['sites', i, 'domain']] as const,
      ...aliases.map((alias, j) => [alias, ['sites', i, 'aliases', j]] as const),
    ]) {
      const away = domains.find((one) => one.name === name && one.web !== 'here')
      if (seen.has(name)) yield { path, message: `${name} is declared twice` }
      if (name === mail.hostname) yield { path, message: `${name} is the mail server: its certificate is not Caddy’s` }
      if (away !== undefined) yield { path, message: `the web of ${name} is elsewhere` }
      if (domains.some((one) => reserved.some((label) => name === `${label}.${one.name}`)))
        yield { path, message: `${name} is made from its domain: it cannot be a site of its own` }
      seen.add(name)
    }
  }
  for (const [i, { web, mta_sts }] of domains.entries())
    if (web === 'here' && mta_sts.served === 'elsewhere')
      yield { path: ['domains', i, 'mta_sts', 'served'], message: 'its web is here: who else would serve the policy' }
}

/** Names that come with a domain, with content of their own. */
const reserved = ['mta-sts', 'autoconfig', 'autodiscover']

function* inPorts({ ssh, firewall, nebula, nfs }: Shape): Iterable<Conflict> {
  const service = ours.get(ssh.port)
  if (service !== undefined) yield { path: ['ssh', 'port'], message: `${ssh.port} belongs to ${service}` }
  const seen = new Set<string>()
  for (const [i, { port, protocol, from, on }] of firewall.allow.entries()) {
    const path = ['firewall', 'allow', i]
    const owner =
      port === ssh.port && protocol === 'tcp' ? 'SSH' : protocol === 'tcp' || port === 443 ? ours.get(port) : undefined
    const overlay =
      protocol === 'udp' && port === nebula?.port ? 'nebula' : protocol === 'tcp' && port === 2049 && nfs ? 'NFS' : undefined
    if (overlay !== undefined) yield { path, message: `${port}/${protocol} belongs to ${overlay}, and is let in already` }
    if (owner !== undefined) yield { path, message: `${port}/${protocol} belongs to ${owner}, and is let in already` }
    const key = [port, protocol, from, on].join(' ')
    if (seen.has(key)) yield { path, message: `${port}/${protocol} is declared twice` }
    seen.add(key)
  }
}

function* inLocales({ locales }: Shape): Iterable<Conflict> {
  if (!locales.generate.includes(locales.default))
    yield { path: ['locales', 'default'], message: `${locales.default} is not among those that are generated` }
}

function* inOverlay({ nebula, nfs }: Shape): Iterable<Conflict> {
  if (nebula?.port === 443) yield { path: ['nebula', 'port'], message: '443/udp belongs to the web' }
  if (nfs === undefined) return
  if (nebula === undefined) yield { path: ['nfs'], message: 'is mounted through the overlay only: declare nebula, too' }
  const seen = new Set<string>()
  for (const [i, { path }] of nfs.exports.entries()) {
    if (seen.has(path)) yield { path: ['nfs', 'exports', i, 'path'], message: `${path} is exported twice` }
    seen.add(path)
  }
}
