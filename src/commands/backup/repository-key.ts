import { ProvisionError } from '../../errors.ts'
import type { Io } from '../../session/io.ts'
import { type Opened, open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { sh } from '../../sh.ts'

/** What the store calls the key of a borg repository. */
export const repositoryKeyName = 'backup/repository-key'

/** The same after a run, over a login of its own: the one that the run began with may have been closed by what it corrected. */
export async function fetchRepositoryKey(options: OpenOptions, io: Io): Promise<void> {
  const opened = await open({ ...options, only: [] }, io)
  try {
    await keepRepositoryKey(opened, (line) => io.report.say(line))
  } finally {
    await opened.close()
  }
}

/**
 * Puts a copy of the repository's key into the secrets, as it is now: the repository holds the only other one, and without it even
 * who knows the passphrase reads nothing. It is encrypted with the passphrase, and so is another one when that has changed; the one of
 * before stays in the store with the passphrase of before.
 */
export async function keepRepositoryKey(
  { server, store, connection }: Pick<Opened, 'server' | 'store' | 'connection'>,
  say: (line: string) => void,
): Promise<void> {
  if (server.backup === undefined) return
  await store.open()
  const { code, stdout, stderr } = await connection.run(sh`
umask 077
file=$(mktemp -p /run/provision)
trap 'rm -f -- "$file"' EXIT
provision-backup borg --lock-wait 60 key export "$BORG_REPO" "$file" && cat "$file"`)
  if (code !== 0 || !stdout.startsWith('BORG_KEY '))
    throw new ProvisionError('backup', `the key of the repository could not be exported: ${stderr.trim() || stdout.trim()}`)
  if (store.value(repositoryKeyName) === stdout) return
  await store.update((values) => new Map([...values, [repositoryKeyName, stdout]]), say)
  say(`stored the key of the repository in ${store.file}: ${repositoryKeyName}`)
}
