import { constants } from 'node:os'
import type { ClientChannel } from 'ssh2'
import { ConnectionError, ProvisionError } from '../errors.ts'
import type { Link } from './link.ts'

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

/** Starts a command in a channel of its own. Nothing when the host allows no further channel (MaxSessions). Throws ConnectionError when the link is gone. */
export function openChannel({ client }: Link, address: string, command: string): Promise<ClientChannel | undefined> {
  return new Promise((resolve, reject) => {
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

/**
 * Collects what a command prints, as bytes, until it ends; `sink` takes stdout instead, where it is given.
 * Throws ConnectionError when the connection is lost before the command has ended, ProvisionError when it prints without end.
 */
export function collect(channel: ClientChannel, address: string, sink?: (chunk: Buffer) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
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
    channel.on('close', () => {
      const code = codes.get(channel)
      if (code === undefined) reject(lost(address))
      else resolve({ code, stdout: Buffer.concat(kept.stdout), stderr: Buffer.concat(kept.stderr) })
    })
  })
}
