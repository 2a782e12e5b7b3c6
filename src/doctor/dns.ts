import { Resolver } from 'node:dns/promises'
import { dataOf } from '../dns/data.ts'
import type { DnsRecord } from '../dns/record.ts'
import { resolveName, resolvers } from '../dns/servers.ts'
import { Bogus, CouldNotLook } from './could-not-look.ts'

type Type = DnsRecord['type']

/** The DNS as a stranger sees it: through a resolver. */
export interface OutsideDns {
  /** The records, as a zone file writes them, names without their final dot. None is an empty list. Throws CouldNotLook. */
  ask(name: string, type: Type): Promise<readonly string[]>
  /** Whether the resolver has proved the answer by DNSSEC. Throws CouldNotLook when it does not answer. */
  proved(name: string, type: Type): Promise<boolean>
  /** For libraries: node's own form of an answer, errors with its codes. */
  raw(name: string, type: string): Promise<string[] | string[][]>
}

/** Asks a resolver, or that of this machine. */
export function dnsThrough(given?: string): OutsideDns {
  const from = resolvers(given)
  const node = new Resolver({ timeout: 2500, tries: 2 })
  if (given !== undefined) node.setServers([given])

  const look = async (name: string, type: Type) => {
    const where = given ?? from[0]?.address ?? 'of this machine'
    const lost = (why: string) =>
      new CouldNotLook(`${type} of ${name}: the resolver ${where}: ${why}`, 'try another one: --resolver ADDRESS')
    const reply = await resolveName(from, { name, type }, { dnssec: true }).catch(async (cause: Error) => {
      const open = await resolveName(from, { name, type }, { unchecked: true }).catch(() => undefined)
      if (/SERVFAIL/.test(cause.message) && (open?.rcode === 'NOERROR' || open?.rcode === 'NXDOMAIN'))
        throw new Bogus(
          `${type} of ${name}: the resolver ${where} refuses it (bogus), and answers without validation`,
          'its signatures or its DS are wrong: provision dns check --host X',
        )
      throw lost(cause.message)
    })
    if (reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN') throw lost(`answers ${reply.rcode}`)
    return reply
  }

  return {
    ask: async (name, type) =>
      (await look(name, type)).answers
        .filter((answer) => answer.type === type)
        .map((answer) => (type === 'TXT' ? dataOf(answer)! : dataOf(answer)!.replace(/\.$/, ''))),
    proved: async (name, type) => (await look(name, type)).authentic,
    raw: (name, type) => node.resolve(name, type) as Promise<string[] | string[][]>,
  }
}
