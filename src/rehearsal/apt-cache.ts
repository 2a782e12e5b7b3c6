import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** What a cache of Debian packages keeps, and what it may ask for. */
export interface AptCache {
  readonly directory: string
  /** What clients ask for → where it is. Nothing else is fetched: a rehearsal reaches Debian's packages and nothing more. */
  readonly upstream: Readonly<Record<string, string>>
}

/**
 * An HTTP proxy for apt. Packages never change and are fetched once; indexes are asked again, and served as they
 * were when nobody answers, so a second rehearsal downloads nothing and a third works on a train.
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
  return prefix === undefined || asked.includes('/../') ? undefined : `${real}${asked.slice(prefix.length)}`
}

interface Kept {
  readonly modified: string
  readonly type: string
  readonly length: number
}

async function answer(directory: string, address: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = join(directory, createHash('sha256').update(address).digest('hex'))
  const kept = existsSync(`${path}.json`) ? (JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Kept) : undefined
  if (kept !== undefined && /\/pool\/|\/by-hash\//.test(address)) return serve(path, kept, request, response)

  const headers = { 'accept-encoding': 'identity', ...(kept === undefined ? {} : { 'if-modified-since': kept.modified }) }
  const fresh = await fetch(address, { headers, signal: AbortSignal.timeout(600_000) }).catch((error: unknown) => {
    if (kept === undefined) throw error
    return undefined
  })
  if (kept !== undefined && (fresh === undefined || fresh.status === 304 || fresh.status >= 500))
    return serve(path, kept, request, response)
  if (fresh === undefined || fresh.status !== 200 || fresh.body === null) {
    response.writeHead(fresh?.status ?? 502).end()
    return
  }
  await passOn(path, fresh, response)
}

async function serve(
  path: string,
  { modified, type, length }: Kept,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (modified !== '' && request.headers['if-modified-since'] === modified) {
    response.writeHead(304).end()
    return
  }
  response.writeHead(200, {
    'content-type': type,
    'content-length': length,
    ...(modified === '' ? {} : { 'last-modified': modified }),
  })
  await pipeline(createReadStream(path), response)
}

/** To the client and to the disk at once; kept under its name only when it is complete. */
async function passOn(path: string, fresh: Response, response: ServerResponse): Promise<void> {
  const [type, modified, announced] = ['content-type', 'last-modified', 'content-length'].map(
    (name) => fresh.headers.get(name) ?? '',
  )
  response.writeHead(200, {
    'content-type': type || 'application/octet-stream',
    ...(modified ? { 'last-modified': modified } : {}),
    ...(announced ? { 'content-length': announced } : {}),
  })
  const partial = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(partial, 'wx')
  let length = 0
  try {
    for await (const chunk of fresh.body!) {
      await file.write(chunk)
      length += chunk.length
      if (!response.destroyed && !response.write(chunk))
        await new Promise<void>((go) => void response.once('drain', go).once('close', go))
    }
    if (announced && Number(announced) !== length) throw new Error(`${fresh.url} ended after ${length} of ${announced} bytes`)
    renameSync(partial, path)
    writeFileSync(
      `${partial}.json`,
      JSON.stringify({ modified: modified ?? '', type: type || 'application/octet-stream', length } satisfies Kept),
    )
    renameSync(`${partial}.json`, `${path}.json`)
    response.end()
  } catch (error) {
    rmSync(partial, { force: true })
    response.destroy()
    throw error
  } finally {
    await file.close()
  }
}
