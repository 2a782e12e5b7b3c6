import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { ConnectionError } from '../../errors.ts'

/** Opens a byte stream to a port of the host: over TCP, or through the last of the hosts on the way. */
export type Route = (port: number, signal: AbortSignal) => Promise<Duplex>

/** How long a port may take to answer at all. */
export const connectLimitMs = 10_000

/** TCP without delay: ssh2 sends small packets, each of which would wait 40 ms for an acknowledgement. */
export function direct(host: string): Route {
  return (port, signal) =>
    new Promise((resolve, reject) => {
      const socket = connectTcp({ host, port, noDelay: true })
      const fail = (why: string) => {
        socket.destroy()
        reject(new ConnectionError(host, why))
      }
      const limit = setTimeout(() => fail(`no answer within ${connectLimitMs / 1000} s`), connectLimitMs)
      const giveUp = () => fail('given up, another way was faster')
      signal.addEventListener('abort', giveUp, { once: true })
      socket.once('error', (error: NodeJS.ErrnoException) => fail(explain(error)))
      socket.once('close', () => clearTimeout(limit))
      socket.once('connect', () => {
        clearTimeout(limit)
        signal.removeEventListener('abort', giveUp)
        socket.removeAllListeners('error')
        // Until ssh2 listens: a reset in between must not end the process.
        socket.on('error', () => undefined)
        resolve(socket)
      })
    })
}

/** Through a login at another host, as `ssh -J` does. */
export function through(client: Client, host: string): Route {
  return (port, signal) =>
    new Promise((resolve, reject) => {
      const limit = setTimeout(
        () => reject(new ConnectionError(host, `no answer within ${connectLimitMs / 1000} s`)),
        connectLimitMs,
      )
      signal.addEventListener('abort', () => reject(new ConnectionError(host, 'given up, another way was faster')), {
        once: true,
      })
      client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
        clearTimeout(limit)
        if (error) reject(new ConnectionError(host, `the host on the way cannot reach it: ${error.message}`))
        else resolve(stream)
      })
    })
}

/** What a socket error means, in words. */
export function explain(error: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to its network',
    ENOTFOUND: 'its name is not known',
    EAI_AGAIN: 'its name could not be looked up',
    ETIMEDOUT: 'no answer',
  }
  return words[error.code ?? ''] ?? error.message
}
