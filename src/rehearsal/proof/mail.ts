import { readFileSync } from 'node:fs'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import type { Server } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import { peerDomain } from '../internet/service.ts'
import { until } from '../local.ts'
import type { Rehearsal } from '../open.ts'

/** Who sends or reads: a login name, and its password. */
export interface Mailbox {
  readonly address: string
  readonly password: string
}

/** A subject that no other mail has. */
export const newSubject = (about: string): string => `${about} ${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`

/** Sends a mail over 465 with nodemailer; throws what it throws. `from` is the login's address unless it is another. */
export async function submit(
  rehearsal: Rehearsal,
  { mail }: Server,
  { address, password }: Mailbox,
  { from = address, to, subject = newSubject('rehearsal') }: { from?: string; to: string; subject?: string },
): Promise<string> {
  const transport = createTransport({
    host: rehearsal.host.address,
    port: 465,
    secure: true,
    tls: trusting(rehearsal, mail.hostname),
    auth: { user: address, pass: password },
  })
  try {
    await transport.sendMail({ from, to, subject, text: 'A mail of the rehearsal.\n' })
  } finally {
    transport.close()
  }
  return subject
}

/** Has the second mail server send a mail to somebody here. Returns its subject. */
export async function fromPeer({ internet }: Rehearsal, to: string): Promise<string> {
  const subject = newSubject('from the peer')
  await internet.must(
    sh`printf 'From: stranger@%s\nTo: %s\nSubject: %s\n\nHello.\n' ${peerDomain} ${to} ${subject} | sendmail -f ${`stranger@${peerDomain}`} ${to}`,
  )
  return subject
}

/** What our port 25 answers the second mail server for a recipient: `250 2.1.5 …`, `550 5.1.1 …`. */
export async function recipientAnswer({ host, internet }: Rehearsal, to: string): Promise<string> {
  const { stdout } = await internet.run(
    sh`swaks --server ${host.address} --from ${`a@${peerDomain}`} --to ${to} --quit-after RCPT 2>&1`,
  )
  return (/RCPT TO:.*\n(?:.*<-|<\*\*|<~)\S* +(.*)/.exec(stdout)?.[1] ?? stdout.trim().split('\n').slice(-3).join(' ')).trim()
}

/** Waits until the second mail server has got it. */
export async function reachedPeer({ internet }: Rehearsal, subject: string): Promise<true> {
  return until({ where: peerDomain, what: `the mail “${subject}”`, limit: 60_000 }, async () => {
    const { code } = await internet.run(sh`grep -rqF ${`Subject: ${subject}`} /var/mail/peer`)
    return code === 0 ? true : undefined
  })
}

/** Waits until a mail with this subject is in INBOX or Junk, and says in which. */
export function arrived(
  rehearsal: Rehearsal,
  server: Server,
  mailbox: Mailbox,
  subject: string,
  limit = 60_000,
): Promise<string> {
  return withMailbox(rehearsal, server, mailbox, (client) =>
    until({ where: mailbox.address, what: `the mail “${subject}”`, limit }, () => find(client, subject)),
  )
}

/** Whether a mail with this subject is there now. */
export const isThere = (rehearsal: Rehearsal, server: Server, mailbox: Mailbox, subject: string): Promise<boolean> =>
  withMailbox(rehearsal, server, mailbox, async (client) => (await find(client, subject)) !== undefined)

/** What an IMAP client sees over 993; throws when the login is refused. */
export async function withMailbox<T>(
  rehearsal: Rehearsal,
  { mail }: Server,
  { address, password }: Mailbox,
  act: (client: ImapFlow) => Promise<T>,
): Promise<T> {
  const client = new ImapFlow({
    host: rehearsal.host.address,
    port: 993,
    secure: true,
    logger: false,
    tls: trusting(rehearsal, mail.hostname),
    auth: { user: address, pass: password },
  })
  try {
    await client.connect()
    return await act(client)
  } finally {
    // Refused logins leave the connection open.
    await client.logout().catch(() => client.close())
  }
}

/** TLS as a client on the internet does it, for the name that it means. */
export const trusting = ({ caBundle }: Rehearsal, servername: string) => ({ ca: readFileSync(caBundle), servername })

async function find(client: ImapFlow, subject: string): Promise<string | undefined> {
  for (const folder of ['INBOX', 'Junk']) {
    await client.mailboxOpen(folder, { readOnly: true })
    const found = await client.search({ subject })
    if (Array.isArray(found) && found.length > 0) return folder
  }
  return undefined
}
