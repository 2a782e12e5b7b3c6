import { ProvisionError } from '../../errors.ts'
import { type Inventory, loadInventory, type Server } from '../../inventory/inventory.ts'
import type { OpenOptions } from '../../session/open-options.ts'

/** An inventory whose server has backups. Throws ProvisionError for one that has none. */
export async function backedUp({ inventory: dir, host }: Pick<OpenOptions, 'inventory' | 'host'>): Promise<{
  readonly inventory: Inventory
  readonly backup: NonNullable<Server['backup']>
}> {
  const inventory = await loadInventory(dir, host)
  const { backup } = inventory.server
  if (backup === undefined) throw new ProvisionError(inventory.file, 'says nothing of backups', 'see “backup:” in example.yml')
  return { inventory, backup }
}
