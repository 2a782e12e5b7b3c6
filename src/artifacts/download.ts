import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { retried } from './retry.ts'

/** How long a server may say nothing. */
const patience = 60_000

/**
 * Gets a URL into a file, whole or not at all; a server that stumbles is asked again. Throws an Error that says what came back.
 * `pauses`: before each further attempt, in milliseconds.
 */
export const download = (url: string, path: string, log: (line: string) => void, pauses?: readonly number[]): Promise<void> =>
  retried(() => downloadOnce(url, path, log), {
    what: url,
    log,
    // What it does not have, or does not give, it will not the next time; 408 and 429 say to come again (RFC 9110, RFC 6585).
    again: (error) => !(error instanceof Error && /^the server answered [34](?!08|29)/.test(error.message)),
    ...(pauses === undefined ? {} : { pauses }),
  })

async function downloadOnce(url: string, path: string, log: (line: string) => void): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(), patience)
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const response = await fetch(url, { signal: abort.signal, redirect: 'follow' })
    if (!response.ok || response.body === null)
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trim())
    const total = Number(response.headers.get('content-length') ?? 0)
    const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? url)
    log(`downloading ${name}${total > 0 ? `, ${megabytes(total)}` : ''}`)
    let got = 0
    let said = 0
    const watch = new Transform({
      transform(chunk: Buffer, _, done) {
        clearTimeout(timer)
        timer = setTimeout(() => abort.abort(), patience)
        got += chunk.length
        if (total > 0 && got < total && got - said > total / 4) {
          said = got
          log(`${name}: ${Math.floor((got / total) * 100)} %`)
        }
        done(null, chunk)
      },
    })
    await pipeline(
      Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
      watch,
      createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }),
    )
    if (total > 0 && got !== total && response.headers.get('content-encoding') === null)
      throw new Error(`it broke off after ${megabytes(got)}`)
    await rename(temporary, path)
  } catch (error) {
    throw new Error(abort.signal.aborted ? `nothing came for ${patience / 1000} seconds` : reason(error))
  } finally {
    clearTimeout(timer)
    await rm(temporary, { force: true })
  }
}

/** The digest of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** fetch says only “fetch failed”; why is in its cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError) return reason(cause.errors[0])
  return cause instanceof Error ? cause.message : error.message
}
