import { ProvisionError } from '../errors.ts'
import type { Io } from '../session/io.ts'
import { defineCommand, flag, type Given, names, optionalValue, value } from './define.ts'
import { reaching, yes } from './options.ts'

const restoring = {
  ...reaching,
  archive: value('--archive <name>', 'a different archive, as “backup list” prints it (default: the last one)'),
  only: names('--only <what>', 'mail: put the mail of the archive in place of what the host has, which is kept'),
  mailbox: value('--mailbox <address>', 'what this mailbox has lost, into folders of its own; nothing else is touched'),
  message: value('--message <id>', 'with --mailbox: this message only, into its old folder'),
  list: optionalValue('--list [text]', 'with --mailbox: list the messages of the archive, or those with this text'),
  inPlace: flag('--in-place', 'with --mailbox: every message into its old folder'),
  yes,
  drill: flag('--drill', 'restore onto a disposable host on this machine, and compare'),
  notify: flag('--notify', 'with --drill: send the verdict to ntfy as well'),
  keep: flag('--keep', 'with --drill: leave the host running'),
}

/** What is kept elsewhere, and how it comes back: `backup`, `restore`. */
export const backupCommands = [
  defineCommand({
    name: 'backup now',
    about: 'Make a backup, and show its progress',
    details: 'What is in it, and where it is kept: [backups](../../guides/backups-and-restore.md).',
    options: reaching,
    examples: ['provision backup now --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/backup.ts')).backupNow(given, io, io.print),
  }),
  defineCommand({
    name: 'backup list',
    about: 'List the archives',
    options: reaching,
    examples: ['provision backup list --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/backup.ts')).backupList(given, io, io.print),
  }),
  defineCommand({
    name: 'backup check',
    about: 'Have the whole repository checked',
    options: reaching,
    examples: ['provision backup check --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/backup.ts')).backupCheck(given, io, io.print),
  }),
  defineCommand({
    name: 'backup unlock',
    about: 'Remove the lock that an interrupted run has left',
    options: reaching,
    examples: ['provision backup unlock --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/backup.ts')).backupUnlock(given, io, io.print),
  }),
  defineCommand({
    name: 'backup key',
    about: 'Print the public key that the storage has to let in',
    options: reaching,
    examples: ['provision backup key --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/backup.ts')).backupKey(given, io, io.print),
  }),
  defineCommand({
    name: 'backup prune',
    about: 'Remove old archives, where the host only adds',
    details: `For an inventory with \`append_only\`: shows the archives, and removes the old ones from your machine. With \`--yes\`
nothing is removed when a day is missing.`,
    options: { ...reaching, yes },
    examples: ['provision backup prune --host my.example.org'],
    run: async (given, io) => (await import('../commands/backup/prune.ts')).backupPrune(given, io, io.print),
  }),
  defineCommand({
    name: 'restore',
    about: 'Make a fresh host the server that the last archive is of',
    details: `With \`--only mail\` or \`--mailbox\` it brings mail back into a server that runs; with \`--drill\` it proves that the
archive can be restored. With \`--address\` the fresh host has a different address. Step by step:
[backups and restore](../../guides/backups-and-restore.md).`,
    options: restoring,
    exits: { 2: 'a drill found a difference' },
    examples: [
      'provision restore --host my.example.org --address 192.0.2.20',
      'provision restore --mailbox alice@example.org --list invoice --host my.example.org',
      'provision restore --drill --notify --host my.example.org',
    ],
    run: restore,
  }),
]

async function restore(given: Given<'', typeof restoring>, io: Io): Promise<number> {
  const { only, drill, mailbox, message, list: text, inPlace, ...rest } = given
  if (mailbox !== undefined) {
    const { restoreMailbox } = await import('../commands/backup/restore-mailbox.ts')
    return restoreMailbox({ ...rest, mailbox, message, list: text, inPlace }, io, io.print)
  }
  if (message !== undefined || text !== undefined || inPlace)
    throw new ProvisionError('restore', 'it is not said which mailbox', 'add --mailbox ADDRESS')
  if (drill) return (await import('../commands/backup/drill.ts')).drill(rest, io, io.print)
  if (only !== undefined && only.join() !== 'mail')
    throw new ProvisionError('--only', `“${only.join()}” cannot be restored on its own`, 'there is: mail')
  return (await import('../commands/backup/restore.ts')).restore({ ...rest, mail: only !== undefined }, io)
}
