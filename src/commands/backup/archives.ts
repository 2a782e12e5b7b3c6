import { fetch, listArchives } from '../../backup/restore-scripts.ts'
import { ProvisionError } from '../../errors.ts'
import type { Inventory } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import { type Opened, open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import type { Sh } from '../../sh.ts'
import type { Connection } from '../../ssh/options.ts'
import { mustPrint } from './backup.ts'

/** Where an archive comes from, and how it gets onto the host, below its `restorePlace`. */
export interface Source {
  archive(connection: Connection): Promise<string>
  fetch(connection: Connection, archive: string, say: (line: string) => void): Promise<void>
}

/** The host gets it by itself, with its own key. */
export const repository = ({ archive }: { readonly archive?: string | undefined }): Source => ({
  archive: async (connection) => chosen((await mustPrint(connection, listArchives)).trim().split('\n').filter(Boolean), archive),
  fetch: async (connection, one, say) => void (await worked(connection, fetch(one, []), say)),
})

/** The archive of this name, or the last. Throws ProvisionError, with those there are. */
export function chosen(archives: readonly string[], wanted: string | undefined): string {
  const last = archives.at(-1)
  if (last === undefined) throw new ProvisionError('backup', 'there is no archive in the repository')
  if (wanted !== undefined && !archives.includes(wanted))
    throw new ProvisionError('--archive', `there is no ${wanted} in the repository; there are: ${archives.slice(-20).join(' ')}`)
  return wanted ?? last
}

/** An archive cannot be opened by secrets that are made up now. */
export async function needSecrets({ server, store }: Inventory): Promise<void> {
  await store.open()
  const missing = [server.backup!.passphrase, server.backup!.key].filter(({ known }) => !known).map(({ name }) => name)
  if (missing.length > 0)
    throw new ProvisionError(
      store.file,
      `it has no ${missing.join(' and no ')}: nothing opens the repository without`,
      'take back the file that was written when the backups were set up, and the identity that opens it',
    )
}

/** A login for one part of a restore. */
export async function over<T>(options: OpenOptions, io: Io, work: (opened: Opened) => Promise<T>): Promise<T> {
  const opened = await open({ ...options, only: [] }, io)
  try {
    return await work(opened)
  } finally {
    await opened.close()
  }
}

/** Runs what changes the host, and returns the end of what it said; how far it is, is told by tens. Throws ProvisionError with that end. */
export async function worked(connection: Connection, script: Sh, say: (line: string) => void): Promise<string> {
  let told = -1
  const said: string[] = []
  const output = await connection.work(script, (line) => {
    const percent = /^ *([0-9]+)\.[0-9]% /.exec(line)?.[1]
    if (percent === undefined) {
      if (line.trim() !== '') said.push(line)
    } else if (Math.floor(Number(percent) / 10) > told) {
      told = Math.floor(Number(percent) / 10)
      say(line.trim())
    }
  })
  if (output.code === 0) return output.stdout
  throw new ProvisionError(
    'restore',
    [...said, output.stderr].join('\n').trim().split('\n').slice(-6).join('\n') || `exit code ${output.code}`,
    'run it again: it goes on',
  )
}
