import { askServer, inParallel, type NameServer, NoAnswer, type QueryOptions } from './client.ts'
import { type Difference, recordDifferences, type WantedRecords } from './compare.ts'
import { dataOf, txtPieces } from './data.ts'
import type { Said } from './record.ts'
import type { Authority } from './servers.ts'

/** Whether a name server speaks for a zone. */
export type Speaks =
  /** It does: it answers NOERROR, with authority. */
  | { readonly type: 'speaks'; readonly serial: number }
  /** It answers, and does not have the zone: what it says counts for nothing. */
  | { readonly type: 'lame'; readonly why: string }
  /** It could not be asked; `silent`: not even a refusal came back. */
  | { readonly type: 'unknown'; readonly why: string; readonly silent: boolean }

/** Whether a name server speaks for the zone at all: one that is down is waited for once. */
export async function speaks(server: Authority, zone: string, look: QueryOptions): Promise<Speaks> {
  try {
    const { rcode, authoritative, answers } = await askServer(server, { name: zone, type: 'SOA' }, look)
    const soa = answers.find((answer) => answer.type === 'SOA')
    if (rcode === 'NOERROR' && authoritative) return { type: 'speaks', serial: soa?.data.serial ?? 0 }
    return { type: 'lame', why: `it does not speak for ${zone}${rcode === 'NOERROR' ? '' : `: ${rcode}`}` }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { type: 'unknown', why: error.message, silent: error.silent }
  }
}

/** What differs there, and what could not be asked. */
export interface Looked {
  readonly seen?: readonly Difference[] | undefined
  readonly why: readonly string[]
}

/** In what these names differ at one name server. */
export async function lookAtServer(server: Authority, wanted: readonly WantedRecords[], look: QueryOptions): Promise<Looked> {
  const why: string[] = []
  const seen = await inParallel(atOnce, wanted, async (one) => {
    try {
      return recordDifferences(one, await seenAt(server, one, look))
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      why.push(`${one.name} ${one.type}: ${error.message}`)
      return []
    }
  })
  return { seen: seen.flat(), why }
}

/** So many questions are under way at one name server: more look like an attack. */
const atOnce = 24

/** What one name server says there is at a name; without aliases that lead to the same. Throws NoAnswer. */
export async function seenAt(
  server: NameServer,
  { name, type }: WantedRecords,
  asking: QueryOptions = {},
): Promise<readonly Said[]> {
  const { rcode, authoritative, answers } = await askServer(server, { name, type }, asking)
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new NoAnswer(`it answers ${rcode}`)
  if (!authoritative) throw new NoAnswer('it does not speak for the zone')
  const own = answers.flatMap((answer): readonly Said[] => {
    const data = answer.name.toLowerCase() === name ? dataOf(answer) : undefined
    if (data === undefined) return []
    const said: Said = { name, type: answer.type as Said['type'], data, ...('ttl' in answer ? { ttl: answer.ttl } : {}) }
    return [answer.type === 'TXT' ? { ...said, parts: txtPieces(answer) } : said]
  })
  if (own.every((said) => said.type !== 'CNAME')) return own.filter((said) => said.type === type)
  // For a web site an alias is as good as what it leads to. A mail server may have none: RFC 2181 10.3.
  const led = answers.flatMap((answer): readonly Said[] => {
    const data = answer.type === type ? dataOf(answer) : undefined
    return data === undefined ? [] : [{ name, type, data }]
  })
  return led.length > 0 ? led : own
}

/** A name server as it is told. */
export const written = ({ name, address }: Authority): string => `${name} (${address})`
