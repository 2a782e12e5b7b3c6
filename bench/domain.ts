import { setTimeout as sleep } from 'node:timers/promises'
import { type Mailbox, newSubject, submit, withMailbox } from '../src/rehearsal/proof/mail.ts'
import { sh } from '../src/sh.ts'
import { edit, provision, told } from '../test/support/harness.ts'
import type { Installed } from '../test/support/install.ts'
import { install } from '../test/support/install.ts'
import { type Row, time } from './noop.ts'

/** One mail and when its server took it. */
interface Taken {
  readonly subject: string
  readonly at: number
}

/** A sixth domain for a server that is busy in both directions: how long nobody could hand a mail in, and what was lost. */
export async function domain(say: (line: string) => void): Promise<readonly Row[]> {
  say('installing the reference server')
  const it = await install('bench-domain')
  try {
    edit(it.operator, (document) => {
      for (const key of ['rate_per_hour', 'recipients_per_hour']) document.setIn(['mail', 'limits', key], 100_000)
    })
    const ready = await provision(it.operator, ['--yes'])
    if (ready.code !== 0) throw new Error(told(ready))
    const [account] = it.inventory.server.domains[0]!.accounts
    const mailbox = { address: account!.address, password: it.secret(account!.password.name) }

    say('mail in both directions, and a sixth domain')
    const stop = new AbortController()
    const [submitted, received] = [
      handing(stop.signal, (subject) => submit(it.rehearsal, it.inventory.server, mailbox, { to: mailbox.address, subject })),
      receiving(it, mailbox, stop.signal),
    ]
    await sleep(5000)
    const began = performance.now()
    const added = await provision(it.operator, ['domain', 'add', 'sixth.example', '--accounts', 'bob', '--web', 'bare', '--yes'])
    const took = performance.now() - began
    if (added.code !== 0) throw new Error(told(added))
    await sleep(5000)
    stop.abort()
    const taken = { submitted: await submitted, received: await received }
    const all = [...taken.submitted, ...taken.received]
    const lost = await missing(
      it,
      mailbox,
      all.map(({ subject }) => subject),
    )
    const what = 'a sixth domain on a busy server'
    return [
      { what: `${what}: the command`, ours: time(took), theirs: '', ratio: undefined },
      { what: `${what}: longest time without a mail handed in`, ours: time(gap(taken.submitted)), theirs: '', ratio: undefined },
      { what: `${what}: longest time without a mail received`, ours: time(gap(taken.received)), theirs: '', ratio: undefined },
      { what: `${what}: mails taken`, ours: String(all.length), theirs: '', ratio: undefined },
      { what: `${what}: of these lost`, ours: String(lost), theirs: '', ratio: undefined },
    ]
  } finally {
    await it.stop()
  }
}

/** One mail after the other; what was refused is a client's to send again. */
async function handing(stop: AbortSignal, send: (subject: string) => Promise<unknown>): Promise<readonly Taken[]> {
  const taken: Taken[] = []
  while (!stop.aborted) {
    const subject = newSubject('load')
    await send(subject).then(
      () => taken.push({ subject, at: performance.now() }),
      () => undefined,
    )
  }
  return taken
}

/** The same from outside, on 25, by one program that the rehearsal's internet has. */
function receiving({ rehearsal, host }: Installed, { address }: Mailbox, stop: AbortSignal): Promise<readonly Taken[]> {
  return handing(stop, (subject) =>
    rehearsal.internet.must(
      sh`swaks --server ${host.address} --timeout 10 --from a@peer.example --to ${address} --header ${`Subject: ${subject}`} --silent 3`,
    ),
  )
}

const gap = (taken: readonly Taken[]): number => Math.max(...taken.slice(1).map(({ at }, i) => at - taken[i]!.at))

/** How many of these are in no folder after half a minute in which nothing more arrives. */
async function missing(it: Installed, mailbox: Mailbox, subjects: readonly string[]): Promise<number> {
  let left = new Set(subjects)
  for (let quiet = performance.now() + 30_000; left.size > 0 && performance.now() < quiet; await sleep(1000)) {
    const there = await withMailbox(it.rehearsal, it.inventory.server, mailbox, async (client) => {
      const seen: string[] = []
      for (const folder of ['INBOX', 'Junk']) {
        const { exists } = await client.mailboxOpen(folder, { readOnly: true })
        if (exists > 0)
          for await (const { envelope } of client.fetch('1:*', { envelope: true })) seen.push(envelope?.subject ?? '')
      }
      return seen
    })
    const now = new Set([...left].filter((subject) => !there.includes(subject)))
    if (now.size < left.size) quiet = performance.now() + 30_000
    left = now
  }
  return left.size
}
