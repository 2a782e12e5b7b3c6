import type { Command } from 'commander'
import { act, needsHost, print } from './action.ts'
import { reaching } from './options.ts'

/** What is kept elsewhere, and how it comes back: `backup`. */
export function backups(program: Command): void {
  const backup = program.command('backup').description('the backups of a host: now, list, check, unlock, key')
  for (const [verb, name, about] of [
    ['now', 'backupNow', 'makes one, saying how far it is'],
    ['list', 'backupList', 'the archives that are there'],
    ['check', 'backupCheck', 'has the whole repository checked'],
    ['unlock', 'backupUnlock', 'removes the lock that a dead run has left'],
    ['key', 'backupKey', 'the public key that the storage has to let in'],
  ] as const) {
    reaching(backup.command(verb).description(about)).action(
      act(async (flags, io) => (await import('../commands/backup.ts'))[name](needsHost(flags), io, print)),
    )
  }
}
