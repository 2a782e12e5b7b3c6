import { createHash } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BorgHere, borgHere } from '../borg-here.ts'
import { type Inventory, loadInventory } from '../inventory.ts'
import { writeInventory } from '../rehearsal/inventory.ts'
import type { Machine } from '../rehearsal/machine.ts'
import { mailCounts } from '../rehearsal/mail-counts.ts'
import type { Rehearsal } from '../rehearsal/open.ts'
import { againAsRoot, installBorg } from '../rehearsal/platform.ts'
import { startRehearsal, stopRehearsal } from '../rehearsal/rehearsal.ts'
import { zonesOf } from '../rehearsal/zones.ts'
import { makeRoom, restorePlace } from '../restore.ts'
import { sh } from '../sh.ts'
import { seconds } from '../ui/report.ts'
import { backedUp } from './backed-up.ts'
import type { Io } from './io.ts'
import type { OpenOptions } from './open.ts'
import { chosen, needSecrets, restore } from './restore.ts'

/** What `provision restore --drill` may be told. */
export interface DrillOptions extends OpenOptions {
  readonly archive?: string | undefined
  /** Leaves the restored host running. */
  readonly keep?: boolean | undefined
}

/**
 * Restores an archive onto a disposable host on this machine, which reaches nothing outside it, and compares what is there with what
 * the archive holds. Returns the exit code: 2 when something differs. Throws ProvisionError when it cannot be restored.
 */
export async function drill(options: DrillOptions, io: Io, out: (line: string) => void): Promise<number> {
  const asRoot = await againAsRoot()
  if (asRoot !== undefined) return asRoot
  const began = performance.now()
  const say = (line: string) => io.report.say(line)
  const { inventory, backup } = await backedUp(options)
  await needSecrets(inventory)
  await installBorg(say)
  const name = `drill-${createHash('sha256').update(inventory.name).digest('hex').slice(0, 6)}`
  const borg = borgHere(backup, backup.key)
  try {
    const archive = chosen((await borg.run(['list', '--short'])).trim().split('\n').filter(Boolean), options.archive)
    await stopRehearsal(name)
    const rehearsal = await startRehearsal({
      name,
      mxname: inventory.server.mail.hostname,
      zones: zonesOf(inventory.server),
      onProgress: say,
    })
    try {
      const found = await compared(borg, archive, inventory, rehearsal, options, io)
      for (const { what, differs } of found) out(`${differs === '' ? '✓' : '✗'} ${what}${differs === '' ? '' : `: ${differs}`}`)
      const bad = found.filter(({ differs }) => differs !== '').length
      out(
        `the drill of ${archive}: ${bad === 0 ? 'all of it came back' : `${bad} things did not come back as they were`} (${seconds(performance.now() - began)})`,
      )
      return bad === 0 ? 0 : 2
    } finally {
      if (!options.keep) await stopRehearsal(name)
    }
  } finally {
    borg.close()
  }
}

/** One thing that was compared; `differs` is empty where it is the same. */
interface Found {
  readonly what: string
  readonly differs: string
}

async function compared(
  borg: BorgHere,
  archive: string,
  inventory: Inventory,
  rehearsal: Rehearsal,
  { verbose, debug }: DrillOptions,
  io: Io,
): Promise<readonly Found[]> {
  const { host } = rehearsal
  const made = await writeInventory(inventory, rehearsal, () => undefined)
  // Whose passwords open the mailboxes is the archive's matter: they are those of the inventory.
  const ours = inventory.store.names().map((one) => [one, inventory.store.value(one)!] as const)
  await made.store.update((values) => new Map([...ours.filter(([one]) => !one.startsWith('backup/')), ...values]))
  process.env.PROVISION_ROOT_PASSWORD = rehearsal.rootPassword
  const restored = { host: made.name, inventory: made.dir, verbose, debug, yes: true, mail: false }
  await restore(restored, io, {
    archive: async () => archive,
    fetch: async () => {
      await cutOff(host)
      await host.must(makeRoom)
      await borg.into(['export-tar', `::${archive}`, '-'], 'chroot', [host.root, 'tar', '-x', '-p', '-C', `${restorePlace}/tree`])
    },
  })
  return [
    ...(await files(borg, archive, host)),
    ...(await databases(borg, archive, host, rehearsal)),
    ...(await mailboxes(await loadInventory(made.dir, made.name), rehearsal)),
  ]
}

/** What waits in maddy's queue is not delivered, nor returned to anybody: for maddy there is nobody out there. */
const cutOff = (host: Machine): Promise<string> =>
  host.must(sh`nft -f - <<'END'
table inet drill {
  chain out {
    type filter hook output priority -20; policy accept;
    meta skuid maddy ct state new oifname != "lo" drop
  }
}
END`)

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
  const { DatabaseSync } = await import('node:sqlite')
  const compare = async (what: string, file: string, query: string): Promise<Found> => {
    const copy = join(directory, file)
    writeFileSync(copy, '')
    chmodSync(copy, 0o600)
    await borg.into(['extract', '--stdout', `::${archive}`, `var/lib/provision/backup/dump/maddy/${file}`], 'tee', [copy])
    const database = new DatabaseSync(copy)
    const wanted = database
      .prepare(query)
      .all()
      .map((row) => Object.values(row).join('|'))
    database.close()
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
  ]
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
  const all = [...said.matchAll(/^(\S+) (\d+)$/gm)].reduce((sum, [, , n]) => sum + Number(n), 0)
  const read = [...seen.values()].reduce((sum, n) => sum + n, 0)
  const same = read >= all || server.mail.mode !== 'separate'
  return [{ what: `${read} messages read over IMAP by ${seen.size} accounts`, differs: same ? '' : `${all} are in the database` }]
}
