import { becomeItself, begin, ground, parseGround, placeServer } from '../../backup/restore-scripts.ts'
import { noTerminal, ProvisionError } from '../../errors.ts'
import { declaredFolders, type Inventory } from '../../inventory/inventory.ts'
import { reachedAt } from '../../inventory/reach.ts'
import { endpoint, knownHostsOf } from '../../session/arrival.ts'
import type { Io } from '../../session/io.ts'
import { load, type Opened } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { parseLine } from '../../ssh/keys/public-key.ts'
import { knownName } from '../../ssh/trust/known-hosts.ts'
import { learnOnly } from '../../ssh/trust/known-hosts-file.ts'
import { seconds } from '../../ui/report.ts'
import { giveRootPassword, setting } from '../../util/environment.ts'
import { recordLines } from '../dns/dns-lines.ts'
import { apply } from '../plan/apply.ts'
import { needSecrets, over, repository, type Source, worked } from './archives.ts'
import { backedUp } from './backed-up.ts'
import { mustPrint } from './backup.ts'
import { restoreMail } from './restore-mail.ts'
import type { RestoreOptions } from './restore-options.ts'

/** What has to be there before the data: the system, its users, and what talks to the repository. The rest finds the data in its place. */
export const before = [
  ...['base', 'access', 'certificates/install-acme-sh', 'certificates/make-the-user-that-reads-the-key', 'caddy/install-caddy'],
  ...[
    'certificates/configure-the-renewal',
    'maddy/install-what-maddy-is-looked-at-and-guarded-with',
    ...['mariadb', 'rspamd/install-rspamd'],
    'borg/install-borg',
    'borg/configure-the-backup',
  ],
]

/**
 * Makes a fresh host the server that an archive is of: accounts, mailboxes, keys, certificates, sites, and in the end its ssh host
 * keys. Dead or stopped anywhere, the same command goes on. Returns the exit code. Throws ProvisionError, with what to do.
 */
export async function restore(options: RestoreOptions, io: Io, given?: Source): Promise<number> {
  const began = performance.now()
  const { inventory } = await backedUp(options)
  const source = given ?? repository(options)
  if (given === undefined) await needSecrets(inventory)
  if (!options.yes && io.ask === undefined) throw noTerminal('say --yes to restore without a question')
  if (options.mail) return restoreMail(options, io)

  const say = (line: string) => io.report.say(line)
  // What would be overwritten is looked at before the first change; what the repository holds, once something there can ask it.
  // Each login takes the password out of the environment, and until the admin has a key there are two.
  const password = setting('PROVISION_ROOT_PASSWORD')
  const seen = await over(options, io, async ({ connection }) => parseGround(await mustPrint(connection, ground)))
  if (seen.mail && !seen.begun)
    throw new ProvisionError(
      inventory.name,
      'there is mail on this host: it is no fresh one, and nothing was changed',
      'give a fresh host, with --address; or --only mail puts back the mail of an archive, and keeps what is there',
    )
  if (
    !options.yes &&
    !(await io.ask!.confirm(`Make ${options.address ?? reachedAt(inventory.server)} what ${inventory.name} was?`))
  )
    return 1
  const part = async (only: readonly string[] | undefined): Promise<void> => {
    const code = await apply({ ...options, only, yes: true, check: false, diff: false }, io)
    if (code !== 0) throw new ProvisionError('restore', 'the host could not be prepared', 'run it again: it goes on')
  }
  if (password !== undefined) giveRootPassword(password)
  if (seen.placed === undefined) {
    await part(await there(before, options, io))
    await over(options, io, async ({ connection }) => {
      const archive = await source.archive(connection)
      await worked(connection, begin, say)
      say(`getting ${archive} out of the repository`)
      await source.fetch(connection, archive, say)
      await worked(connection, placeServer(archive, declaredFolders(inventory.server)), say)
      say(`${archive} is in place (${seconds(performance.now() - began)})`)
    })
  } else say(`${seen.placed} is in place already: going on`)
  await part(undefined)
  const lines = await over(options, io, (opened) => itself(opened, inventory, options, say))
  io.report.diff(lines)
  say(`\nrestored in ${seconds(performance.now() - began)}`)
  return 0
}

/** Those of these steps that there are: somebody's own playbooks may have others. */
async function there(ids: readonly string[], options: OpenOptions, io: Io): Promise<readonly string[]> {
  const { playbooks } = await load(options, io, false)
  const known = new Set(playbooks.flatMap(({ id, steps }) => [id, ...steps.map((step) => step.id)]))
  return ids.filter((id) => known.has(id))
}

/** The last step: its old host keys, of which known_hosts hears, and what has to change where it was known by another address. */
async function itself(
  { connection, server }: Opened,
  { dir }: Inventory,
  options: RestoreOptions,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const said = await connection.work(becomeItself)
  if (said.code !== 0) throw new ProvisionError('restore', `the ssh host keys: ${said.stdout.trim()}`, 'run it again: it goes on')
  const { address } = endpoint(options.address ?? reachedAt(server))
  const keys = said.stdout.split('\n').flatMap((line) => parseLine(line) ?? [])
  if (options.hostKey === undefined)
    await learnOnly(knownHostsOf(dir), [knownName(address, 22), knownName(address, server.ssh.port)], keys)
  say(`its ssh host keys are those of the archive`)
  const old = [...said.stdout.matchAll(/^address (.*)$/gm)].map(([, one]) => one!)
  const [was4, was6] = [old.find((one) => !one.includes(':')) ?? server.address, old.find((one) => one.includes(':'))]
  const now = { ...server, ...(address.includes(':') ? { address6: address } : { address }) }
  const then = { ...server, ...(was4 === undefined ? {} : { address: was4 }), ...(was6 === undefined ? {} : { address6: was6 }) }
  const records = recordLines(then, now)
  if (records.length === 0) return []
  return [
    ...records,
    '',
    `; PTR of ${[now.address, now.address6].filter((one) => one !== undefined).join(' and of ')}, at its provider: ${server.mail.hostname}.`,
    ...([server.address, server.address6].includes(address)
      ? []
      : [`; and “${address.includes(':') ? 'address6' : 'address'}: ${address}” in the inventory`]),
  ]
}
