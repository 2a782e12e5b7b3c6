import type { Server } from '../inventory.ts'
import { type Mailbox, reading } from './mail.ts'
import type { Rehearsal } from './open.ts'

/** How many messages each of these sees over 993, in all its folders. Throws what a refused login throws. */
export async function mailCounts(
  rehearsal: Rehearsal,
  server: Server,
  accounts: readonly Mailbox[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const one of accounts)
    await reading(rehearsal, server, one, async (client) => {
      let sum = 0
      for (const { path } of await client.list()) {
        const status = await client.status(path, { messages: true })
        if (status !== false) sum += status.messages ?? 0
      }
      counts.set(one.address, sum)
    })
  return counts
}
