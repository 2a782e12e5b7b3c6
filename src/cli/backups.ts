import type { Command } from 'commander'
import { ProvisionError } from '../errors.ts'
import { needsHost, print, runAction } from './action.ts'
import { names, reaching } from './options.ts'

/** What is kept elsewhere, and how it comes back: `backup`, `restore`. */
export function backups(program: Command): void {
  const backup = program.command('backup').description('the backups of a host: now, list, check, unlock, key, prune')
  for (const [verb, name, about] of [
    ['now', 'backupNow', 'makes one, saying how far it is'],
    ['list', 'backupList', 'the archives that are there'],
    ['check', 'backupCheck', 'has the whole repository checked'],
    ['unlock', 'backupUnlock', 'removes the lock that a dead run has left'],
    ['key', 'backupKey', 'the public key that the storage has to let in'],
  ] as const) {
    reaching(backup.command(verb).description(about)).action(
      runAction(async (flags, io) => (await import('../commands/backup/backup.ts'))[name](needsHost(flags), io, print)),
    )
  }

  reaching(backup.command('prune').description('removes what is old, where the host only adds'))
    .option('--yes', 'no question; nothing is removed when a day is missing')
    .action(
      runAction(async (flags, io) =>
        (await import('../commands/backup/prune.ts')).backupPrune({ ...needsHost(flags), yes: flags.yes === true }, io, print),
      ),
    )

  reaching(program.command('restore').description('makes a fresh host what the last archive is of'))
    .option('--archive <name>', 'another archive, as “backup list” prints it')
    .option('--only <what>', 'mail: only the mail, on a host that is there', names)
    .option('--mailbox <address>', 'what that mailbox has lost, into folders of its own; nothing that is there is touched')
    .option('--message <id>', 'of that mailbox one message, into its old folder')
    .option('--list [text]', 'of that mailbox the messages of the archive, those with this text')
    .option('--in-place', 'of that mailbox every message into its old folder')
    .option('--yes', 'no question')
    .option('--drill', 'onto a disposable host on this machine, and compares; exit code 2 when something differs')
    .option('--notify', 'the verdict of a drill goes to ntfy too')
    .option('--keep', 'leaves the host of a drill running')
    .action(
      runAction(async (flags, io) => {
        const { only, yes = false, drill = false, mailbox, message, list, inPlace = false, ...rest } = needsHost(flags)
        if (mailbox !== undefined) {
          const { restoreMailbox } = await import('../commands/backup/restore-mailbox.ts')
          return restoreMailbox({ ...rest, yes, mailbox, message, list, inPlace }, io, print)
        }
        if (message !== undefined || list !== undefined || inPlace)
          throw new ProvisionError('restore', 'whose mailbox is not said', 'add --mailbox ADDRESS')
        if (drill) return (await import('../commands/backup/drill.ts')).drill(rest, io, print)
        if (only !== undefined && only.join() !== 'mail')
          throw new ProvisionError('--only', `“${only.join()}” cannot be restored by itself`, 'there is: mail')
        return (await import('../commands/backup/restore.ts')).restore({ ...rest, yes, mail: only !== undefined }, io)
      }),
    )
}
