/** Where the host keeps what it needs for its backups, and what it knows of them. */
export const backupPlaces = {
  /**
   * known_hosts, patterns, and twice passphrase and id_ed25519: as declared (`….declared`), and as they have opened the repository.
   * Only what has opened it takes the place of what did, which is kept (`….before`). 0700.
   */
  settings: '/etc/provision/borg',
  /** borg's cache, and `dump`, the databases as they are put into the archive. */
  state: '/var/lib/provision/backup',
} as const

/** What is in every archive; what is declared and is elsewhere is added by the backup itself. */
export const archivedRoots = ['/etc', '/home', '/root', '/opt', '/srv', '/usr/local', '/var'] as const

/** What of those folders does not go into an archive: `borg help patterns`. The first that matches counts. */
export const backupPatterns = (exclude: readonly string[], mariadb: boolean): string => `# Written by provision.
${exclude.map((path) => `- pp:${path}\n`).join('')}# Databases as dumps, never as live files: those would be of no single moment.
+ pp:${backupPlaces.state}/dump
- pp:/var/lib/provision
- sh:/var/lib/maddy/*.db*
- sh:/var/lib/fail2ban/*.sqlite3*
${mariadb ? '- pp:/var/lib/mysql\n' : ''}- pp:${backupPlaces.settings}
# What can be had again, and what is true of one boot only.
- pp:/usr/local/bin/caddy
- pp:/usr/local/bin/maddy
- pp:/var/cache
- pp:/var/tmp
- pp:/var/lib/apt/lists
- pp:/var/lib/systemd/coredump
- pp:/var/log/journal
- sh:/root/.cache
- sh:/home/*/.cache
`

/** The machine and the port of a repository. */
export function storageOf(repository: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(repository)
  return { host: hostname, port: Number(port || 22) }
}

/** What ssh looks a host key up under. */
export function knownHosts(repository: string, keys: readonly string[]): string {
  const { host, port } = storageOf(repository)
  return keys.map((key) => `${port === 22 ? host : `[${host}]:${port}`} ${key.split(' ').slice(0, 2).join(' ')}\n`).join('')
}
