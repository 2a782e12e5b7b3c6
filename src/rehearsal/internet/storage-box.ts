import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../machine/machine.ts'
import { storageAccess, storageHome, storageHostKey, storageRepository } from './services/storage.ts'

/** The storage box of a rehearsal, as whoever rents it sees it. */
export interface StorageBox {
  /** Where the backups of a host go. */
  repository(name: string): string
  /** Its public host key, as its provider would tell it. */
  readonly hostKey: string
  /** Lets a key use borg there. */
  admit(publicKey: string, may: { readonly appendOnly: boolean }): void
}

/** What the customer's page of a storage box is for, on the machine that plays it. */
export const storageBox = (internet: Machine, address: string): StorageBox => ({
  repository: (name) => storageRepository(address, name),
  get hostKey() {
    return readFileSync(join(internet.root, storageHostKey), 'utf8').trim().split(' ').slice(0, 2).join(' ')
  },
  admit: (publicKey, may) => {
    const file = join(internet.root, storageHome, '.ssh', 'authorized_keys')
    const lines = existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : []
    const others = lines.filter((line) => !line.includes(publicKey.split(' ')[1]!))
    writeFileSync(file, `${[...others, storageAccess(publicKey, may)].join('\n')}\n`)
  },
})
