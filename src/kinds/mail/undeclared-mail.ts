import { type Change, defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { maddyAccounts, maddyAs, sqliteText } from '../sh/maddy.ts'

export interface UndeclaredMail {
  readonly credentials: readonly string[]
  readonly mailboxes: readonly string[]
  readonly domains: readonly string[]
  /** The file with the addresses of a directory, whose mailboxes are declared there. Until it is there nobody knows whose they are. */
  readonly directory?: `/${string}`
  /** What becomes of others: a mailbox is somebody's, and goes only when the run says so, after a copy. */
  readonly others: 'keep' | 'remove'
}

type What = 'credentials' | 'mailbox' | 'domain'
interface Row {
  readonly what: What
  readonly name: string
}
interface State {
  readonly rows: readonly Row[]
  /** Who is in the directory; nothing when that is not known. */
  readonly listed?: readonly string[]
}

/** Who has an account on the mail server and is not declared. */
export const undeclaredMail = defineKind<UndeclaredMail, State>({
  name: 'undeclared-mail',
  key: () => 'maddy',

  probe: (all) => sh`
${maddyAccounts}
${all.flatMap(({ directory }) => (directory === undefined ? [] : [sh`if [ -f ${directory} ]; then sed 's/^/listed /' ${directory}; else printf 'unlisted\n'; fi`]))}
for f in /var/lib/maddy/dkim_keys/*_*.key; do
  if [ -f "$f" ]; then f=\${f##*/}; printf 'domain %s\n' "\${f%_*}"; fi
done | sort -u
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const rows = [...output.matchAll(/^(?:(credentials) (.*) [0-9a-f]{64}|(mailbox|domain) (.*))$/gm)]
    const state: State = {
      rows: rows.map(([, a, b, c, d]) => ({ what: (a ?? c) as What, name: (b ?? d)! })),
      ...(/^unlisted$/m.test(output) ? {} : { listed: [...output.matchAll(/^listed (.+)$/gm)].map(([, name]) => name!) }),
    }
    return new Map([['maddy', state]])
  },

  diff: (wanted, have): readonly Change[] =>
    wanted.others === 'keep' ? [] : strangers(wanted, have).map(({ what, name }) => ({ field: what, from: name, to: 'absent' })),

  apply: (_, __, changes) => sh`
umask 077
${maddyAs}
${changes.map(({ field, from }) => removals[field as What](from))}`,

  notes: (wanted, have) =>
    wanted.others === 'remove' ? [] : strangers(wanted, have).map(({ what, name }) => `undeclared ${words[what](name)}`),
})

const strangers = ({ credentials, mailboxes, domains }: UndeclaredMail, { rows, listed }: State): readonly Row[] => {
  const declared = { credentials, mailbox: [...mailboxes, ...(listed ?? [])], domain: domains }
  return rows.filter(({ what, name }) => !declared[what].includes(name) && (what !== 'mailbox' || listed !== undefined))
}

const words: Readonly<Record<What, (name: string) => string>> = {
  credentials: (name) => `account ${name}: --prune removes it`,
  mailbox: (name) => `mailbox ${name}: --prune removes it, and keeps a copy`,
  domain: (name) => `domain ${name}: --prune puts its DKIM keys away`,
}

const removals: Readonly<Record<What, (name: string) => Sh>> = {
  credentials: (name) => sh`maddy_as creds remove --yes ${name} </dev/null
rm -f -- "$provision/stamp/mail-"${name}`,
  // Message by message as it was received, in a folder for each of its folders. Again, until nothing came in meanwhile.
  mailbox: (name) => sh`
kept=$provision/kept/mail/${name.replaceAll('/', '_')}.$(date +%Y-%m-%d-%H%M%S)
mkdir -p -- "$kept"
messages() { sqlite3 -readonly -separator ' ' /var/lib/maddy/imapsql.db ${`SELECT extBodyKey, msgId, mboxes.id || '-' || replace(mboxes.name, '/', '_') FROM msgs JOIN mboxes ON mboxes.id = mboxId JOIN users ON users.id = mboxes.uid WHERE username = ${sqliteText(name)} ORDER BY 3, 2`}; }
messages > "$kept/messages"
while :; do
  while read -r key number folder; do
    mkdir -p -- "$kept/$folder"
    cp -- "/var/lib/maddy/messages/$key" "$kept/$folder/$number.eml"
  done < "$kept/messages"
  messages > "$kept/after"
  if cmp -s "$kept/messages" "$kept/after"; then break; fi
  mv -- "$kept/after" "$kept/messages"
done
rm -- "$kept/after"
maddy_as imap-acct remove --yes ${name} </dev/null`,
  domain: (name) => sh`
mkdir -p -- "$provision/kept/dkim"
mv -- ${`/var/lib/maddy/dkim_keys/${name}_`}* "$provision/kept/dkim/"`,
}
