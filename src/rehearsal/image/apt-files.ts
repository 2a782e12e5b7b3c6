import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'

/** What the cache knows of a file that it has: beside it, in PATH.json. */
export interface Kept {
  readonly modified: string
  readonly type: string
}

/** What is kept at a path, and since when it is known to be true. */
export function keptAt(path: string): (Kept & { readonly since: number }) | undefined {
  const about = `${path}.json`
  if (!existsSync(about)) return undefined
  return { ...(JSON.parse(readFileSync(about, 'utf8')) as Kept), since: statSync(about).mtimeMs }
}

/** It is still true. */
export const keepOn = (path: string): void => utimesSync(`${path}.json`, new Date(), new Date())

/** Answers with it, or with "not modified" to who has it. */
export async function serve(
  path: string,
  { modified, type }: Kept,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (modified !== '' && request.headers['if-modified-since'] === modified) {
    response.writeHead(304).end()
    return
  }
  const file = await open(path)
  const { size } = await file.stat()
  response.writeHead(200, {
    'content-type': type,
    'content-length': size,
    ...(modified === '' ? {} : { 'last-modified': modified }),
  })
  await pipeline(file.createReadStream(), response)
}

/** To the client and to the disk at once; kept under its name only when it is complete. */
export async function passOn(path: string, fresh: Response, response: ServerResponse): Promise<void> {
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
  const closed = once(response, 'close')
  let length = 0
  try {
    for await (const chunk of fresh.body!) {
      await file.write(chunk)
      length += chunk.length
      if (!response.destroyed && !response.write(chunk)) await Promise.race([once(response, 'drain'), closed])
    }
    if (announced && Number(announced) !== length) throw new Error(`${fresh.url} ended after ${length} of ${announced} bytes`)
    renameSync(partial, path)
    writeFileSync(
      `${partial}.json`,
      JSON.stringify({ modified: modified ?? '', type: type || 'application/octet-stream' } satisfies Kept),
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
