import { connect } from 'node:net'
import { type Answer, decode, encode } from 'dns-packet'
import type { NameServer } from '../../../dns/client.ts'
import { canonical, dataOf, txtPieces } from '../../../dns/data.ts'
import { purpose } from '../../../dns/meaning.ts'
import type { OvhRecord } from '../../../dns/providers/ovh-plan.ts'
import type { DnsRecord, Said } from '../../../dns/record.ts'
import { type TsigKey, update } from '../../../dns/update.ts'
import { characterStrings, dataText } from '../../../dns/zone.ts'

/** The zones of an account: what is changed is seen at once here, and by others after a refresh only. */
export interface OvhZones {
  readonly names: readonly string[]
  /** As it is now. */
  list(zone: string): Promise<readonly OvhRecord[]>
  /** As it was when it was listed last. */
  listed(zone: string): Promise<readonly OvhRecord[]>
  add(record: Omit<OvhRecord, 'id'>): Promise<OvhRecord>
  remove(record: OvhRecord): void
  refresh(zone: string): Promise<void>
}

interface Pending {
  readonly added: Map<number, OvhRecord>
  readonly removed: Map<number, OvhRecord>
}

/** Kept in the small internet’s BIND, which others change too: so it is read each time. */
export function ovhZones(names: readonly string[], server: NameServer, key: TsigKey): OvhZones {
  // What a record is called here as long as this runs, and how whoever made it wrote it.
  const known = new Map<string, Pick<OvhRecord, 'id' | 'fieldType' | 'target'>>()
  const pending = new Map<string, Pending>(names.map((zone) => [zone, { added: new Map(), removed: new Map() }]))
  const snapshots = new Map<string, readonly OvhRecord[]>()
  let last = 5_000_000_000
  const numbered = (zone: string, said: Said, ttl: number): OvhRecord => {
    const here = known.get(keyOf(said)) ?? { id: ++last, fieldType: fieldTypeOf(said), target: dataText(said) }
    known.set(keyOf(said), here)
    return { ...here, zone, subDomain: said.name === zone ? '' : said.name.slice(0, -zone.length - 1), ttl }
  }
  const waiting = (zone: string): Pending => pending.get(zone) ?? { added: new Map(), removed: new Map() }
  const read = async (zone: string) => {
    snapshots.set(
      zone,
      (await transfer(server, zone)).map(({ said, ttl }) => numbered(zone, said, ttl)),
    )
  }
  const withPending = (zone: string) => {
    const { added, removed } = waiting(zone)
    const published = snapshots.get(zone) ?? []
    return [...published.filter(({ id }) => !removed.has(id) && !added.has(id)), ...added.values()]
  }
  return {
    names,
    list: async (zone) => {
      await read(zone)
      return withPending(zone)
    },
    listed: async (zone) => {
      if (!snapshots.has(zone)) await read(zone)
      return withPending(zone)
    },
    add: async (record) => {
      const one = { ...record, id: ++last }
      known.set(keyOf(recordOfZone(one)), one)
      waiting(record.zone).added.set(one.id, one)
      return one
    },
    remove: (record) => {
      const { added, removed } = waiting(record.zone)
      if (!added.delete(record.id)) removed.set(record.id, record)
    },
    refresh: async (zone) => {
      const { added, removed } = waiting(zone)
      const there = new Map((await transfer(server, zone)).map(({ said }) => [keyOf(said), said]))
      await update(
        server,
        {
          zone,
          // As it is there, piece by piece.
          remove: [...removed.values()].flatMap((record) => there.get(keyOf(recordOfZone(record))) ?? []),
          add: [...added.values()].map(
            (record) => ({ ...recordOfZone(record), ttl: record.ttl === 0 ? 3600 : record.ttl }) as DnsRecord,
          ),
        },
        key,
      )
      added.clear()
      removed.clear()
      await read(zone)
    },
  }
}

/** A record of the API as the DNS has it. */
export function recordOfZone({ zone, subDomain, fieldType, target }: Omit<OvhRecord, 'id'>): Said {
  const name = (subDomain === '' ? zone : `${subDomain}.${zone}`).toLowerCase()
  if (['TXT', 'SPF', 'DKIM', 'DMARC'].includes(fieldType))
    return { name, type: 'TXT', data: target.startsWith('"') ? characterStrings(target).join('') : target }
  const type = fieldType as Said['type']
  return { name, type, data: canonical({ type, data: target }) }
}

const keyOf = (said: Said): string => [said.name, said.type, canonical(said)].join(' ')

/** Of a TXT the API makes kinds of its own. */
const fieldTypeOf = (said: Said): string =>
  ({ 'TXT spf1': 'SPF', 'TXT dkim1': 'DKIM', 'TXT dmarc1': 'DMARC' })[purpose(said)] ?? said.type

/** A whole zone, without its SOA. */
async function transfer(
  { address, port }: NameServer,
  zone: string,
): Promise<readonly { readonly said: Said; readonly ttl: number }[]> {
  const socket = connect({ host: address, port })
  const answers = await new Promise<readonly Answer[]>((resolve, reject) => {
    let got = Buffer.alloc(0)
    const all: Answer[] = []
    socket.setTimeout(10_000, () => reject(new Error(`${address} does not send ${zone}`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${address} sent half of ${zone}`)))
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk])
      for (; got.length >= 2 && got.length >= 2 + got.readUInt16BE(0); got = got.subarray(2 + got.readUInt16BE(0))) {
        const { answers = [], ...packet } = decode(got.subarray(2, 2 + got.readUInt16BE(0)))
        if (answers.length === 0) return reject(new Error(`${address} refuses to send ${zone}: ${JSON.stringify(packet)}`))
        all.push(...answers)
        // It begins and ends with the SOA.
        if (all.filter(({ type }) => type === 'SOA').length === 2) return resolve(all)
      }
    })
    const message = encode({ type: 'query', id: 1, questions: [{ type: 'AXFR', name: zone }] })
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]))
  }).finally(() => socket.destroy())
  return answers.flatMap((answer) => {
    const data = dataOf(answer)
    if (data === undefined) return []
    const said: Said = { name: answer.name.toLowerCase(), type: answer.type as Said['type'], data }
    const ttl = 'ttl' in answer ? (answer.ttl ?? 0) : 0
    return [{ said: answer.type === 'TXT' ? { ...said, parts: txtPieces(answer) } : said, ttl }]
  })
}
