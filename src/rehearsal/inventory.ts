import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Inventory, loadInventory } from '../inventory/inventory.ts'
import { publicLine } from '../secrets/ed25519.ts'
import { makeIdentity, readIdentity } from '../secrets/identity.ts'
import type { Machine } from './machine/machine.ts'
import { overlaySecrets } from './network/overlay-network.ts'
import type { Rehearsal } from './open.ts'
import { caFile, rehearsed } from './rehearsed.ts'

/** What of a rehearsal an inventory is written for; a test with several hosts says which of them. */
export type Stage = Pick<
  Rehearsal,
  'directory' | 'host' | 'addresses' | 'acmeDirectory' | 'caBundle' | 'dnsServer' | 'tsig' | 'aptProxy' | 'ntfy' | 'storage'
>

/**
 * Writes the rehearsal's own inventory: the unchanged one but for what `rehearsed` sets, with secrets, identity, known_hosts and
 * CA of its own. `provision --host NAME --inventory DIR` is all that is needed afterwards. Returns it, as it loads.
 */
export async function writeInventory(
  { name, document }: Inventory,
  rehearsal: Stage,
  say: (line: string) => void,
): Promise<Inventory> {
  const dir = join(rehearsal.directory, 'inventory')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, `${name}.yml`), rehearsed(document, rehearsal).toString())
  copyFileSync(rehearsal.caBundle, join(dir, caFile))
  writeFileSync(join(dir, 'known_hosts'), knownHosts(rehearsal.host))
  const identity = join(dir, 'identity')
  if ((await readIdentity(identity)) === undefined) await makeIdentity(identity, () => undefined)
  const inventory = await loadInventory(dir, name)
  const token = inventory.server.ntfy?.token
  const given = new Map([['dns/tsig', rehearsal.tsig.secret]])
  if (token !== undefined) given.set(token.name, rehearsal.ntfy.token)
  const overlay = overlaySecrets(rehearsal.directory, inventory.server)
  // A node that is there already stays who it is.
  await inventory.store.update((values) => new Map([...overlay, ...values, ...given]), say)
  if (inventory.server.backup !== undefined) await admitKeys(inventory, inventory.server.backup, rehearsal, say)
  return inventory
}

/** As its owner does once, on the page of whoever rents out the storage. */
async function admitKeys(
  { store, name }: Inventory,
  { key, prune_key, append_only }: NonNullable<Inventory['server']['backup']>,
  { storage }: Stage,
  say: (line: string) => void,
): Promise<void> {
  await store.ensure(append_only ? [key, prune_key] : [key], say)
  storage.admit(publicLine(key.reveal(), name)!, { appendOnly: append_only })
  if (append_only) storage.admit(publicLine(prune_key.reveal(), name)!, { appendOnly: false })
}

/** The host's keys at both ports it may have: what an operator would have been shown by the provider's console. */
function knownHosts({ root, address, address6 }: Machine): string {
  const dir = join(root, 'etc', 'ssh')
  const keys = readdirSync(dir).filter((file) => /^ssh_host_\w+_key\.pub$/.test(file))
  const lines = keys.map((file) => readFileSync(join(dir, file), 'utf8').split(' ').slice(0, 2).join(' ').trim())
  return [address, address6].flatMap((at) => lines.map((key) => `${at} ${key}\n`)).join('')
}
