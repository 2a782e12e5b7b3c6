import { isIP } from 'node:net'
import type * as z from 'zod'
import { networkOf } from '../schema/overlay.ts'
import type { ServerShape } from '../schema/shape.ts'
import type { Conflict } from './conflict.ts'

/** What contradicts a directory of people in the rest of an inventory. */
export function* ldapConflicts({
  mail: { ldap, mode, primary },
  domains,
  nebula,
}: Pick<z.output<typeof ServerShape>, 'mail' | 'domains' | 'nebula'>): Iterable<Conflict> {
  if (ldap === undefined) return
  const at = ['mail', 'ldap'] as const
  if (mode !== 'separate')
    yield { path: at, message: `people of a directory have addresses of their own: it needs the mode separate, not ${mode}` }
  const domain = ldap.domain ?? primary
  if (ldap.users === 'mail' && ldap.domain !== undefined)
    yield { path: [...at, 'domain'], message: 'with users: mail the directory says the whole address; take it out' }
  else if (!domains.some(({ name }) => name === domain))
    yield { path: [...at, 'domain'], message: `${domain} is not one of the domains` }
  if (ldap.url.startsWith('ldaps:') && ldap.starttls)
    yield { path: [...at, 'starttls'], message: 'ldaps:// is under TLS from its first byte; take it out' }
  if (ldap.url.startsWith('ldap:') && !ldap.starttls && !stays(hostOf(ldap.url), nebula?.address))
    yield { path: [...at, 'url'], message: 'passwords would go over the wire in clear: ldaps://, or starttls: true' }
}

const hostOf = (url: string): string => /^ldaps?:\/\/(?:\[(.*)\]|([^:]*))/.exec(url)!.slice(1).join('')

/** On this host, or within the overlay, which encrypts. */
function stays(host: string, overlay: string | undefined): boolean {
  if (host === 'localhost' || host === '::1' || /^127(?:\.[0-9]+){3}$/.test(host)) return true
  if (overlay === undefined || isIP(host) !== isIP(overlay.split('/')[0]!)) return false
  return networkOf(`${host}/${overlay.split('/')[1]}`) === networkOf(overlay)
}
