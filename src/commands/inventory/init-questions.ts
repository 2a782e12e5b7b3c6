import { isIPv4, isIPv6 } from 'node:net'
import { noAddress } from '../../inventory/conflicts/conflicts.ts'
import { Admin, Fail2ban } from '../../inventory/schema/access.ts'
import { HostName, UserName } from '../../inventory/schema/fields.ts'
import { DomainShape, Mail } from '../../inventory/schema/mail.ts'
import { Server } from '../../inventory/schema/server.ts'
import { ServerShape } from '../../inventory/schema/shape.ts'
import { Dns } from '../../inventory/schema/web.ts'
import type { Answers, Topic } from '../../ui/converse.ts'
import { question, words } from '../../ui/fields.ts'
import { domainTopics } from '../domain/domain-questions.ts'
import { newServer } from './init-file.ts'

/** What is known before the first question. */
export interface InitDefaults {
  /** What the inventory is called: a host name, an address, or any name. */
  readonly given: string | undefined
  readonly user: string
  /** The address that the operator's own login comes from. */
  readonly from: string | undefined
  /** Whether there is an inventory of that host already. */
  readonly taken?: (hostname: string) => boolean
}

/** The questions that make a server, the fewest that its schema has no default for. */
export function initTopics({ given, user, from, taken }: InitDefaults): readonly Topic[] {
  const shape = ServerShape.shape
  const onlyIf = (fits: boolean | undefined): string | undefined => (fits === true ? given : undefined)
  const { accounts, web } = domainTopics(contradiction)
  const [, Nsupdate] = Dns.options
  return [
    () =>
      question('hostname', shape.hostname, {
        proposal: onlyIf(HostName.safeParse(given).success),
        contradiction: (hostname) =>
          taken?.(hostname) ? `there is an inventory of ${hostname} already: name a different host, or edit that one` : undefined,
      }),
    () => question('address', shape.address, { proposal: onlyIf(isIPv4(given ?? '')) }),
    ({ address }) =>
      question('address6', shape.address6, {
        proposal: onlyIf(isIPv6(given ?? '')),
        contradiction: (address6) => (`${address ?? ''}${address6}` === '' ? noAddress : undefined),
      }),
    () => question('user', Admin.shape.user, { proposal: UserName.safeParse(user).success ? user : undefined }),
    ({ hostname = '' }) =>
      question('name', DomainShape.shape.name, {
        ask: String(Mail.shape.primary.meta()?.ask),
        hint: 'the first of its mail domains; “domain add” adds more later',
        proposal: hostname.split('.').length > 2 ? hostname.slice(hostname.indexOf('.') + 1) : hostname,
      }),
    (answers) => accounts(answers.user)(answers),
    (answers) =>
      question('mx', Mail.shape.hostname, {
        proposal: `mx1.${answers.name}`,
        contradiction: (mx) => contradiction({ ...answers, mx }),
      }),
    ...web,
    () => question('dns', Dns, { hint: '', read: (provider) => ({ provider, server: '192.0.2.1' }) }),
    ({ dns }) => (dns === 'nsupdate' ? question('server', Nsupdate.shape.server) : undefined),
    () =>
      from === undefined
        ? undefined
        : question('ignore', Fail2ban.unwrap().shape.ignore, {
            proposal: from,
            read: words,
            hint: 'anyone else who fails to log in too often is; the address in brackets is yours',
          }),
  ]
}

/** What is wrong with a server of which the rest is not known yet. */
function contradiction(answers: Answers): string | undefined {
  const filled = {
    hostname: 'example.org',
    address: '192.0.2.1',
    user: 'admin',
    accounts: 'postmaster',
    dns: 'manual',
    ...answers,
  }
  const result = Server.safeParse(newServer({ mx: `mx1.${answers.name}`, ...filled, web: 'bare' }))
  return result.success ? undefined : result.error.issues[0]!.message
}
