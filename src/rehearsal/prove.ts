import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory.ts'
import { sh } from '../sh.ts'
import { until } from './local.ts'
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
          { title: `a mail of ${peerDomain} arrives on 25`, try: () => fromPeer(rehearsal, server, mailbox) },
          { title: `a mail reaches ${peerDomain}`, try: () => toPeer(rehearsal, server, mailbox) },
          { title: 'mail for strangers is refused on 25', try: () => noRelay(rehearsal) },
        ]),
    ...(site === undefined ? [] : [{ title: `https://${site.domain} answers`, try: () => fetchSite(rehearsal, site, password) }]),
  ]
}

interface Mailbox {
  readonly address: string
  readonly password: string
}

const tls = ({ caBundle }: Rehearsal, servername: string) => ({ ca: readFileSync(caBundle), servername })

async function send(rehearsal: Rehearsal, { mail }: Server, { address, password }: Mailbox, to: string): Promise<string> {
  const subject = `rehearsal ${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`
  const transport = createTransport({
    host: rehearsal.host.address,
    port: 465,
    secure: true,
    tls: tls(rehearsal, mail.hostname),
    auth: { user: address, pass: password },
  })
  try {
    await transport.sendMail({ from: address, to, subject, text: 'A mail of the rehearsal.\n' })
  } finally {
    transport.close()
  }
  return subject
}

async function toItself(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  const subject = await send(rehearsal, server, mailbox, mailbox.address)
  return arrived(rehearsal, server, mailbox, subject)
}

async function fromPeer(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  const subject = `from the peer ${Date.now().toString(36)}`
  await rehearsal.internet.must(
    sh`printf 'From: stranger@%s\nTo: %s\nSubject: %s\n\nHello.\n' ${peerDomain} ${mailbox.address} ${subject} | sendmail -f ${`stranger@${peerDomain}`} ${mailbox.address}`,
  )
  return arrived(rehearsal, server, mailbox, subject)
}

async function toPeer(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  const subject = await send(rehearsal, server, mailbox, `friend@${peerDomain}`)
  await until({ where: peerDomain, what: `the mail “${subject}”`, limit: 60_000 }, async () => {
    const { code } = await rehearsal.internet.run(sh`grep -rqF ${`Subject: ${subject}`} /var/mail/peer`)
    return code === 0 ? true : undefined
  })
  return 'delivered'
}

async function noRelay(rehearsal: Rehearsal): Promise<string> {
  const { stdout } = await rehearsal.internet.run(
    sh`swaks --server ${rehearsal.host.address} --from ${`a@${peerDomain}`} --to someone@elsewhere.example --quit-after RCPT 2>&1`,
  )
  const answer = /<\*\* (5\d\d.*)/.exec(stdout)?.[1]
  if (answer === undefined)
    throw new ProvisionError(rehearsal.host.address, `takes mail for strangers: ${stdout.trim().split('\n').slice(-3).join(' ')}`)
  return answer
}

/** Waits until a mail with this subject is in INBOX or Junk. */
async function arrived(rehearsal: Rehearsal, { mail }: Server, { address, password }: Mailbox, subject: string): Promise<string> {
  const client = new ImapFlow({
    host: rehearsal.host.address,
    port: 993,
    secure: true,
    logger: false,
    tls: tls(rehearsal, mail.hostname),
    auth: { user: address, pass: password },
  })
  await client.connect()
  try {
    return await until({ where: address, what: `the mail “${subject}”`, limit: 60_000 }, async () => {
      for (const folder of ['INBOX', 'Junk']) {
        await client.mailboxOpen(folder, { readOnly: true })
        const found = await client.search({ subject })
        if (Array.isArray(found) && found.length > 0) return folder
      }
      return undefined
    })
  } finally {
    await client.logout()
  }
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
        ...tls(rehearsal, domain),
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
