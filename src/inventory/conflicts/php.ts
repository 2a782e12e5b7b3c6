import type * as z from 'zod'
import { siteUser } from '../derived.ts'
import type { ServerShape } from '../schema/shape.ts'
import type { Conflict } from './conflict.ts'

type Shape = z.output<typeof ServerShape>

/** PHP that nobody asks for, or that nobody declares. */
export function* inPhp({ sites, php, admin }: Shape): Iterable<Conflict> {
  if (php !== undefined && !sites.some((site) => site.php)) yield { path: ['php'], message: 'no site says “php: true”' }
  for (const [i, { domain, php: runs }] of sites.entries()) {
    const path = ['sites', i, 'php']
    if (runs && php === undefined) yield { path, message: 'needs PHP: declare “php”, too' }
    if (runs && siteUser(domain) === admin.user)
      yield { path, message: `${admin.user} is the admin, who may sudo: a page that is broken into would too` }
    if (runs && domain.length > longestSocket) yield { path, message: `${domain} is too long for the name of a socket` }
  }
}

/** Databases, and users of them, that are there twice. */
export function* inDatabases({ mariadb }: Shape): Iterable<Conflict> {
  const all = mariadb?.databases ?? []
  for (const [i, { name, user }] of all.entries()) {
    const before = all.slice(0, i)
    if (before.some((other) => other.name === name))
      yield { path: ['mariadb', 'databases', i, 'name'], message: `${name} is declared twice` }
    else if (before.some((other) => other.user === user))
      yield { path: ['mariadb', 'databases', i, 'user'], message: `${user} has another database already: give each its own` }
  }
}

/** Of the 107 that a socket's path may have, without /run/php/ and .sock. */
const longestSocket = 90
