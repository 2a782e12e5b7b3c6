import { createHash } from 'node:crypto'
import { mtaStsPolicy } from '../../../inventory/inventory.ts'
import { type Check, each, error, ok, warning } from '../../check.ts'
import { requestHttp } from '../../https.ts'

/** A sender that has the policy delivers only to its MX, by TLS. */
export const mtaStsCheck: Check = {
  id: 'mta-sts',
  title: 'the MTA-STS policy of each domain is announced, and served as it was announced',
  look: ({ server, dns, trusted }) =>
    each(
      server.domains,
      ({ name }) => name,
      async (domain) => {
        const { name } = domain
        const host = `mta-sts.${name}`
        const announced = (await dns.ask(`_mta-sts.${name}`, 'TXT')).filter((text) => text.startsWith('v=STSv1'))
        if (announced.length !== 1)
          return [
            error(
              name,
              `_mta-sts.${name} has ${announced.length} records that begin with v=STSv1, not one`,
              'provision dns check --host X',
            ),
          ]
        const [address] = [...(await dns.ask(host, 'A')), ...(await dns.ask(host, 'AAAA'))]
        if (address === undefined)
          return [error(name, `${host} has no address, so nobody can fetch the policy`, 'provision dns check --host X')]
        const { status, headers, body } = await requestHttp({ address, url: `${host}/.well-known/mta-sts.txt`, trusted })
        const mend =
          domain.mta_sts.served === 'here' ? 'provision --host X --only caddy' : `put the policy on the host that serves ${host}`
        if (status !== 200)
          return [
            error(
              name,
              status === 0 ? `https://${host} does not answer: ${body}` : `${host} answers ${status} instead of the policy`,
              mend,
            ),
          ]
        const policy = mtaStsPolicy(domain, server.mail.hostname)
        const plain = /^text\/plain/.test(String(headers['content-type']))
        if (unix(body) !== unix(policy) || !plain)
          return [
            error(
              name,
              `${host} serves another policy than the inventory's (${plain ? firstDifference(body, policy) : headers['content-type']})`,
              mend,
            ),
          ]
        const id = /\bid=([A-Za-z0-9]+)/.exec(announced[0]!)?.[1]
        if (id !== createHash('sha256').update(policy).digest('hex').slice(0, 20))
          return [
            warning(
              name,
              `_mta-sts.${name} still announces id ${id}: who has an older policy does not fetch this one`,
              'provision dns publish --host X',
            ),
          ]
        return [ok(name, domain.mta_sts.mode)]
      },
    ),
}

const unix = (text: string): string => text.replaceAll('\r\n', '\n').trimEnd()

const firstDifference = (have: string, wanted: string): string => {
  const lines = unix(have).split('\n')
  const i = unix(wanted)
    .split('\n')
    .findIndex((line, at) => line !== lines[at])
  return i === -1 ? 'more lines' : `“${lines[i] ?? ''}” instead of “${unix(wanted).split('\n')[i]}”`
}
