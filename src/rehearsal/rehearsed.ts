import { type Document, isMap, isSeq } from 'yaml'
import { blocklist, internetDomain, peerDomain } from './internet/service.ts'
import type { Rehearsal } from './open.ts'

/** What an inventory is told so that it means a rehearsal: nothing else of it is touched. */
export function rehearsed(
  document: Document,
  {
    addresses,
    acmeDirectory,
    dnsServer,
    tsig,
    aptProxy,
    ntfy,
    storage,
  }: Pick<Rehearsal, 'addresses' | 'acmeDirectory' | 'dnsServer' | 'tsig' | 'aptProxy' | 'ntfy' | 'storage'>,
): Document {
  const copy = document.clone()
  const set = (path: string, value: unknown) => copy.setIn(path.split('/'), copy.createNode(value))
  // A host that has no IPv4 address is rehearsed as one.
  if (copy.has('address') || !copy.has('address6')) set('address', addresses.host.v4)
  set('address6', addresses.host.v6)
  // What stands elsewhere does so in the rehearsal too: nobody's real host is asked anything.
  const domains: unknown = copy.getIn(['domains'])
  for (const [i, domain] of (isSeq(domains) ? domains.items : []).entries())
    if (isMap(domain) && domain.hasIn(['web', 'elsewhere']))
      set(`domains/${i}/web/elsewhere`, { address: addresses.roles.peer.v4, address6: addresses.roles.peer.v6 })
  set('acme/directory', acmeDirectory)
  set('acme/ca', caFile)
  set('dns', {
    provider: 'nsupdate',
    server: dnsServer,
    key: { name: tsig.name, algorithm: tsig.algorithm },
    lookup: addresses.roles.resolver.v4,
    wait: 2,
  })
  set('apt/proxy', aptProxy)
  if (copy.hasIn(['backup'])) {
    set('backup/repository', storage.repository(addresses.host.v4))
    set('backup/host_keys', [storage.hostKey])
  }
  if (copy.hasIn(['ntfy'])) set('ntfy/url', ntfy.url)
  set('doctor', { outside: peerDomain, blocklists: [`${blocklist}.${internetDomain}`] })
  set('artifacts/maddy/source', 'build')
  set('artifacts/caddy/source', 'build')
  if (copy.has('nebula')) set('artifacts/nebula/source', 'build')
  set('artifacts/acme.sh/source', 'debian')
  // Nothing but Debian's packages is reached.
  if (copy.getIn(['php', 'source']) === 'sury') set('php/source', 'debian')
  return copy
}

/** The bundle of the rehearsal's CA, beside its inventory. */
export const caFile = 'ca.pem'
