import { reachedAt } from '../../../inventory/reach.ts'
import { blind, type Check, each, error, ok } from '../../check.ts'
import { requestHttp } from '../../https.ts'

/** As the clients ask: Thunderbird gets, Outlook posts, Apple's browser gets a profile. Each is told our name and ports. */
export const clientSettings: Check = {
  id: 'client-settings',
  title: 'mail clients set themselves up for every domain',
  limit: 30_000,
  look: ({ server, trusted }) =>
    each(
      server.domains,
      ({ name }) => name,
      async ({ name }) => {
        const { mail } = server
        const address = reachedAt(server)
        const answers = await Promise.all(
          questions(name).map(async (question) => ({ ...question, ...(await requestHttp({ address, trusted, ...question })) })),
        )
        const wrong = answers.find(
          ({ status, body }) => status !== 200 || [mail.hostname, '993', '465'].some((word) => !body.includes(word)),
        )
        if (wrong === undefined) return [ok(name, 'Thunderbird, Outlook, Apple')]
        if (wrong.status === 0) return [blind(name, `${wrong.url}: ${wrong.body}`, 'see ports, units and sites')]
        return [
          error(
            name,
            wrong.status === 200 ? `${wrong.url} does not tell the name and the ports` : `${wrong.url} answers ${wrong.status}`,
            'provision --host X --only caddy',
          ),
        ]
      },
    ),
}

const questions = (name: string) =>
  [
    { url: `autoconfig.${name}/mail/config-v1.1.xml?emailaddress=somebody@${name}` },
    { url: `autodiscover.${name}/Autodiscover/Autodiscover.xml`, method: 'POST', body: '<Autodiscover/>' },
    { url: `autoconfig.${name}/apple.mobileconfig` },
  ] as const
