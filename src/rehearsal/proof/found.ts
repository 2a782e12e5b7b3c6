import { chmodSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BorgHere } from '../../backup/borg-here.ts'

/** One thing that was compared; `differs` is empty where it is the same. */
export interface Found {
  readonly what: string
  /** A path, for whoever runs the drill: a message to others says `what` alone. */
  readonly where?: string
  readonly differs: string
}

/** The rows that a database of an archive answers a query with, as sqlite3 prints them. The copy of it is made in this folder. */
export async function rowsIn(
  borg: BorgHere,
  archive: string,
  path: string,
  query: string,
  directory: string,
): Promise<readonly string[]> {
  const { DatabaseSync } = await import('node:sqlite')
  const copy = join(directory, basename(path))
  writeFileSync(copy, '')
  chmodSync(copy, 0o600)
  await borg.into(['extract', '--stdout', `::${archive}`, path], 'tee', [copy])
  const database = new DatabaseSync(copy)
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => Object.values(row).join('|'))
  } finally {
    database.close()
  }
}
