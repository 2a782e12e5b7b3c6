import { defineKind } from '../kind.ts'
import { Secret, secretText } from '../secret.ts'
import { type Sh, sh } from '../sh.ts'
import { keepStamp, stampOf } from './stamp.ts'

export interface MailAccount {
  /** The user name: an address, in lower case. */
  readonly address: string
  readonly password: Secret
  /** The key of the stamps: see stamp.ts. */
  readonly stampKey: Secret
}

interface State {
  /** The digest of its row in credentials.db; empty when there is none. */
  readonly credentials: string
  readonly mailbox: boolean
  readonly stamp: string
}

/**
 * An account of maddy: credentials and an IMAP mailbox. The password is proved by an IMAP login when it is set, and by its stamp
 * afterwards. maddy's failures exit 0 (seen in 0.9.5), so what counts is what its databases say after it.
 */
export const mailAccount = defineKind<MailAccount, State>({
  name: 'mail-account',
  key: ({ address }) => address,

  probe: (all) => sh`
if [ -f /var/lib/maddy/credentials.db ] && [ -f /var/lib/maddy/imapsql.db ]; then
  sqlite3 -readonly -separator ' ' /var/lib/maddy/credentials.db "SELECT 'credentials', key, lower(hex(sha3(value, 256))) FROM passwords"
  sqlite3 -readonly -separator ' ' /var/lib/maddy/imapsql.db "SELECT 'mailbox', username FROM users"
fi
for a in ${all.map(({ address }) => address)}; do
  if [ -f "$provision/stamp/mail-$a" ]; then printf 'stamp %s %s\n' "$a" "$(cat "$provision/stamp/mail-$a")"; fi
done
printf 'end\n'`,

  parse: (output, all) => {
    if (!/^end$/m.test(output)) return new Map()
    const rows = output.split('\n').map((line) => line.split(' '))
    const get = (type: string, address: string) =>
      rows
        .find((row) => row[0] === type && row[1] === address)
        ?.slice(2)
        .join(' ')
    return new Map(
      all.map(({ address }) => [
        address,
        {
          credentials: get('credentials', address) ?? '',
          mailbox: get('mailbox', address) !== undefined,
          stamp: get('stamp', address) ?? '',
        },
      ]),
    )
  },

  diff: ({ password, stampKey }, { credentials, mailbox, stamp }) => [
    ...(mailbox ? [] : [{ field: 'mailbox', from: 'absent', to: 'mailbox' }]),
    ...(credentials === ''
      ? [{ field: 'credentials', from: 'absent', to: 'credentials' }]
      : stamp === `${stampOf(password, stampKey)} ${credentials}`
        ? []
        : [{ field: 'password', from: 'other', to: 'as declared' }]),
  ],

  // The mailbox first: a login without one would make it, without Sent, Trash, Junk, Drafts and Archive.
  apply: ({ address, password, stampKey }, { credentials, mailbox }) => sh`
${tools}
${mailbox ? sh`` : sh`maddy_as imap-acct create ${address} </dev/null`}
${
  credentials === ''
    ? sh`printf '%s\n' ${password} | maddy_as creds create ${address}
imap_login ${loginOf(address, password)}`
    : sh`if ! imap_login ${loginOf(address, password)}; then
  printf '%s\n' ${password} | maddy_as creds password ${address}
  imap_login ${loginOf(address, password)}
fi`
}
${keepStamp(`mail-${address}`, stampOf(password, stampKey), sh`sqlite3 -readonly /var/lib/maddy/credentials.db ${`SELECT lower(hex(sha3(value, 256))) FROM passwords WHERE key = '${address.replaceAll("'", "''")}'`}`)}`,
})

/** maddy as its own user under its umask: as root it would leave databases that the daemon cannot read, or everybody can. */
const tools: Sh = sh`
maddy_as() { runuser -u maddy -- sh -c 'umask 0007; exec maddy "$@"' maddy "$@" 2>&1 | grep -v 'Failed to disable terminal output' || :; }
imap_login() { printf '%s\n' "$1" | curl -sS -o /dev/null --insecure --max-time 20 -K - --url imaps://127.0.0.1:993/ -X NOOP; }`

/** A line of curl's configuration file, in which a quote and a backslash are escaped: curl(1), --config. */
const loginOf = (address: string, password: Secret): Secret => {
  const quoted = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const escaped = new Secret(password.name, () => (password.known ? quoted(password.reveal()) : undefined))
  return secretText`user = "${quoted(address)}:${escaped}"`
}
