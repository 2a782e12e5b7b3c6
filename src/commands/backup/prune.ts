import { borgHere } from '../../backup/borg-here.ts'
import { noTerminal, ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { backedUp } from './backed-up.ts'

/**
 * Removes what is old from a repository to which the host only adds: from here, with a key of the operator's own. First it shows
 * what is there, since what a thief on the host has deleted is gone for good after it. Returns the exit code.
 */
export async function backupPrune(
  options: OpenOptions & { readonly yes: boolean },
  io: Io,
  out: (line: string) => void,
): Promise<number> {
  const { inventory, backup } = await backedUp(options)
  if (!backup.append_only)
    throw new ProvisionError(inventory.file, 'the host prunes its backups itself', '“append_only: true” leaves that to you')
  if (!options.yes && io.ask === undefined) throw noTerminal('say --yes to prune when no day is missing')
  await inventory.store.open()
  if (!backup.prune_key.known || !backup.passphrase.known)
    throw new ProvisionError(inventory.store.file, 'it has no key to prune with', `provision backup key --host ${inventory.name}`)
  const borg = borgHere(backup, backup.prune_key)
  try {
    const names = (await borg.run(['list', '--format', '{archive} {start:%Y-%m-%d}{NL}'])).trim().split('\n').filter(Boolean)
    for (const line of names) out(line.split(' ')[0]!)
    const gaps = missingDays(
      names.map((line) => line.split(' ')[1]!),
      backup.keep.daily,
      new Date(),
    )
    if (gaps.length > 0) out(`no archive of ${gaps.join(', ')}`)
    if (gaps.length > 0 && options.yes)
      throw new ProvisionError(
        inventory.name,
        `an archive is missing for ${gaps.length} of the last ${backup.keep.daily} days: nothing was removed`,
        'find out why first: a thief on the host may have deleted them, and until something is written with full rights they can be had back',
      )
    if (!options.yes && !(await io.ask!.confirm('Are these the archives that you expect, and may the old ones go for good?')))
      return 1
    const { daily, weekly, monthly } = backup.keep
    const keep = ['--keep-daily', daily, '--keep-weekly', weekly, '--keep-monthly', monthly].map(String)
    await borg.run(['prune', '--list', ...keep], (line) => io.report.say(line))
    await borg.run(['compact'])
    out('what is old is gone, and its room is free')
    return 0
  } finally {
    borg.close()
  }
}

/** The days before today, as far back as dailies are kept and archives reach, of which there is none. */
export function missingDays(there: readonly string[], days: number, now: Date): readonly string[] {
  const first = there.toSorted()[0]
  const before = Array.from({ length: days }, (_, i) => new Date(now.getTime() - (i + 1) * 86_400_000).toISOString().slice(0, 10))
  return before.filter((day) => first !== undefined && day >= first && !there.includes(day)).toSorted()
}
