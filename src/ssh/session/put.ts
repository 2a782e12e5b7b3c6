import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { ProvisionError } from '../../errors.ts'
import { collect } from './exec.ts'
import { afterStart } from './records.ts'
import type { Root } from './root.ts'
import { taking } from './scripts.ts'

/**
 * Sends a file to /var/lib/provision/artifacts/SHA256, where it appears whole and checked, or not at all.
 * Throws ProvisionError when it does not arrive as that digest says, ConnectionError when the connection is lost.
 */
export async function upload(root: Root, address: string, path: string, sha256: string): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new ProvisionError(path, `${sha256} is no SHA-256 digest`)
  const nonce = randomBytes(8).toString('hex')
  const { code, stderr } = await root.exec(taking(sha256, nonce), nonce, async (channel) => {
    const collected = collect(channel, address)
    // When the command ends early nobody takes the rest: its exit code says why.
    const sent = pipeline(createReadStream(path), channel, { end: true })
    const ended = await Promise.race([collected, sent.then(() => collected)])
    const said = afterStart(ended.stdout, nonce)
    return said === undefined
      ? { ended }
      : { began: { code: ended.code, stderr: (afterStart(ended.stderr, nonce) ?? ended.stderr).toString() } }
  })
  if (code === 0) return
  const why = stderr.trim().split('\n').at(-1) || 'what arrived has another digest'
  throw new ProvisionError(
    path,
    `could not be sent to ${address}: ${why}`,
    'is the file what its digest says, and has the host room in /var?',
  )
}
