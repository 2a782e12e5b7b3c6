import { bringBack, countMessages, fetchDump, forget, listMessages, type WantedMessages } from '../../backup/mailbox-scripts.ts'
import { noTerminal, ProvisionError } from '../../errors.ts'
import { localPart, mailLogins, type Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import type { Connection } from '../../ssh/options.ts'
import { type Archived, archivedLine } from '../../ui/archived.ts'
import { who } from '../../util/who.ts'
import { needSecrets, over, repository, worked } from './archives.ts'
import { backedUp } from './backed-up.ts'
import { mustPrint } from './backup.ts'

/** What `provision restore --mailbox` may be told. */
export interface MailboxOptions extends OpenOptions {
  readonly yes: boolean
  readonly archive?: string | undefined
  readonly mailbox: string
  /** One message: its Message-ID, or `FOLDER:UID`, as the list prints it. */
  readonly message?: string | undefined
  /** Prints the messages of the archive, those with this text, and brings nothing back. */
  readonly list?: string | true | undefined
  /** Every message in the folder that it was in, and none below Restored. */
  readonly inPlace: boolean
}

/**
 * Brings what a mailbox of a server at work has lost back from an archive, beside what it has: one message into its old folder, all
 * of them into folders of their own. Nothing comes twice. Returns the exit code. Throws ProvisionError, with what to do.
 */
export async function restoreMailbox(options: MailboxOptions, io: Io, out: (line: string) => void): Promise<number> {
  const { inventory } = await backedUp(options)
  await needSecrets(inventory)
  if (!options.yes && options.list === undefined && io.ask === undefined)
    throw noTerminal('say --yes to restore without a question')
  const mailbox = mailboxOf(inventory.server, options.mailbox)
  return over(options, io, async ({ connection }) => {
    await connection.lock(who())
    const archive = await repository(options).archive(connection)
    await worked(connection, fetchDump(archive), (line) => io.report.say(line))
    try {
      if (options.list !== undefined) return await list(connection, mailbox, options.list, io, out)
      const wanted = {
        mailbox,
        message: options.message,
        ...(options.message === undefined && !options.inPlace ? { below: `Restored.${dayOf(archive)}` } : {}),
      }
      return await back(connection, archive, wanted, options, io, out)
    } finally {
      await connection.work(forget)
    }
  })
}

/** What maddy calls the mailbox of an address: the inventory says it, and one that is not declared is called as it is written. */
export function mailboxOf({ mail, domains }: Pick<Server, 'mail' | 'domains'>, written: string): string {
  const address = written.toLowerCase()
  const all = mailLogins(mail.mode, domains).flatMap(({ mailboxes }) => mailboxes)
  return all.find((one) => one === address) ?? all.find((one) => one === localPart(address)) ?? address
}

/** The day of an archive, as part of a folder's name: there a full stop parts folders. */
export const dayOf = (archive: string): string => /^\d{4}-\d\d-\d\d/.exec(archive)?.[0] ?? archive.replaceAll('.', '-')

async function list(
  connection: Connection,
  mailbox: string,
  text: string | true,
  io: Io,
  out: (line: string) => void,
): Promise<number> {
  const said = (await mustPrint(connection, listMessages(mailbox))).trim()
  const all = said === '' ? [] : said.split('\n').map((line) => JSON.parse(line) as Archived)
  const like = text === true ? '' : text.toLowerCase()
  const found = all.map((one) => ({ one, line: archivedLine(one) })).filter(({ line }) => line.toLowerCase().includes(like))
  for (const { one, line } of found) {
    io.report.event({ event: 'message', ...one, gone: one.gone === 1 })
    out(line)
  }
  out(`${found.length} of ${all.length} messages; those without a ✓ the mailbox has no more`)
  return 0
}

async function back(
  connection: Connection,
  archive: string,
  wanted: WantedMessages,
  { yes, mailbox: address }: MailboxOptions,
  io: Io,
  out: (line: string) => void,
): Promise<number> {
  const say = (line: string) => io.report.say(line)
  const [then, now, gone, all] = (await mustPrint(connection, countMessages(wanted))).trim().split('\t').map(Number)
  if (then === 0) throw new ProvisionError('--mailbox', `${archive} has no mailbox ${wanted.mailbox}`)
  if (now === 0)
    throw new ProvisionError(
      '--mailbox',
      `the host has no mailbox ${wanted.mailbox} now`,
      `make it first: provision account add ${address}`,
    )
  if (wanted.message !== undefined && all === 0)
    throw new ProvisionError(
      '--message',
      `${archive} has no such message in the mailbox of ${address}`,
      `--list TEXT in its place shows those with that text`,
    )
  if (gone === 0) {
    out(`nothing to do: ${address} still has ${wanted.message === undefined ? 'every message' : 'that message'} of ${archive}`)
    return 0
  }
  const into = wanted.below === undefined ? 'where they were' : `below ${wanted.below.replaceAll('.', '/')}`
  const what = gone === 1 ? '1 message' : `${gone} messages`
  if (!yes && !(await io.ask!.confirm(`Put ${what} of ${archive} into the mailbox of ${address}, ${into}?`))) return 1
  const said = await worked(connection, bringBack(archive, wanted), say)
  const [, came, there, lost] = /^back (\d+) there (\d+) lost (\d+)$/m.exec(said) ?? []
  out(`${came} back in the mailbox of ${address}, ${into}${there === '0' ? '' : `; ${there} were there again already`}`)
  if (lost !== '0') out(`${lost} are in the databases of ${archive}, and their files are not: deleted while it was made`)
  return 0
}
