import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { retried } from '../../artifacts/retry.ts'
import { keepOn, keptAt, passOn, serve } from './apt-files.ts'

/** What a cache of Debian packages keeps, and what it may ask for. */
export interface AptCache {
  readonly directory: string
  /** What clients ask for → where it is. Nothing else is fetched: a rehearsal reaches Debian's packages and nothing more. */
  readonly upstream: Readonly<Record<string, string>>
}

/** An index that was fetched less than an hour ago is not asked for again. In milliseconds. */
const freshFor = 3_600_000

/**
 * An HTTP proxy for apt. Packages never change and are fetched once; indexes are asked again after an hour, and served
 * as they were when nobody answers, so a second rehearsal downloads nothing and a third works on a train.
 */
export function aptCache({ directory, upstream }: AptCache): Server {
  mkdirSync(directory, { recursive: true })
  return createServer((request, response) => {
    const address = realAddress(upstream, request.url ?? '')
    if (request.method !== 'GET' || address === undefined) {
      response.writeHead(403).end('only what this rehearsal may install\n')
      return
    }
    answer(directory, address, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502)
      response.end(`${error instanceof Error ? error.message : error}\n`)
    })
  })
}

function realAddress(upstream: AptCache['upstream'], asked: string): string | undefined {
  const [prefix, real] = Object.entries(upstream).find(([from]) => asked.startsWith(from)) ?? []
  if (prefix === undefined || real === undefined) return undefined
  // Normalised first: %2e%2e leads upwards too.
  const { href } = new URL(asked.slice(prefix.length).replace(/^\/+/, ''), real)
  return href.startsWith(real) ? href : undefined
}

async function answer(directory: string, address: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = join(directory, createHash('sha256').update(address).digest('hex'))
  const kept = keptAt(path)
  const young = () => kept !== undefined && Date.now() - kept.since < freshFor
  if (kept !== undefined && (/\/pool\/|\/by-hash\//.test(address) || young())) return serve(path, kept, request, response)

  const headers = { 'accept-encoding': 'identity', ...(kept === undefined ? {} : { 'if-modified-since': kept.modified }) }
  const ask = async () => {
    const answer = await fetch(address, { headers, signal: AbortSignal.timeout(600_000) })
    if (answer.status >= 500 && kept === undefined) throw new Error(`${address} answers ${answer.status}`)
    return answer
  }
  // apt tries no index again that a proxy answered with an error: it is done here, unless there is one to serve.
  const again = () => kept === undefined
  const fresh = await retried(ask, { what: address, log: () => undefined, again, pauses: [500, 2000] }).catch(
    (error: unknown) => {
      if (kept === undefined) throw error
      return undefined
    },
  )
  if (fresh?.status === 304) keepOn(path)
  if (kept !== undefined && (fresh === undefined || fresh.status === 304 || fresh.status >= 500))
    return serve(path, kept, request, response)
  if (fresh === undefined || fresh.status !== 200 || fresh.body === null) {
    response.writeHead(fresh?.status ?? 502).end()
    return
  }
  await passOn(path, fresh, response)
}
