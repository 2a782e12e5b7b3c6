import { systemLogin } from '../../../inventory/inventory.ts'
import { type Sh, sh } from '../../../sh.ts'
import { blind, type Check, error, type Finding, ok } from '../../check.ts'
import type { Patient } from '../../patient.ts'

/**
 * Each jail runs, and its filter matches what the installed version really logs: one real failure of each sort is made on
 * loopback, which no jail bans, and fail2ban-regex reads the lines of it.
 */
export const jails: Check = {
  id: 'jails',
  title: 'every jail runs, and matches the lines that its daemon writes today',
  limit: 45_000,
  look: async (patient) => {
    const all = jailsOf(patient)
    const said = await patient.on(script(all))
    if (/^down fail2ban$/m.test(said)) return [blind('fail2ban', 'does not run', 'see units')]
    const running = /^running (.*)$/m.exec(said)?.[1]?.split(/[ ,]+/) ?? []
    return all.map(({ jail, where, fail }) => {
      const [, lines, hits] = new RegExp(`^matched ${jail} (\\d+) (\\d+)$`, 'm').exec(said) ?? []
      const down = new RegExp(`^down ${where}$`, 'm').test(said)
      return judged({
        jail,
        where,
        tried: fail !== undefined,
        down,
        runs: running.includes(jail),
        lines: Number(lines ?? 0),
        hits: Number(hits ?? 0),
      })
    })
  },
}

interface Jail {
  readonly jail: string
  /** The filter as fail2ban-regex takes it. */
  readonly filter: string
  /** Whose lines it reads. */
  readonly where: string
  /** Fails once, from loopback. None for a jail whose lines are there or not. */
  readonly fail?: Sh
  readonly lines: Sh
}

interface Tried {
  readonly jail: string
  readonly where: string
  /** A failure was made. */
  readonly tried: boolean
  readonly down: boolean
  readonly runs: boolean
  readonly lines: number
  readonly hits: number
}

function judged({ jail, where, tried, down, runs, lines, hits }: Tried): Finding {
  if (!runs)
    return error(
      jail,
      'does not run: who fails to log in is not kept out',
      'on the host: fail2ban-client status; provision --host X --only fail2ban',
    )
  if (down) return blind(jail, `runs; ${where} does not, and logs no failure`, 'see units')
  if (lines === 0 && !tried) return ok(jail, 'runs; there is nothing yet that it would match')
  if (lines === 0)
    return error(jail, `runs, and a real failure left no line of ${where}`, `on the host: journalctl -n 50 | grep ${where}`)
  return hits > 0
    ? ok(jail, `matches ${hits} of the lines of a real failure`)
    : error(
        jail,
        `runs, and matches none of the ${lines} lines that a real failure left`,
        `on the host: fail2ban-regex systemd-journal ${jail}`,
      )
}

/** By name and not by unit: of a process that has ended already the journal does not know the unit. */
const journal = (name: string): Sh => sh`journalctl -q -t ${name} --since "$since" -o short -a --no-pager`

function jailsOf({ server }: Patient): readonly Jail[] {
  const site = server.sites.find(({ basic_auth }) => basic_auth !== undefined)
  return [
    {
      ...{ jail: 'sshd', filter: 'sshd[mode=keys]', where: 'sshd', lines: journal('sshd') },
      fail: sh`ssh-keygen -q -t ed25519 -N '' -f "$work/key"
timeout 8 ssh -F /dev/null -i "$work/key" -p ${server.ssh.port} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 true`,
    },
    {
      ...{ jail: 'maddy-auth', filter: 'maddy-auth', where: 'maddy', lines: journal('maddy') },
      fail: sh`printf 'user = "%s:wrong"\n' ${systemLogin(server.mail).address} | curl -sk --max-time 8 -K - imaps://127.0.0.1/`,
    },
    {
      ...{ jail: 'maddy-dictionary-attack', filter: 'maddy-dictionary-attack', where: 'maddy', lines: journal('maddy') },
      // maddy waits longer after each wrong recipient, and says it at the fifth.
      fail: sh`timeout 20 perl -MIO::Socket::INET -e '
my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:25", Timeout => 5) or exit 1;
for (@ARGV) { my $l; do { $l = <$s> // exit } while $l =~ /^\d+-/; print $s "$_\r\n" } 1 while <$s>' \
'EHLO doctor.invalid' 'MAIL FROM:<>' ${[1, 2, 3, 4, 5, 6].map((n) => `RCPT TO:<doctor-${n}@${server.mail.primary}>`)} QUIT`,
    },
    ...(site === undefined
      ? [{ jail: 'caddy-basic-auth', filter: 'caddy-basic-auth', where: 'caddy', lines: sh`:` }]
      : [
          {
            ...{ jail: 'caddy-basic-auth', filter: 'caddy-basic-auth', where: 'caddy', lines: journal('caddy') },
            fail: sh`printf 'user = "doctor:wrong"\n' | curl -sk -o /dev/null --max-time 8 --resolve ${`${site.domain}:443:127.0.0.1`} -K - ${`https://${site.domain}/`}`,
          },
        ]),
    // fail2ban's own log: what it says of bans.
    {
      jail: 'recidive',
      filter: 'recidive',
      where: 'fail2ban',
      lines: sh`grep ' Ban ' /var/log/fail2ban.log | grep -v 'recidive' | tail -n 20 || :`,
    },
  ]
}

/** One work folder, all failures at once, then all filters at once. */
const script = (all: readonly Jail[]): Sh => sh`
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
since=$(date '+%F %T')
printf 'running %s\n' "$(fail2ban-client status | sed -n 's/.*Jail list:[[:space:]]*//p')"
for unit in ssh:sshd maddy:maddy caddy:caddy fail2ban:fail2ban; do
  systemctl -q is-active "\${unit%:*}.service" || printf 'down %s\n' "\${unit#*:}"
done
${all.flatMap(({ fail }) => (fail === undefined ? [] : [sh`( ${fail} ) >/dev/null 2>&1 &`]))}
wait
journalctl --sync
match() {
  sed 's/^-- .*//' "$work/$1" | grep -c . > "$work/$1.lines" || :
  fail2ban-regex "$work/$1" "$2" > "$work/$1.out" 2>&1 || :
  # A line that belongs to several is counted as ignored: the hits of the expressions tell.
  hits=$(sed -n 's/^|[[:space:]]*[0-9]*) \[\([0-9]*\)\].*/\1/p' "$work/$1.out" | awk '{ n += $1 } END { print n + 0 }')
  printf 'matched %s %s %s\n' "$1" "$(cat "$work/$1.lines")" "$hits"
}
${all.map(
  ({ jail, filter, lines }) => sh`( ${lines} > "$work/"${jail} || :
match ${jail} ${filter} ) &`,
)}
wait`
