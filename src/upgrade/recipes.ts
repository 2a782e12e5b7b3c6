import type { Server } from '../inventory/inventory.ts'
import { mailLogins } from '../inventory/inventory.ts'
import { validateCaddy } from '../kinds/sh/caddy.ts'
import { loginLine, verifyMaddy } from '../kinds/sh/maddy.ts'
import { type Sh, sh } from '../sh.ts'

/** How one program is moved to another version, and what shows that it still does its work. All sh is run by `switchTo`. */
export interface Recipe {
  readonly unit: `${string}.service`
  readonly path: `/${string}`
  /** What it keeps: put back, with the program, on the way back. */
  readonly state: `/${string}`
  /** Below it, files that are written once and never changed: linked, not copied, for there are gigabytes of them. */
  readonly neverChanged?: string
  /** Ports where nobody from outside is let in between the old program and the proof: what would come in then would be lost on the way back. */
  readonly ports: readonly number[]
  /** Its own user, who sends nothing out meanwhile. */
  readonly user: string
  /** Whether this program takes the configuration that is in force. */
  verify(program: string): Sh
  /** Whether it works, asked like a client; within 30 seconds. What fails says so on stderr. */
  readonly canary: Sh
}

/** The programs that can be moved this way. */
export type Upgradable = 'maddy' | 'caddy'

/** How to move each. Throws a plain Error for a server without an account: the schema knows none. */
export const recipes: Readonly<Record<Upgradable, (server: Server) => Recipe>> = {
  maddy: ({ mail, domains }) => ({
    unit: 'maddy.service',
    path: '/usr/local/bin/maddy',
    state: '/var/lib/maddy',
    neverChanged: 'messages',
    ports: [25, 465, 587, 993],
    user: 'maddy',
    verify: (program) => verifyMaddy(program, sh`/etc/maddy/maddy.conf`),
    canary: canaryMail(mailLogins(mail.mode, domains)[0]!, domains),
  }),

  caddy: ({ sites }) => ({
    unit: 'caddy.service',
    path: '/usr/local/bin/caddy',
    state: '/var/lib/caddy',
    ports: [],
    user: 'caddy',
    verify: (program) => validateCaddy(program, sh`/etc/caddy/Caddyfile`),
    canary: sh`
for name in ${sites.flatMap(({ domain, aliases }) => [domain, ...aliases])}; do
  within 30 answers "$name" || { printf '%s: no answer but %s\n' "$name" "$answer" >&2; exit 1; }
done`,
  }),
}

/** A mail from an account to itself, over 465, and found again over 993; then it is deleted. */
function canaryMail(account: ReturnType<typeof mailLogins>[number], domains: Server['domains']): Sh {
  const { address, password } = account
  const who = loginLine(address, password)
  const mailbox = sh`imaps://127.0.0.1:993/INBOX`
  return sh`
subject="provision: a mail to see that mail works ($(cat /proc/sys/kernel/random/uuid))"
send() {
  printf 'From: <%s>\r\nTo: <%s>\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\nSubject: %s\r\n\r\nIt is deleted when it has been found.\r\n' \
    ${address} ${address} "$(date -R)" "$(cat /proc/sys/kernel/random/uuid)" ${domains[0]!.name} "$subject" > "$work/mail"
  printf '%s\n' ${who} | curl -sS --insecure --max-time 20 -K - --url smtps://127.0.0.1:465 --mail-from ${address} --mail-rcpt ${address} -T "$work/mail"
}
ask() { printf '%s\n' ${who} | curl -sS --insecure --max-time 20 -K - --url ${mailbox} -X "$1"; }
found() {
  id=$(ask "UID SEARCH HEADER Subject \"$subject\"" | tr -d '\r' | sed -n 's/^\* SEARCH \([0-9][0-9]*\)$/\1/p')
  [ -n "$id" ]
}
within 30 send || { printf 'it takes no mail over 465\n' >&2; exit 1; }
within 30 found || { printf 'the mail that it took does not arrive in the mailbox of %s\n' ${address} >&2; exit 1; }
ask "UID STORE $id +FLAGS.SILENT (\\Deleted)" && ask 'EXPUNGE'`
}
