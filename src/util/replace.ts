import { randomBytes } from 'node:crypto'
import { type FileHandle, link, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ProvisionError } from '../errors.ts'

/** Writes a file so that at any time, even after a power cut, the old or the new one is there, whole. */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`
  try {
    await writeFile(temporary, content, { flag: 'wx', mode, flush: true })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error instanceof Error ? new ProvisionError(path, `cannot be written: ${error.message}`) : error
  }
  // The directory holds the name: without this the rename may be lost. Not every file system can.
  const directory = await open(dirname(path), 'r').catch(() => undefined)
  await directory?.sync().catch(() => undefined)
  await directory?.close()
}

/** How old the lock of a writer that died may be: a write takes some hundredths of a second. */
const stale = 10_000

/** Does something while nobody else writes the same file. Throws ProvisionError when another writer does not come to an end. */
export async function whileLocked<T>(path: string, action: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const until = Date.now() + stale * 1.5
  let handle: FileHandle | undefined
  while (handle === undefined) {
    handle = await open(lock, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined
      throw new ProvisionError(path, `cannot be written: ${error.message}`)
    })
    if (handle !== undefined) break
    const since = await stat(lock).catch(() => undefined)
    // Renamed first, so that of two who find it stale only one takes it away.
    if (since !== undefined && Date.now() - since.mtimeMs > stale) {
      const taken = `${lock}.${randomBytes(4).toString('hex')}`
      await rename(lock, taken).catch(() => undefined)
      await rm(taken, { force: true })
    } else if (Date.now() > until) throw new ProvisionError(path, 'somebody else is writing it', `if nobody is, remove ${lock}`)
    else await setTimeout(50)
  }
  try {
    return await action()
  } finally {
    await handle.close()
    await rm(lock, { force: true })
  }
}

/** Writes a file that is not there yet, whole or not at all. Throws ProvisionError when it is there. */
export async function createFile(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`
  try {
    await writeFile(temporary, content, { flag: 'wx', mode, flush: true })
    // A link, unlike a rename, never takes the place of what is there.
    await link(temporary, path)
  } catch (error) {
    const there = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new ProvisionError(path, there ? 'is there already' : `cannot be written: ${String(error)}`)
  } finally {
    await rm(temporary, { force: true })
  }
}
