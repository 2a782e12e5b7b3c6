import { stringify } from 'yaml'
import type { Answers } from '../../ui/converse.ts'
import { words } from '../../ui/fields.ts'
import { domainOf } from '../domain/domain-questions.ts'

/** An inventory as it is written, key by key. */
export type NewServer = Readonly<Record<string, unknown>>

/** What the answers of `init` mean: what has no default, and what differs from it. */
export function newServer(answers: Answers): NewServer {
  const { hostname, address = '', address6 = '', user, name, mx, dns, server = '', ignore = '' } = answers
  const { domain, site } = domainOf(answers)
  return {
    version: 1,
    hostname,
    ...(address === '' ? {} : { address }),
    ...(address6 === '' ? {} : { address6 }),
    admin: { user },
    ...(words(ignore).length === 0 ? {} : { fail2ban: { ignore: words(ignore) } }),
    dns: { provider: dns, ...(server === '' ? {} : { server }) },
    mail: { hostname: mx, primary: name },
    domains: [domain],
    ...(site ? { sites: [{ domain: name }] } : {}),
  }
}

/** The text of an inventory: a heading, then its parts with blank lines between them. */
export function inventoryText(server: NewServer): string {
  const parts = Object.entries(server).map(([key, value]) => ({
    text: stringify({ [key]: value }, { lineWidth: 0 }),
    apart: typeof value === 'object' || key === 'hostname',
  }))
  const heading = '# Made by “provision init”. Every key is explained in example.yml; what is not here has its default.\n'
  return heading + parts.map(({ text, apart }) => (apart ? `\n${text}` : text)).join('')
}
