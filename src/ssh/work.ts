import { randomBytes } from 'node:crypto'
import type { ClientChannel } from 'ssh2'
import { ConnectionError } from '../errors.ts'
import { type Sh, sh } from '../sh.ts'
import type { Output } from '../shell.ts'
import { collect, lost } from './exec.ts'
import { lineReader, records } from './records.ts'
import type { Root, Talk } from './root.ts'
import { working } from './scripts.ts'

/** How much of what a correction printed comes back at its end. */
const keptBytes = 64 * 1024

/**
 * Runs a script that changes things, under the host's work lock, so that it outlives this connection; `onLine` hears its lines as they come,
 * and before them for whom it has to wait. Throws ConnectionError when the connection is lost: the script then goes on without us.
 */
export function work(
  root: Root,
  address: string,
  script: Sh,
  who: string,
  onLine: (line: string) => void = () => undefined,
): Promise<Output> {
  const nonce = randomBytes(8).toString('hex')
  const text = working(script, `${who} since ${new Date().toISOString()}`, nonce, keptBytes).text
  return root.exec(sh`sh -s`, nonce, (channel) => follow(channel, address, nonce, text, onLine))
}

async function follow(
  channel: ClientChannel,
  address: string,
  nonce: string,
  text: string,
  onLine: (line: string) => void,
): Promise<Talk<Output>> {
  const lines = lineReader(onLine)
  const last: Buffer[] = []
  let state: 'noise' | 'stream' | 'end' = 'noise'
  let [streamed, code, size] = [0, -1, -1]

  const record = (words: string): void => {
    const [word, ...rest] = words.split(' ')
    if (word === 'start') state = 'stream'
    if (word === 'waiting') onLine(`waiting for the correction of a run that was lost: ${rest.join(' ')}`)
    if (word === 'begin') channel.write('go\n')
    if (word === 'done') [state, code, size] = ['end', Number(rest[0]), Number(rest[1])]
  }
  const data = (bytes: Buffer): void => {
    if (state === 'end') last.push(bytes)
    if (state !== 'stream') return
    streamed += bytes.length
    lines.add(bytes)
  }

  const collected = collect(channel, address, records(nonce, { record, data }))
  channel.write(text)
  const ended = await collected
  if ((state as string) === 'noise') return { ended }
  if (code === -1)
    throw new ConnectionError(
      address,
      `a correction was cut off there: exit code ${ended.code}: ${ended.stderr.toString().trim()}`,
      'run it again',
    )
  const kept = Buffer.concat(last)
  if (kept.length !== Math.min(size, keptBytes)) throw lost(address)
  // What `tail` had not shown yet when it was ended.
  lines.add(kept.subarray(Math.max(0, kept.length - (size - streamed))))
  lines.end()
  return { began: { code, stdout: kept.toString(), stderr: '' } }
}
