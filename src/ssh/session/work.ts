import { randomBytes } from 'node:crypto'
import type { ClientChannel } from 'ssh2'
import type { Output } from '../../engine/shell.ts'
import { ConnectionError } from '../../errors.ts'
import { type Sh, sh } from '../../sh.ts'
import { collect, lost } from './exec.ts'
import { lineReader, records } from './records.ts'
import type { Root, Talk } from './root.ts'
import { working } from './scripts.ts'

/** What a correction printed is sent again from its beginning when it is no more than so many bytes: no question, no further round trip. */
const little = 64 * 1024

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
  const text = working(script, `${who} since ${new Date().toISOString()}`, nonce, little).text
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
  let last: Buffer = Buffer.alloc(0)
  let state: 'noise' | 'stream' | 'end' = 'noise'
  // Of what it prints: how much was heard, how much of that is sent a second time, and how much there is.
  let [heard, again, code, size] = [0, 0, -1, -1]

  const over = Promise.withResolvers<number>()
  const isOver = (): void => {
    if (state === 'end' && heard === size) over.resolve(0)
  }

  const record = (words: string): void => {
    const [word, ...rest] = words.split(' ')
    if (word === 'start') state = 'stream'
    if (word === 'waiting') onLine(`waiting for the correction of a run that was lost: ${rest.join(' ')}`)
    if (word === 'begin') channel.write('go\n')
    if (word !== 'done') return
    ;[state, code, size] = ['end', Number(rest[0]), Number(rest[1])]
    if (size <= little) again = heard
    else channel.write(`${heard}\n`)
    isOver()
  }
  const data = (bytes: Buffer): void => {
    if (state === 'noise') return
    const fresh = bytes.subarray(again)
    again -= bytes.length - fresh.length
    heard += fresh.length
    last = Buffer.concat([last, fresh]).subarray(-little)
    lines.add(fresh)
    isOver()
  }

  const collected = collect(channel, address, records(nonce, { record, data }), { over: over.promise })
  channel.write(text)
  const ended = await collected
  if ((state as string) === 'noise') return { ended }
  if (code === -1)
    throw new ConnectionError(
      address,
      `a correction was cut off there: exit code ${ended.code}: ${ended.stderr.toString().trim()}`,
      'run it again',
    )
  if (heard !== size) throw lost(address)
  lines.end()
  return { began: { code, stdout: last.toString(), stderr: '' } }
}
