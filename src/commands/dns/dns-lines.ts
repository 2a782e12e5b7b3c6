import { dkimName, dkimRecord, readDkim } from '../../dns/dkim.ts'
import type { DnsRecord } from '../../dns/record.ts'
import { desiredRecords } from '../../dns/records.ts'
import { recordText } from '../../dns/zone.ts'
import { dkimFiles, type Server } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import { open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'

/** What a change of the inventory means for the zones: the records to publish and to take back, and who does that. */
export function recordLines(before: Server, after: Server, publishes = false): readonly string[] {
  const [old, wanted] = [all(before), all(after)]
  const add = [...wanted].filter(([text]) => !old.has(text)).map(([text]) => text)
  const gone = [...old].filter(([text]) => !wanted.has(text)).map(([text]) => text)
  const fresh = after.domains.filter(({ name }) => !before.domains.some((domain) => domain.name === name))
  return [
    ...(add.length === 0 ? [] : ['', `; ${count(add.length)} to publish`, ...add]),
    ...(gone.length === 0 ? [] : ['', `; ${count(gone.length)} to take back`, ...gone]),
    ...(add.length + gone.length === 0 ? [] : ['', ...(publishes ? [] : publisher(after)).map((line) => `; ${line}`)]),
    ...fresh.map(
      ({ name, dkim: { key } }) =>
        `; DKIM is not among them: its key is made on the host, in ${dkimFiles(name, key).record}, to publish as ${dkimName(name, key)}`,
    ),
  ]
}

/** The DKIM record of a domain that a run has just set up, from the host. */
export async function dkimLines(domain: string, ttl: number, options: OpenOptions, io: Io): Promise<readonly string[]> {
  const { connection, server, close } = await open(options, io)
  const { key } = server.domains.find(({ name }) => name === domain)!.dkim
  try {
    const { code, stdout } = await connection.run(readDkim(domain, key))
    const record = code === 0 ? dkimRecord(domain, key, stdout, ttl) : undefined
    const none = `; the host has no DKIM key of ${domain} in ${dkimFiles(domain, key).record}`
    return record === undefined
      ? ['', none]
      : ['', '; to publish with those above: the DKIM key, from the host', recordText(record)]
  } finally {
    await close()
  }
}

const all = (server: Server): ReadonlyMap<string, DnsRecord> =>
  new Map([...desiredRecords(server).values()].flat().map((record) => [recordText(record), record]))

const count = (n: number): string => (n === 1 ? '1 record' : `${n} records`)

/** Who writes records into the zones. */
function publisher({ dns }: Pick<Server, 'dns'>): readonly string[] {
  if (dns.provider === 'manual') return ['you publish them (dns.provider: manual): paste them where the zone is kept']
  const where = dns.provider === 'ovh' ? 'at OVH' : `on ${dns.server}`
  return [`“provision dns publish” writes them into the zone ${where}`]
}
