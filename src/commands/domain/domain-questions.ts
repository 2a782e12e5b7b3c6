import { isIPv6 } from 'node:net'
import { DomainShape, Elsewhere } from '../../inventory/schema/mail.ts'
import type { Answers, Topic } from '../../ui/converse.ts'
import { type Choice, question, words } from '../../ui/fields.ts'

/** A domain as the questions make it: what differs from the defaults, as it is written in the file. */
export interface NewDomain {
  readonly domain: { readonly name: string; readonly [key: string]: unknown }
  /** Whether a site of its name is made too. */
  readonly site: boolean
}

/** What the answers so far contradict elsewhere, as a sentence. */
export type Contradiction = (answers: Answers) => string | undefined

/** What is asked of a new domain besides its name. */
export function domainTopics(contradiction: Contradiction): {
  readonly accounts: (proposal?: string) => Topic
  readonly rest: readonly Topic[]
  readonly web: readonly Topic[]
} {
  const { accounts, catch_all, dmarc, mta_sts } = DomainShape.shape
  const against = (name: string, answers: Answers) => (answer: string) => contradiction({ ...answers, [name]: answer })
  const policies: Topic = ({ name }) => ({
    name: 'policies',
    ask: 'Which policies for forged mail and for TLS?',
    hint: '',
    choices: [
      {
        value: 'usual',
        about: `DMARC ${usual.dmarc.policy}, reports to ${usual.dmarc.reports.join(' ')}@${name}; MTA-STS ${usual.mta_sts.mode}`,
      },
      { value: 'choose', about: 'you are asked for each' },
    ],
    proposal: 'usual',
    optional: false,
    fault: () => undefined,
  })
  const chosen =
    (topic: Topic): Topic =>
    (answers) =>
      answers.policies === 'choose' ? topic(answers) : undefined
  return {
    accounts: (proposal) => (answers) =>
      question('accounts', accounts, {
        proposal,
        hint: 'the part before the @; one or several',
        read: toAccounts,
        contradiction: against('accounts', answers),
      }),
    web: [
      (answers) => question('web', DomainShape.shape.web, { hint: '', choices: webs, read: webOf(answers) }),
      ({ web }) => (web === 'elsewhere' ? question('elsewhere', Elsewhere, { read: elsewhereOf }) : undefined),
    ],
    rest: [
      (answers) =>
        words(answers.accounts ?? '').length === 0
          ? undefined
          : question('catch_all', catch_all, {
              hint: 'mail for addresses that do not exist is refused, unless you name an account here',
              contradiction: against('catch_all', answers),
            }),
      policies,
      chosen(() => question('dmarc', dmarc.unwrap().shape.policy)),
      chosen((answers) =>
        question('reports', dmarc.unwrap().shape.reports, { read: words, contradiction: against('reports', answers) }),
      ),
      chosen(() => question('mta_sts', mta_sts.unwrap().shape.mode)),
    ],
  }
}

/** What the answers mean. */
export function domainOf(answers: Answers): NewDomain {
  const { name = '', accounts = '', catch_all = '', web = 'here', elsewhere = '' } = answers
  const { dmarc = usual.dmarc.policy, reports = usual.dmarc.reports.join(' '), mta_sts = usual.mta_sts.mode } = answers
  const rules = {
    ...(dmarc === usual.dmarc.policy ? {} : { policy: dmarc }),
    ...(reports === usual.dmarc.reports.join(' ') ? {} : { reports: words(reports) }),
  }
  return {
    domain: {
      name,
      ...(words(accounts).length === 0 ? {} : { accounts: toAccounts(accounts) }),
      ...(catch_all === '' ? {} : { catch_all }),
      ...(web === 'elsewhere' && elsewhere !== '' ? { web: { elsewhere: elsewhereOf(elsewhere) } } : {}),
      ...(Object.keys(rules).length === 0 ? {} : { dmarc: rules }),
      ...(mta_sts === usual.mta_sts.mode ? {} : { mta_sts: { mode: mta_sts } }),
    },
    site: web === 'here',
  }
}

const usual = DomainShape.parse({ name: 'example.org' })

const webs: readonly Choice[] = [
  { value: 'here', about: 'on this server, as a site of its own' },
  { value: 'bare', about: 'its names point to this server, but there is no site' },
  { value: 'elsewhere', about: 'on another host' },
]

const webOf = (answers: Answers) => (web: string) =>
  web === 'elsewhere' ? { elsewhere: elsewhereOf(answers.elsewhere ?? '192.0.2.1') } : 'here'

const toAccounts = (answer: string) => words(answer).map((address) => ({ address }))

const elsewhereOf = (answer: string) =>
  Object.fromEntries(words(answer).map((address) => [isIPv6(address) ? 'address6' : 'address', address]))
