import { type Sh, sh } from '../../../../src/sh.ts'

/** From where logins are nothing to speak of. */
export interface Visitors {
  readonly known: readonly string[]
}

/**
 * `provision-visitors logins|bans`: who came in and who was kept out, told by provision-notify. `logins` looks at what sshd has said
 * since its last look, and tells of a login from a network that is not known once a day; `bans` counts those of fail2ban since it told
 * of some, by jail and by network. No address is named, only networks; silent when there was nothing.
 */
export const visitors = (what: Visitors): string => `#!/bin/sh\n${body(what).text}\n`

const body = ({ known }: Visitors): Sh => sh`# Written by provision. provision-visitors logins|bans
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
. "\${PROVISION_ROOT:-}/usr/local/lib/provision/reported.sh"
bans=\${PROVISION_BANS:-/var/lib/fail2ban/fail2ban.sqlite3}
now=$(date +%s)
prepare || exit 1

# Lines of a word and an address become the word and its network, /24 or /48; those of the networks that are named are left out.
networks() {
  perl -MSocket=inet_pton,inet_ntop,AF_INET,AF_INET6 -e '
    sub family { $_[0] =~ /:/ ? AF_INET6 : AF_INET }
    sub cut { my ($bytes, $length) = @_; my $all = 8 * length $bytes; $bytes & pack "B*", "1" x $length . "0" x ($all - $length) }
    my @known = map { my ($address, $length) = split "/"; my $bytes = inet_pton(family($address), $address); [$bytes, $length // 8 * length $bytes] } @ARGV;
    while (my $line = <STDIN>) {
      my ($word, $address) = $line =~ /^(\S+) (\S+)$/ or next;
      $address =~ s/^::ffff:(?=\d+\.)//i;
      my $bytes = inet_pton(family($address), $address) // next;
      next if grep { length $bytes == length $_->[0] && cut($bytes, $_->[1]) eq cut($_->[0], $_->[1]) } @known;
      my $length = length $bytes == 4 ? 24 : 48;
      print "$word ", inet_ntop(family($address), cut($bytes, $length)), "/$length\n";
    }' -- "$@"
}

# Of root: others may write into the journal under any name. sshd-session is what later releases call it.
entries() { journalctl -q -o cat -a --no-pager --show-cursor _UID=0 -t sshd -t sshd-session "$@" 2>/dev/null; }

logins() {
  today=$(date +%F)
  cursor=$(recall logins-cursor) && told=$(recall logins-told) || exit 1
  # What was before the first look is nobody's news.
  if [ -n "$cursor" ]; then said=$(entries --after-cursor "$cursor"); else said=$(entries -n 1); fi || exit 1
  next=$(printf '%s\n' "$said" | sed -n 's/^-- cursor: //p' | tail -n 1)
  [ -n "$next" ] || exit 0
  if [ -n "$cursor" ]; then
    came=$(printf '%s\n' "$said" | sed -n 's/^Accepted [^ ]* for \([^ ]*\) from \([0-9a-fA-F:.]*\) port .*/\1 \2/p' | networks ${known} | sort -u)
    new=$(printf '%s\n' "$came" | sed "/./s/^/$today /" | awk -v told="$told" 'BEGIN { n = split(told, all, "\n"); for (i = 1; i <= n; i++) was[all[i]] } NF && !($0 in was)')
    if [ -n "$new" ]; then
      text=$(printf '%s\n' "$new" | sed 's/^[^ ]* \([^ ]*\) \(.*\)/\1 has logged in from \2/')
      provision-notify -p high "$(printf '%s\n' "$text" | head -n 1)" "$text

by ssh, and that network is not declared (watch.logins_from, fail2ban.ignore). Was it you? On the host: journalctl -t sshd -g Accepted" || exit 1
      { printf '%s\n' "$told" | grep "^$today "; printf '%s\n' "$new"; } | keep logins-told || exit 1
    fi
  fi
  printf '%s\n' "$next" | keep logins-cursor || exit 1
}

bans() {
  [ -r "$bans" ] || exit 0
  since=$(recall bans-told) || exit 1
  # The first time there is nothing to look back to.
  if [ -n "$since" ]; then
    all=$(sqlite3 -readonly -separator ' ' -cmd '.timeout 10000' "$bans" "SELECT jail, ip FROM bans WHERE timeofban > $since AND timeofban <= $now") || exit 1
    if [ -n "$all" ]; then
      often() { sort | uniq -c | sort -k 1,1nr -k 2 | sed 's/^ *\([0-9]*\) \(.*\)/\2 (\1)/' | head -n "$1" | paste -s -d , - | sed 's/,/, /g'; }
      count=$(printf '%s\n' "$all" | grep -c .)
      provision-notify -p low "$count $([ "$count" -eq 1 ] && echo ban || echo bans) since $(date -d "@$since" +%F)" "by jail: $(printf '%s\n' "$all" | cut -d ' ' -f 1 | often 20)
most from: $(printf '%s\n' "$all" | networks | cut -d ' ' -f 2 | often 5)" || exit 1
    fi
  fi
  printf '%s\n' "$now" | keep bans-told || exit 1
}

case \${1:-} in
  logins) logins ;;
  bans) bans ;;
  *) echo 'usage: provision-visitors logins|bans' >&2; exit 2 ;;
esac`
