import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientChannel } from 'ssh2'
import { ProvisionError } from '../../errors.ts'
import { sh } from '../../sh.ts'
import type { Link } from '../link/link.ts'
import { collect } from './exec.ts'
import { records } from './records.ts'
import type { Root, Talk } from './root.ts'
import { holding } from './scripts.ts'

/** The run lock of the host, held by a channel: when the connection dies, so does the lock. */
export interface Lease {
  readonly who: string
  readonly since: string
  /** What this run alone knows, and the host keeps beside the lock: the next login shows with it that it is the same run. */
  readonly token: string
  /** The login that carries it. */
  readonly link: Link
  readonly held: boolean
  release(): Promise<void>
}

/** How often the host hears that we are alive; it waits a minute. */
const beatMs = 15_000

/**
 * Takes the run lock, from the login `before` it where there is one, whose link a firewall may have cut without a word. Throws ProvisionError, with who holds it and since when, when another run does.
 */
export async function lease(root: Root, address: string, who: string, before?: Lease): Promise<Lease> {
  const nonce = randomBytes(8).toString('hex')
  const since = before?.since ?? new Date().toISOString()
  const token = before?.token ?? randomBytes(16).toString('hex')
  const script = holding(`${who} since ${since}`, nonce, { token })
  const taken = await root.exec(sh`sh -s`, nonce, (channel) => hold(channel, address, nonce, script.text, before))
  if (typeof taken === 'string')
    throw new ProvisionError(
      address,
      `another run is at work there: ${taken || 'it does not say whose'}`,
      'wait until it has ended',
    )
  const link = root.link()
  return {
    who,
    since,
    token,
    link,
    release: taken.release,
    get held() {
      return taken.held()
    },
  }
}

type Taken = { held(): boolean; release(): Promise<void> }

function hold(
  channel: ClientChannel,
  address: string,
  nonce: string,
  script: string,
  before?: Lease,
): Promise<Talk<Taken | string>> {
  return new Promise((resolve, reject) => {
    let held = false
    const beat = setInterval(() => void channel.write('.'), beatMs)
    beat.unref()
    const record = (text: string): void => {
      if (text === 'start') void before?.release()
      if (text.startsWith('busy')) resolve({ began: text.slice(5) })
      if (text !== 'locked') return
      held = true
      resolve({ began: { held: () => held, release } })
    }
    const ended = collect(channel, address, records(nonce, { record, data: () => undefined }))
    const over = ended.finally(() => {
      held = false
      clearInterval(beat)
    })
    over.then((how) => resolve({ ended: how }), reject)
    const release = async (): Promise<void> => {
      channel.end()
      // A link that is gone without a word answers nothing; the host then waits its minute.
      await Promise.race([over.catch(() => undefined), sleep(2_000, undefined, { ref: false })])
    }
    channel.write(script)
  })
}
