import type * as z from 'zod'
import type { ServerShape } from '../schema/shape.ts'
import type { Conflict } from './conflict.ts'

type Shape = z.output<typeof ServerShape>

/** Folders whose owner, or whose readers, a run would change, and folders that a backup must not leave out. */
export function* inFolders({ sites, nfs, backup }: Shape): Iterable<Conflict> {
  const roots = sites.map(({ domain, root, owner, php }, i) => ({
    path: ['sites', i, 'root'],
    folder: root,
    what: `the site ${domain}`,
    owner: php && owner === 'caddy' ? domain : owner,
    php,
  }))
  const exported = (nfs?.exports ?? []).map(({ path }, i) => ({
    path: ['nfs', 'exports', i, 'path'],
    folder: path,
    what: 'an NFS export',
    owner: 'admin',
    php: false,
  }))
  for (const { path, folder } of roots) {
    const why = refusal(folder) ?? (within(folder, '/home') ? 'is below /home, where Caddy sees nothing' : undefined)
    if (why !== undefined) yield { path, message: `${folder} ${why}: ${instead}` }
  }
  for (const { path, folder } of exported) {
    const why = refusal(folder)
    if (why !== undefined) yield { path, message: `${folder} ${why}: ${instead}` }
  }
  const all = [...roots, ...exported]
  for (const [i, one] of all.entries())
    for (const other of all.slice(0, i)) {
      const overlap = within(one.folder, other.folder) || within(other.folder, one.folder)
      // What one site’s pages may write is not to be another’s.
      if (overlap && one.folder === other.folder && (one.php || other.php))
        yield {
          path: one.path,
          message: `${one.folder} belongs to ${other.what} already: further names of one site are its aliases`,
        }
      else if (overlap && one.folder !== other.folder && (one.php || other.php || one.owner !== other.owner))
        yield {
          path: one.path,
          message: `${one.folder} and ${other.folder}, of ${other.what}, are inside each other: keep them apart`,
        }
      else if (overlap && one.owner !== other.owner && !(one.path[0] === 'sites' && other.path[0] === 'sites'))
        yield { path: one.path, message: `${one.folder} belongs to ${other.what} already, with a different owner` }
    }
  for (const [i, excluded] of (backup?.exclude ?? []).entries()) {
    const lost = needed.find(([folder]) => within(folder, excluded) || within(excluded, folder))
    if (lost !== undefined)
      yield { path: ['backup', 'exclude', i], message: `${excluded} would leave ${lost[1]} out of every archive (${lost[0]})` }
  }
}

/** Why a folder cannot be given to somebody; undefined when it can. */
export function refusal(folder: string): string | undefined {
  const of = reserved.find((one) => within(folder, one))
  if (of !== undefined)
    return folder === of ? 'belongs to the system' : `is below ${of}, which belongs to the system or to another service`
  if (holders.includes(folder)) return 'holds folders of others'
  if (/^\/home\/[^/]+$/.test(folder)) return 'is the home of a user'
  if (/\/\./.test(folder)) return 'has a hidden folder in it, where programs keep keys and settings'
  return undefined
}

/** Whether a path is this folder, or below it. */
export const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

const instead = 'choose a folder of its own, such as /srv/NAME or /var/caddy/www/NAME'

/** With all that is below them: see hier(7), and our own daemons. */
const reserved: readonly string[] = [
  ...['/bin', '/boot', '/dev', '/etc', '/initrd.img', '/lib', '/lib32', '/lib64', '/libx32', '/lost+found', '/proc', '/root'],
  ...['/run', '/sbin', '/sys', '/tmp', '/usr', '/vmlinuz', '/var/backups', '/var/cache', '/var/lib', '/var/lock', '/var/log'],
  ...['/var/mail', '/var/run', '/var/spool', '/var/tmp', '/var/caddy/mail'],
]

/** Themselves, while what is below them may be given. */
const holders: readonly string[] = [
  ...['/home', '/media', '/mnt', '/opt', '/srv', '/var', '/var/local', '/var/opt', '/var/www', '/var/caddy', '/var/caddy/www'],
]

/** What a restore cannot do without. */
const needed: readonly (readonly [folder: string, what: string])[] = [
  ['/var/lib/maddy', 'mail'],
  ['/var/lib/provision/backup', 'the dumps of the databases'],
  ['/var/lib/certificates', 'the mail certificate'],
  ['/var/lib/acme', 'the ACME account'],
  ['/var/lib/caddy', 'the certificates of the sites'],
  ['/etc/ssh', 'the ssh host keys'],
]
