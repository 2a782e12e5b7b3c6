import { createSocket } from 'node:dgram'
import { request as plain } from 'node:http'
import { request } from 'node:https'
import { until } from './local.ts'
import { trusting } from './mail.ts'
import type { Rehearsal } from './open.ts'

/** What a client asks for: GET over https unless it says otherwise. */
export interface Question {
  /** The name, and the path after it: `xoyize.xyz/index.html`. */
  readonly url: string
  readonly scheme?: 'http' | 'https'
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  /** `user:password`. */
  readonly auth?: string | undefined
}

/** What came back. Status 0 is no answer, with the error as its body. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Asks the host, by its address and under a name, as a client on the internet does. Redirects are not followed. */
export function ask(rehearsal: Rehearsal, { url, scheme = 'https', method = 'GET', body, auth }: Question): Promise<Answer> {
  const slash = url.indexOf('/')
  const [name, path] = [url.slice(0, slash), url.slice(slash)]
  const options = { host: rehearsal.host.address, path, method, headers: { host: name }, timeout: 5000, ...(auth && { auth }) }
  return new Promise((resolve) => {
    const call = scheme === 'http' ? plain(options) : request({ ...options, ...trusting(rehearsal, name) })
    call.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    call.on('timeout', () => call.destroy())
    // Not yet: Caddy is still getting the certificate.
    call.on('error', (error) => resolve({ status: 0, headers: {}, body: error.message }))
    call.end(body)
  })
}

/** Asks until an answer has this status: a new site gets its certificate first. */
export async function answered(rehearsal: Rehearsal, question: Question, status = 200): Promise<Answer> {
  let last: Answer | undefined
  const evidence = () => `${last?.status} ${last?.body}`
  return until({ where: question.url, what: `an answer ${status}`, limit: 60_000, evidence }, async () => {
    last = await ask(rehearsal, question)
    return last.status === status ? last : undefined
  })
}

/**
 * The versions of QUIC that 443/udp speaks: it tells them to whoever comes with one that nobody has (RFC 9000, 6.1).
 * 1 is what HTTP/3 runs on.
 */
export function quicVersions({ host }: Rehearsal): Promise<readonly number[]> {
  const hello = Buffer.alloc(1200)
  hello.set([0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1])
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const end = (versions: readonly number[]) => {
      clearTimeout(timer)
      socket.close()
      resolve(versions)
    }
    const timer = setTimeout(() => end([]), 3000)
    socket.on('error', () => end([]))
    socket.on('message', (packet) => {
      // Version 0 is the answer: then come both connection ids, each after its length, and the versions.
      const start = 7 + packet[5]! + packet[6 + packet[5]!]!
      const count = packet.readUInt32BE(1) === 0 ? Math.floor((packet.length - start) / 4) : 0
      end(Array.from({ length: count }, (_, i) => packet.readUInt32BE(start + 4 * i)))
    })
    socket.send(hello, 443, host.address)
  })
}
