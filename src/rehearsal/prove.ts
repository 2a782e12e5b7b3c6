import { request } from 'node:https'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory.ts'
import { sh } from '../sh.ts'
import { until } from './local.ts'
import { arrived, fromPeer, type Mailbox, reachedPeer, recipientAnswer, submit, trusting } from './mail.ts'
import type { Rehearsal } from './open.ts'
import { peerDomain } from './service.ts'

/** One thing that a finished server does, tried with a real client. Throws when it does not. */
export interface Proof {
  readonly title: string
  try(): Promise<string>
}

/** What is tried at the end of a rehearsal. `password` gives the value of a secret. */
export function proofs(rehearsal: Rehearsal, server: Server, password: (name: string) => string): readonly Proof[] {
  const account = server.domains.flatMap(({ accounts }) => accounts)[0]
  const mailbox = account && { address: account.address, password: password(account.password.name) }
  const site = server.sites[0]
  return [
    ...(mailbox === undefined
      ? []
      : [
          {
            title: `a mail sent over 465 is read over 993 by ${mailbox.address}`,
            try: () => toItself(rehearsal, server, mailbox),
          },
          {
            title: `a mail of ${peerDomain} arrives on 25`,
            try: async () => arrived(rehearsal, server, mailbox, await fromPeer(rehearsal, mailbox.address)),
          },
          { title: `a mail reaches ${peerDomain}`, try: () => toPeer(rehearsal, server, mailbox) },
          { title: 'mail for strangers is refused on 25', try: () => noRelay(rehearsal) },
        ]),
    ...(site === undefined ? [] : [{ title: `https://${site.domain} answers`, try: () => fetchSite(rehearsal, site, password) }]),
  ]
}

async function toItself(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  return arrived(rehearsal, server, mailbox, await submit(rehearsal, server, mailbox, { to: mailbox.address }))
}

async function toPeer(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  await reachedPeer(rehearsal, await submit(rehearsal, server, mailbox, { to: `friend@${peerDomain}` }))
  return 'delivered'
}

async function noRelay(rehearsal: Rehearsal): Promise<string> {
  const answer = await recipientAnswer(rehearsal, 'someone@elsewhere.example')
  if (!answer.startsWith('5')) throw new ProvisionError(rehearsal.host.address, `takes mail for strangers: ${answer}`)
  return answer
}

/** A page put there as the admin would, fetched as a visitor would, with the password that the site asks for. */
async function fetchSite(
  rehearsal: Rehearsal,
  { domain, root, basic_auth: auth }: Server['sites'][number],
  password: (name: string) => string,
): Promise<string> {
  await rehearsal.host.must(
    sh`runuser -u "$(stat -c %U ${root})" -- sh -c 'printf "%s\n" "$1" > "$2"' sh ${`the page of ${domain}`} ${`${root}/rehearsal.html`}`,
  )
  return until({ where: `https://${domain}/rehearsal.html`, what: 'its page', limit: 60_000 }, async () => {
    const { status, body } = await get(
      rehearsal,
      domain,
      auth === undefined ? undefined : `${auth.user}:${password(auth.password.name)}`,
    )
    if (status === 200 && body.includes(domain)) return `200${auth === undefined ? '' : ', with its password'}`
    return undefined
  })
}

function get(
  rehearsal: Rehearsal,
  domain: string,
  auth: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    const call = request(
      {
        host: rehearsal.host.address,
        port: 443,
        path: '/rehearsal.html',
        headers: { host: domain },
        ...trusting(rehearsal, domain),
        ...(auth === undefined ? {} : { auth }),
        timeout: 5000,
      },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    call.on('timeout', () => call.destroy())
    // Not yet: Caddy is still getting the certificate.
    call.on('error', (error) => resolve({ status: 0, body: error.message }))
    call.end()
  })
}
