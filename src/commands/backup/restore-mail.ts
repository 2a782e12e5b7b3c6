import { fetch, placeMail } from '../../backup/restore-scripts.ts'
import { ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { apply } from '../plan/apply.ts'
import { over, repository, worked } from './archives.ts'
import type { RestoreOptions } from './restore-options.ts'

/** Puts back the mail of an archive; what is there is kept. */
export async function restoreMail(options: RestoreOptions, io: Io): Promise<number> {
  const say = (line: string) => io.report.say(line)
  await over(options, io, async ({ connection, host }) => {
    const archive = await repository(options).archive(connection)
    const kept = `/var/lib/provision/kept/mail-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`
    if (
      !options.yes &&
      !(await io.ask!.confirm(`Put the mail of ${archive} in place of what ${host} has, which goes to ${kept}?`))
    )
      throw new ProvisionError(host, 'nothing was changed')
    say(`getting the mail of ${archive} out of the repository`)
    await worked(connection, fetch(archive, ['var/lib/maddy', 'var/lib/provision/backup/dump']), say)
    await worked(connection, placeMail(kept), say)
    say(`the mail of ${archive} is in place; what was there is in ${kept}`)
  })
  return apply({ ...options, only: ['maddy'], yes: true, check: false, diff: false }, io)
}
