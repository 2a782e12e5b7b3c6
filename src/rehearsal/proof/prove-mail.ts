import { accountAddresses, aliasLines, type Server } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import { peerDomain } from '../internet/service.ts'
import type { Rehearsal } from '../open.ts'
import { arrived, fromPeer, type Mailbox, newSubject, reachedPeer, submit } from './mail.ts'
import type { Proof } from './proof.ts'

/** What people and another mail server find on 25, 465 and 993, and what leaves. */
export function mailProofs(rehearsal: Rehearsal, server: Server, password: (name: string) => string): readonly Proof[] {
  const accounts = server.domains.flatMap((domain) => domain.accounts)
  const [mailbox] = accounts.map(({ address, password: { name } }) => ({ address, password: password(name) }))
  if (mailbox === undefined) return []
  const reader = accounts.find(({ address }) => postmasters(server).includes(address))
  return [
    { title: `a mail sent over 465 is read over 993 by ${mailbox.address}`, try: () => toItself(rehearsal, server, mailbox) },
    {
      title: `a mail of ${peerDomain} arrives on 25`,
      try: async () => arrived(rehearsal, server, mailbox, await fromPeer(rehearsal, mailbox.address)),
    },
    { title: `a mail reaches ${peerDomain}`, try: () => toPeer(rehearsal, server, mailbox) },
    ...(reader === undefined
      ? []
      : [
          {
            title: `what the host itself mails to root is read by ${reader.address}`,
            try: () => ofTheHost(rehearsal, server, { address: reader.address, password: password(reader.password.name) }),
          },
        ]),
  ]
}

/** Who reads what is for the primary domain's postmaster. */
function postmasters({ mail: { mode, primary }, domains }: Server): readonly string[] {
  const postmaster = `postmaster@${primary}`
  if (accountAddresses(mode, domains).has(postmaster)) return [postmaster]
  return aliasLines(domains, mode).find(({ from }) => from === postmaster)?.to ?? []
}

/** As cron and all else do: `mail`, which is sendmail, which is msmtp. */
async function ofTheHost(rehearsal: Rehearsal, server: Server, reader: Mailbox): Promise<string> {
  const subject = newSubject('of the host')
  await rehearsal.host.must(sh`echo 'The disk is full.' | mail -s ${subject} root`)
  return arrived(rehearsal, server, reader, subject)
}

async function toItself(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  return arrived(rehearsal, server, mailbox, await submit(rehearsal, server, mailbox, { to: mailbox.address }))
}

async function toPeer(rehearsal: Rehearsal, server: Server, mailbox: Mailbox): Promise<string> {
  await reachedPeer(rehearsal, await submit(rehearsal, server, mailbox, { to: `friend@${peerDomain}` }))
  return 'delivered'
}
