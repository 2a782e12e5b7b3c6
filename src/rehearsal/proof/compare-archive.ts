import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BorgHere } from '../../backup/borg-here.ts'
import { declaredFolders, type Inventory, probeLogin } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import type { Machine } from '../machine/machine.ts'
import type { Rehearsal } from '../open.ts'
import { compareFolders } from './compare-folders.ts'
import { compareLearned } from './compare-learned.ts'
import { type Found, rowsIn } from './found.ts'
import { mailCounts } from './mail-counts.ts'

/** Compares what an archive holds with what a restored host has, and with what the owners of its mailboxes see. */
export const compareArchive = async (
  borg: BorgHere,
  archive: string,
  inventory: Inventory,
  rehearsal: Rehearsal,
): Promise<readonly Found[]> => [
  ...(await files(borg, archive, rehearsal.host)),
  ...(await compareFolders(borg, archive, declaredFolders(inventory.server), rehearsal.host)),
  ...(await databases(borg, archive, rehearsal.host, rehearsal)),
  ...(await sqlDatabases(borg, archive, rehearsal)),
  ...(await compareLearned(borg, archive, rehearsal)),
  ...(await mailboxes(inventory, rehearsal)),
]

const trees = [
  ['messages', 'var/lib/maddy/messages'],
  ['DKIM keys', 'var/lib/maddy/dkim_keys'],
  ['certificates', 'var/lib/certificates'],
  ['files of ACME accounts', 'var/lib/acme'],
  ['files of sites', 'var/caddy/www'],
  ['ssh host keys', 'etc/ssh/ssh_host_'],
] as const

/** File by file, by digest. */
async function files(borg: BorgHere, archive: string, host: Machine): Promise<readonly Found[]> {
  const format = '{type} {sha256} {path}{NL}'
  const listed = await borg.run(['list', '--format', format, `::${archive}`, ...trees.map(([, path]) => `sh:${path}**`)])
  const wanted = [...listed.matchAll(/^- ([0-9a-f]{64}) (.*)$/gm)].map(([, digest, path]) => `${digest}  ${path}`)
  const there = await host.must(
    sh`cd /; find ${trees.slice(0, -1).map(([, path]) => path)} etc/ssh -type f -exec sha256sum {} + 2>/dev/null || :`,
  )
  const found = new Set(there.split('\n'))
  return trees.map(([what, path]) => {
    const all = wanted.filter((line) => line.slice(66).startsWith(path))
    const lost = all.filter((line) => !found.has(line))
    return {
      what: `${all.length} ${what}`,
      differs: lost.length === 0 ? '' : `${lost.length} are not there as they were: ${lost[0]!.slice(66)}`,
    }
  })
}

const accountsQuery = 'SELECT key, value FROM passwords ORDER BY key'
const messagesQuery =
  'SELECT u.username, b.name, m.msgId, m.bodyLen, m.extBodyKey FROM msgs m JOIN mboxes b ON b.id = m.mboxId JOIN users u ON u.id = b.uid ORDER BY 1, 2, 3'

/** Accounts with their password hashes, and every message of every folder, as the databases say it. */
async function databases(borg: BorgHere, archive: string, host: Machine, { directory }: Rehearsal): Promise<readonly Found[]> {
  const compare = async (what: string, file: string, query: string): Promise<Found> => {
    const wanted = await rowsIn(borg, archive, `var/lib/provision/backup/dump/maddy/${file}`, query, directory)
    const said = await host.must(sh`sqlite3 -readonly ${`/var/lib/maddy/${file}`} ${query}`)
    const found = new Set(said.split('\n'))
    const lost = wanted.filter((row) => !found.has(row))
    return {
      what: `${wanted.length} ${what}`,
      differs: lost.length === 0 ? '' : `${lost.length} are not there as they were: ${lost[0]!.split('|').slice(0, 1).join()}`,
    }
  }
  return [
    await compare('accounts, with their passwords', 'credentials.db', accountsQuery),
    await compare('messages in their folders', 'imapsql.db', messagesQuery),
    await bodies(host),
  ]
}

/** Whether every message that the database knows has its file: IMAP shows one without as if it were empty. */
async function bodies(host: Machine): Promise<Found> {
  const said = await host.must(sh`
sqlite3 -readonly /var/lib/maddy/imapsql.db 'SELECT DISTINCT extBodyKey FROM msgs WHERE extBodyKey IS NOT NULL' | while IFS= read -r key; do
  if [ -f "/var/lib/maddy/messages/$key" ]; then printf 'there\n'; else printf 'missing %s\n' "$key"; fi
done`)
  const lines = said.split('\n').filter((line) => line !== '')
  const missing = lines.filter((line) => line.startsWith('missing '))
  return {
    what: `${lines.length} messages of the database have their files`,
    differs: missing.length === 0 ? '' : `${missing.length} have none: deleted while the backup was made, or lost`,
  }
}

/** Each database of MariaDB as SQL, all of it, but for the lines that name machine and version. */
async function sqlDatabases(borg: BorgHere, archive: string, { directory, host }: Rehearsal): Promise<readonly Found[]> {
  const dumps = 'var/lib/provision/backup/dump/mariadb'
  const names = (await borg.run(['list', '--format', '{type} {path}{NL}', `::${archive}`, `sh:${dumps}/*`]))
    .split('\n')
    .flatMap((line) => (line.startsWith('- ') ? [line.slice(dumps.length + 3, -'.sql'.length)] : []))
  const found: Found[] = []
  for (const name of names) {
    const file = join(directory, 'sql')
    const digest = 'umask 077; { grep -v "^--" || :; } | sha256sum > "$1"'
    await borg.into(['extract', '--stdout', `::${archive}`, `${dumps}/${name}.sql`], 'sh', ['-c', digest, 'sh', file])
    const there = await host.run(sh`provision-backup sql ${name} | grep -v '^--' | sha256sum`)
    const same = there.stdout === readFileSync(file, 'utf8')
    found.push({ what: `database ${name} of MariaDB`, differs: same ? '' : 'it is not there as it was' })
  }
  return found
}

/** What each account's owner sees by IMAP, with the password of the secrets. */
async function mailboxes({ server, store }: Inventory, rehearsal: Rehearsal): Promise<readonly Found[]> {
  await store.open()
  const accounts = server.domains.flatMap((domain) => domain.accounts)
  const seen = await mailCounts(
    rehearsal,
    server,
    accounts.map(({ address, password }) => ({ address, password: password.reveal() })),
  )
  const said = await rehearsal.host.must(
    sh`sqlite3 -readonly -separator ' ' /var/lib/maddy/imapsql.db ${'SELECT u.username, count(*) FROM msgs m JOIN mboxes b ON b.id = m.mboxId JOIN users u ON u.id = b.uid GROUP BY 1'}`,
  )
  // The restored host probes itself, too: its mail comes and goes.
  const probes: readonly (string | undefined)[] = probeLogin(server.mail).mailboxes
  const all = [...said.matchAll(/^(\S+) (\d+)$/gm)]
    .filter(([, name]) => !probes.includes(name))
    .reduce((sum, [, , n]) => sum + Number(n), 0)
  const read = [...seen.values()].reduce((sum, n) => sum + n, 0)
  const same = read >= all || server.mail.mode !== 'separate'
  return [{ what: `${read} messages read over IMAP by ${seen.size} accounts`, differs: same ? '' : `${all} are in the database` }]
}
