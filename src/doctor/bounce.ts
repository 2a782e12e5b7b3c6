import { setTimeout as pause } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { CouldNotLook } from './could-not-look.ts'

/** Who sends, and gets what comes back. */
export interface Sender {
  readonly host: string
  /** The name that the certificate is for. */
  readonly name: string
  readonly trusted: readonly string[]
  readonly address: string
  readonly password: string
}

/** A mail as it left the queue, and what the host called itself. */
export interface Bounced {
  readonly message: string
  readonly helo: string
}

const text = 'This mail of "provision doctor" goes nowhere, and is deleted when it comes back.\r\n'
/** Nobody has this name: RFC 2606. */
const nobody = 'nobody@doctor.invalid'
const patience = 40_000

/**
 * Sends a mail to a domain that cannot exist, reads what comes back, and deletes it. No other server gets anything.
 * Throws CouldNotLook when it was not taken, or did not come back.
 */
export async function bounced(sender: Sender): Promise<Bounced> {
  const { host, name, trusted, address, password } = sender
  const tls = { ca: [...trusted], servername: name }
  const client = new ImapFlow({
    host,
    port: 993,
    secure: true,
    logger: false,
    tls,
    connectionTimeout: 8000,
    auth: { user: address, pass: password },
  })
  // What is lost after the answer is nobody's business any more.
  client.on('error', () => {})
  try {
    await client.connect().catch((cause: Error) => {
      throw new CouldNotLook(`${address} cannot log in on 993: ${reason(cause)}`, 'see ports, units and certificate')
    })
    const { uidNext } = await client.mailboxOpen('INBOX')
    const id = `<doctor.${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}@${address.split('@')[1]}>`
    await submit(sender, id).catch((cause: Error) => {
      throw new CouldNotLook(`${address} cannot send over 465: ${reason(cause)}`, 'see ports, units and certificate')
    })
    const source = await comesBack(client, uidNext, id)
    const header = /Content-Type: message\/(?:rfc822|global)-headers[\s\S]*?\r?\n\r?\n([\s\S]*?)\r?\n(?:\r?\n)*--/.exec(
      source,
    )?.[1]
    if (header === undefined) throw new CouldNotLook(`what came back to ${address} has no header of the mail in it`)
    const helo = /^Reporting-MTA: *dns; *(\S+)/im.exec(source)?.[1] ?? name
    return { message: `${header.trimEnd().replaceAll(/\r?\n/g, '\r\n')}\r\n\r\n${text}`, helo }
  } finally {
    // Refused logins leave the connection open.
    await client.logout().catch(() => client.close())
  }
}

async function submit({ host, name, trusted, address, password }: Sender, messageId: string): Promise<void> {
  const tls = { ca: [...trusted], servername: name }
  const transport = createTransport({
    host,
    port: 465,
    secure: true,
    connectionTimeout: 8000,
    tls,
    auth: { user: address, pass: password },
  })
  const head = {
    ...{
      From: `<${address}>`,
      To: `<${nobody}>`,
      Subject: 'A look of the doctor',
      Date: new Date().toUTCString().replace('GMT', '+0000'),
    },
    ...{ 'Message-ID': messageId, 'MIME-Version': '1.0', 'Content-Type': 'text/plain; charset=us-ascii' },
  }
  const lines = Object.entries(head).map(([field, value]) => `${field}: ${value}\r\n`)
  try {
    // As it is: the signature is over these very bytes.
    await transport.sendMail({ envelope: { from: address, to: nobody }, raw: `${lines.join('')}\r\n${text}` })
  } finally {
    transport.close()
  }
}

async function comesBack(client: ImapFlow, from: number, id: string): Promise<string> {
  const end = performance.now() + patience
  while (performance.now() < end) {
    await client.noop()
    // Whole, before the next command: one while a FETCH goes on would wait for ever.
    const fresh = await client.fetchAll(`${from}:*`, { uid: true, source: true }, { uid: true })
    const found = fresh.find(({ uid, source }) => uid >= from && source?.includes(id))
    if (found?.source !== undefined) {
      await remove(client, found.uid)
      return found.source.toString()
    }
    await pause(300)
  }
  throw new CouldNotLook(`the mail did not come back within ${patience / 1000} s`, 'on the host: journalctl -u maddy; see queue')
}

/**
 * Without UIDPLUS, which maddy has not, an EXPUNGE takes along what others have marked: where there is such, ours stays marked with it.
 * While its database is busy maddy says no: then again.
 */
async function remove(client: ImapFlow, uid: number): Promise<void> {
  await client.messageFlagsAdd(String(uid), ['\\Deleted', '\\Seen'], { uid: true })
  for (let tries = 0; tries < 10; tries++) {
    const marked = await client.search({ deleted: true }, { uid: true })
    if (Array.isArray(marked)) {
      if (marked.length === 0) return
      const all = await client.fetchAll(marked, { uid: true, source: true }, { uid: true })
      const ours = all.filter(({ source }) => source?.includes(nobody)).map((one) => one.uid)
      if (ours.length < marked.length && !client.capabilities.has('UIDPLUS')) return
      await client.messageDelete(ours, { uid: true })
    }
    await pause(200)
  }
}

const reason = (cause: Error): string =>
  'responseText' in cause && typeof cause.responseText === 'string' ? cause.responseText : cause.message
