import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { type Answer, type HttpRequest as Asked, requestHttp as askAt } from '../../doctor/https.ts'
import { sh } from '../../sh.ts'
import { until } from '../local.ts'
import type { Machine } from '../machine/machine.ts'
import type { Rehearsal } from '../open.ts'

/** What a client asks the host for. */
export type HostRequest = Omit<Asked, 'address' | 'trusted'>

/** Asks the host, by its address and under a name, as a client on the internet does. */
export const requestFromHost = (rehearsal: Rehearsal, question: HostRequest): Promise<Answer> =>
  askAt({ ...question, address: rehearsal.host.address, trusted: [readFileSync(rehearsal.caBundle, 'utf8')] })

/** Asks until an answer has this status: a new site gets its certificate first. */
export async function answered(rehearsal: Rehearsal, question: HostRequest, status = 200): Promise<Answer> {
  let last: Answer | undefined
  const evidence = () => `${last?.status} ${last?.body}`
  return until({ where: question.url, what: `an answer ${status}`, limit: 60_000, evidence }, async () => {
    last = await requestFromHost(rehearsal, question)
    return last.status === status ? last : undefined
  })
}

/**
 * The versions of QUIC that 443/udp speaks: it tells them to whoever comes with one that nobody has (RFC 9000 6.1).
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

/** What Caddy's journal says of its requests to the CA: the names that it got a certificate for, in order, and each failed validation. */
export async function requestsOf(
  host: Pick<Machine, 'must'>,
): Promise<{ readonly obtained: readonly string[]; readonly failed: readonly string[] }> {
  const lines = (await host.must(sh`journalctl -q -u caddy.service -o cat --no-pager`)).split('\n')
  return {
    obtained: lines.flatMap((line) => /"msg":"certificate obtained successfully","identifier":"([^"]+)"/.exec(line)?.[1] ?? []),
    failed: lines.filter((line) =>
      /"msg":"(?:challenge failed|validating authorization|could not get certificate|will retry)/.test(line),
    ),
  }
}
