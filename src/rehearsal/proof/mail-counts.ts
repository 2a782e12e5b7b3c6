import { ImapFlow } from 'imapflow'
import type { Server } from '../../inventory/inventory.ts'
import type { Rehearsal } from '../open.ts'
import type { Mailbox } from './mail.ts'

/**
 * How many messages each of these sees over 993, in all its folders. Throws what a refused login throws. Who signed the certificate is
 * not asked: on a restored host it is that of the host which had the name before, and may have ended since.
 */
export async function mailCounts(
  { host }: Pick<Rehearsal, 'host'>,
  { mail }: Pick<Server, 'mail'>,
  accounts: readonly Mailbox[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { address: user, password: pass } of accounts) {
    const tls = { servername: mail.hostname, rejectUnauthorized: false }
    const client = new ImapFlow({ host: host.address, port: 993, secure: true, logger: false, tls, auth: { user, pass } })
    try {
      await client.connect()
      let sum = 0
      for (const { path } of await client.list()) {
        const status = await client.status(path, { messages: true })
        if (status !== false) sum += status.messages ?? 0
      }
      counts.set(user, sum)
    } finally {
      await client.logout().catch(() => client.close())
    }
  }
  return counts
}
