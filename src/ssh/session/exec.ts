import { constants } from 'node:os'
import type { ClientChannel } from 'ssh2'
import { ConnectionError, ProvisionError } from '../../errors.ts'
import type { Link } from '../link/link.ts'

/** A command that has ended: 128 + n when signal n ended it, as in a shell. */
export interface Ended {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** The connection is gone. What ran under the work lock goes on. */
export function lost(address: string): ConnectionError {
  return new ConnectionError(address, `the connection to ${address} was lost`, 'run it again: every step checks before it acts')
}

/**
 * How long a host may take, in milliseconds: to open a session, until a command in it says its first word, and to end a session whose
 * script has said its end: a shell that does not end, or a process that the script left behind with its output.
 */
const patience = { open: 20_000, firstWord: 60_000, end: 2_000 }

/** The host answers, and does not go on. */
const hangs = (address: string, what: string, ms: number): ConnectionError =>
  new ConnectionError(
    address,
    `the host ${what} within ${Math.round(ms / 1000)} s`,
    'look at its load, its disk and its name servers on the provider’s console',
  )

/**
 * Starts a command in a channel of its own. Nothing when the host allows no further channel (MaxSessions). Throws ConnectionError when the
 * link is gone, or the host does not answer in time.
 */
export function openChannel(
  { client }: Pick<Link, 'client'>,
  address: string,
  command: string,
  limitMs = patience.open,
): Promise<ClientChannel | undefined> {
  return new Promise((settled, rejected) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      rejected(hangs(address, 'opened no session', limitMs))
    }, limitMs)
    const resolve = (channel: ClientChannel | undefined) => {
      clearTimeout(timer)
      if (late) channel?.destroy()
      else settled(channel)
    }
    const reject = (error: Error) => {
      clearTimeout(timer)
      rejected(error)
    }
    try {
      client.exec(command, (error, channel) => {
        if (error === undefined || error === null) {
          // Heard at once: a command that needs no input may have ended in the very packet that says it has begun.
          channel.once('exit', (code: number | null, signal?: string) => void codes.set(channel, codeOf(code, signal)))
          resolve(channel)
        } else if ('reason' in error) resolve(undefined)
        else if (/Unable to exec/.test(error.message))
          reject(new ConnectionError(address, 'the host runs no commands for this user'))
        else reject(lost(address))
      })
    } catch {
      reject(lost(address))
    }
  })
}

/** How the commands of channels ended. */
const codes = new WeakMap<ClientChannel, number>()

const codeOf = (code: number | null, signal = ''): number =>
  code ?? 128 + ((constants.signals as Readonly<Record<string, number>>)[signal] ?? 0)

/** What may come back of a script: more is an error, not a full memory. */
const limits = { stdout: 64 * 1024 * 1024, stderr: 1024 * 1024 }

/** How long is waited for a command. */
interface Limits {
  readonly firstMs?: number
  readonly silenceMs?: number | undefined
  readonly over?: Promise<number>
}

/**
 * Collects what a command prints, as bytes, until it ends; `sink` takes stdout instead, where it is given. Throws ConnectionError when the
 * connection is lost before the command has ended, when the command says nothing at all for a minute, and when it is silent for longer
 * than `silenceMs` after that, where it is given; ProvisionError when it prints without end. `over` may know earlier that all was said, and
 * with which exit code: the session's own end is then waited for no longer than two seconds.
 */
export function collect(
  channel: ClientChannel,
  address: string,
  sink?: (chunk: Buffer) => void,
  { firstMs = patience.firstWord, silenceMs, over }: Limits = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const giveUp = (what: string, ms: number) => () => {
      reject(hangs(address, what, ms))
      channel.destroy()
    }
    let timer = setTimeout(giveUp('ran nothing', firstMs), firstMs)
    let ending = false
    const heard = () => {
      if (ending) return
      clearTimeout(timer)
      if (silenceMs !== undefined) timer = setTimeout(giveUp('said nothing more', silenceMs), silenceMs)
    }
    channel.on('data', heard)
    channel.stderr.on('data', heard)
    const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    const sizes = { stdout: 0, stderr: 0 }
    const keep = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      sizes[stream] += chunk.length
      if (sizes[stream] <= limits[stream]) return void kept[stream].push(chunk)
      reject(new ProvisionError(address, `a script printed more than ${limits[stream] / 1024 / 1024} MiB to ${stream}`))
      channel.destroy()
    }
    channel.on('data', sink ?? keep('stdout'))
    channel.stderr.on('data', keep('stderr'))
    channel.on('error', () => undefined)
    const end = (code: number) => resolve({ code, stdout: Buffer.concat(kept.stdout), stderr: Buffer.concat(kept.stderr) })
    void over?.then((code) => {
      ending = true
      clearTimeout(timer)
      timer = setTimeout(() => {
        end(code)
        channel.destroy()
      }, patience.end)
    })
    channel.on('close', () => {
      clearTimeout(timer)
      const code = codes.get(channel)
      if (code === undefined) reject(lost(address))
      else end(code)
    })
  })
}
