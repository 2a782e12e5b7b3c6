import { defineKind } from '../../engine/kind.ts'
import type { Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'
import { loginLine, maddyAccounts, maddyAs, sqliteText, tryLogin } from '../sh/maddy.ts'
import { keepStamp, stampOf } from '../sh/stamp.ts'

export interface MailAccount {
  /** What its credentials are kept under: an address, or the part before its @. */
  readonly name: string
  /** An address that it logs in with. */
  readonly address: string
  /** Its mailboxes; none for an account that only sends. */
  readonly mailboxes: readonly string[]
  readonly password: Secret
  /** The key of the stamps: see stamp.ts. */
  readonly stampKey: Secret
}

interface State {
  /** The digest of its row in credentials.db; empty when there is none. */
  readonly credentials: string
  /** The mailboxes that are there. */
  readonly mailboxes: readonly string[]
  readonly stamp: string
}

/**
 * An account of maddy: credentials and IMAP mailboxes. The password is proved by a login when it is set, and by its stamp
 * afterwards. maddy's failures exit 0 (seen in 0.9.5), so what counts is what its databases say after it.
 */
export const mailAccount = defineKind<MailAccount, State>({
  name: 'mail-account',
  key: ({ name }) => name,

  probe: (all) => sh`
${maddyAccounts}
for a in ${all.map(({ name }) => name)}; do
  if [ -f "$provision/stamp/mail-$a" ]; then printf 'stamp %s %s\n' "$a" "$(cat "$provision/stamp/mail-$a")"; fi
done
printf 'end\n'`,

  parse: (output, all) => {
    if (!/^end$/m.test(output)) return new Map()
    const rows = output.split('\n').map((line) => line.split(' '))
    const get = (type: string, name: string) => rows.find((row) => row[0] === type && row[1] === name)
    const rest = (type: string, name: string) => get(type, name)?.slice(2).join(' ') ?? ''
    return new Map(
      all.map(({ name, mailboxes }) => [
        name,
        {
          credentials: rest('credentials', name),
          mailboxes: mailboxes.filter((mailbox) => get('mailbox', mailbox) !== undefined),
          stamp: rest('stamp', name),
        },
      ]),
    )
  },

  diff: ({ mailboxes, password, stampKey }, have) => [
    ...lacking(mailboxes, have).map((mailbox) => ({ field: 'mailbox', from: 'absent', to: mailbox })),
    ...(have.credentials === ''
      ? [{ field: 'credentials', from: 'absent', to: 'credentials' }]
      : have.stamp === `${stampOf(password, stampKey)} ${have.credentials}`
        ? []
        : [{ field: 'password', from: 'other', to: 'as declared' }]),
  ],

  // The mailboxes first: a login without one would make it, without Sent, Trash, Junk, Drafts and Archive. For the same reason one
  // that only sends is proved by SMTP.
  apply: ({ name, address, mailboxes, password, stampKey }, have) => sh`
${maddyAs}
${tryLogin}
proved() { login ${mailboxes.length > 0 ? 'imaps://127.0.0.1:993/' : 'smtps://127.0.0.1:465/'} ${loginLine(address, password)}; }
${lacking(mailboxes, have).map((mailbox) => sh`maddy_as imap-acct create ${mailbox} </dev/null`)}
${have.credentials === '' ? sh`printf '%s\n' ${password} | maddy_as creds create ${name}` : sh`proved || printf '%s\n' ${password} | maddy_as creds password ${name}`}
proved
${keepStamp(`mail-${name}`, stampOf(password, stampKey), sh`sqlite3 -readonly /var/lib/maddy/credentials.db ${`SELECT lower(hex(sha3(value, 256))) FROM passwords WHERE key = ${sqliteText(name)}`}`)}`,
})

const lacking = (all: readonly string[], have: State): readonly string[] => all.filter((one) => !have.mailboxes.includes(one))
