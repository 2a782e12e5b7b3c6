import { type Sh, sh } from '../../../../src/sh.ts'
import { curlOf } from './provision-notify.ts'

/** What is watched beyond what every host has. */
export interface Watch {
  /** What shall run. */
  readonly units: readonly string[]
  /** Our addresses, as they are looked up: `10.2.0.192`, with the lists that know of such. */
  readonly blocklists: readonly { readonly list: string; readonly own: string; readonly test: string }[]
  /** Messages and recipients of one login within an hour that are more than a person writes. */
  readonly messages: number
  readonly recipients: number
  /** The file that `heartbeatCurl` is written to. */
  readonly heartbeat: `/${string}` | undefined
}

/** Where the watch keeps what it has told. */
export const watchPlaces = { told: '/var/lib/provision/watch', overlay: '/var/lib/provision/watch/overlay-ends' } as const

/**
 * `provision-watch [--now]`: what the hourly timer starts. It looks, and tells by provision-notify what has come and what has gone
 * since it told something the last time; `--now` prints all there is and tells nobody. What could not be told is told the next time.
 */
export const watch = (what: Watch): string => `#!/bin/sh\n${body(what).text}\n`

const body = ({
  units,
  blocklists,
  messages,
  recipients,
  heartbeat,
}: Watch): Sh => sh`# Written by provision. provision-watch [--now]: tells what has come and what has gone since the last time.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
told=\${PROVISION_WATCH:-${watchPlaces.told}}
root=\${PROVISION_ROOT:-}
tab=$(printf '\t')
now=$(date +%s)

# One thing that is not well: a key, which stays the same while it is the same thing, and words. No address, subject or secret.
say() { printf '%s\t%s\n' "$1" "$2"; }

failed_units() {
  systemctl list-units --failed --plain --no-legend --full | while read -r unit _; do
    # Of itself it knows: a new run has begun. What the kernel of a container's host does not have cannot be mounted in it.
    case $unit in
      provision-watch.service) continue ;;
      *.mount) if systemd-detect-virt -qc; then continue; fi ;;
    esac
    say "failed:$unit" "$unit has failed (journalctl -u $unit)"
  done
  for unit in ${units}; do
    state=$(systemctl show -P ActiveState -- "$unit")
    case $state in active | activating | reloading | failed) ;; *) say "down:$unit" "$unit does not run: it is $state" ;; esac
  done
}

# At 80 and at 90 %: crossing the second mark is news.
file_systems() {
  { df -PT -x devtmpfs -x squashfs -x efivarfs -x ramfs | awk 'NR > 1 { print "full", $6 + 0, $7 }'
    df -PTi -x devtmpfs -x squashfs -x efivarfs -x ramfs | awk 'NR > 1 && $6 != "-" { print "inodes", $6 + 0, $7 }'; } |
  while read -r what used mount; do
    if [ "$used" -ge 90 ]; then mark=90; elif [ "$used" -ge 80 ]; then mark=80; else continue; fi
    case $what in full) say "disk:$mount:$mark" "$mount is over $mark % full" ;; *) say "inodes:$mount:$mark" "over $mark % of the inodes of $mount are used" ;; esac
  done
}

memory() {
  awk '$1 == "MemTotal:" { total = $2 } $1 == "MemAvailable:" { free = $2 } END { exit !(free * 100 < total * 5) }' "$root/proc/meminfo" &&
    say memory 'less than 5 % of the memory is free'
  journalctl -q -k --since -1h -g 'Out of memory: Killed process' -o cat --no-pager 2>/dev/null | grep -q . &&
    say killed 'the kernel has ended a program for want of memory (journalctl -k -g "Out of memory")'
  :
}

clock() {
  systemd-detect-virt -qc && return
  [ "$(timedatectl show -P NTPSynchronized)" = yes ] || say clock 'the clock is not synchronised'
}

# A header is written once, the metadata at each try.
queue() {
  [ -d "$root/var/lib/maddy/remote_queue" ] || return 0
  find "$root/var/lib/maddy/remote_queue" -name '*.header' -printf '%T@\n' | sort -n | awk -v now="$now" '
    NR == 1 { oldest = int((now - $1) / 3600) }
    END { if (NR > 100) print "many"; if (oldest >= 24) print "day"; else if (oldest >= 4) print "hours" }' |
  while read -r what; do
    case $what in
      many) say queue:many 'over 100 mails wait to leave' ;;
      day) say queue:day 'mail has waited to leave for over a day' ;;
      hours) say queue:hours 'mail has waited to leave for over 4 hours' ;;
    esac
  done
}

# At a fifth of their life, and when it is over. What renews them does so at a third.
certificates() {
  for pem in "$root"/var/lib/certificates/*/live/fullchain.pem "$root"/var/lib/caddy/caddy/certificates/*/*/*.crt; do
    [ -r "$pem" ] || continue
    case $pem in
      */fullchain.pem) name=\${pem%/live/*} name=\${name##*/} ;;
      *) name=\${pem##*/} name=\${name%.crt} ;;
    esac
    dates=$(openssl x509 -in "$pem" -noout -startdate -enddate 2>/dev/null) || { say "unreadable:$name" "the certificate of $name cannot be read"; continue; }
    from=$(date -d "$(printf '%s\n' "$dates" | sed -n 's/^notBefore=//p')" +%s)
    to=$(date -d "$(printf '%s\n' "$dates" | sed -n 's/^notAfter=//p')" +%s)
    if [ "$to" -le "$now" ]; then say "expired:$name" "the certificate of $name has ended"
    elif [ $(( (to - now) * 5 )) -lt $((to - from)) ]; then say "ends:$name" "the certificate of $name ends on $(date -d "@$to" +%F), and was not renewed"; fi
  done
}

# The node of the overlay network is signed by hand, so a month before.
overlay() {
  [ -r "$told/overlay-ends" ] || return 0
  to=$(cat "$told/overlay-ends")
  if [ "$to" -le "$now" ]; then say overlay:ended 'the certificate of nebula has ended'
  elif [ $((to - now)) -lt 2592000 ]; then say overlay:ends "the certificate of nebula ends on $(date -d "@$to" +%F)"; fi
}

# One that is missed at the change to summer time is no alarm.
backups() {
  last=$root/var/lib/provision/backup/last
  timer=$root/etc/systemd/system/provision-backup.timer
  [ -e "$timer" ] || return 0
  if [ -r "$last" ]; then at=$(head -n 1 "$last"); else at=$(stat -c %Y "$timer"); fi
  [ $(( (now - at) / 3600 )) -lt 50 ] || say backup "the last backup is over 50 hours old (journalctl -u provision-backup)"
}

jails() {
  [ -d "$root/etc/fail2ban/jail.d" ] || return 0
  running=$(fail2ban-client status 2>/dev/null | sed -n 's/.*Jail list:[[:space:]]*//p')
  sed -n '/^\[DEFAULT\]/d; s/^\[\(.*\)\]$/\1/p' "$root/etc/fail2ban/jail.d/provision.local" 2>/dev/null | while read -r jail; do
    case ", $running," in *", $jail,"*) ;; *) say "jail:$jail" "the jail $jail does not run" ;; esac
  done
}

reboot_needed() {
  [ ! -e "$root/run/reboot-required" ] || say reboot "a reboot is needed, since $(date -r "$root/run/reboot-required" +%F)"
}

# A list that does not know its own test entry is not asked; a refusal (127.255.255.x) is no listing.
on_list() {
  dig +short +time=3 +tries=1 "$2.$1" A 2>/dev/null | grep '^127\.' | grep -qv '^127\.255\.255\.' || return 1
}
blocklists() {
  command -v dig >/dev/null || return 0
  ${blocklists.map(({ list, own, test }) => sh`if on_list ${list} ${test} && on_list ${list} ${own}; then say ${`list:${list}:${own}`} ${`an address of this host is on the blocklist ${list}`}; fi`)}
  :
}

# A stolen password shows in how much one login sends. Which one it is stands in the journal, not in a message.
logins() {
  journalctl -q -u maddy.service --since -1h -o cat -a --no-pager -g '^submission: (incoming message|RCPT ok)' 2>/dev/null | awk '
    { id = $0; sub(/.*"msg_id":"/, "", id); sub(/".*/, "", id) }
    /incoming message/ { user = $0; if (sub(/.*"username":"/, "", user)) { sub(/".*/, "", user); of[id] = user; mails[user]++ } }
    /RCPT ok/ { if (id in of) to[of[id]]++ }
    END { for (user in mails) if (mails[user] > ${messages} || to[user] > ${recipients}) print mails[user] + 0, to[user] + 0 }' |
  while read -r mails to; do
    say "login:$(date -d "@$now" +%F)" "one login has sent $mails mails to $to recipients within an hour: is its password stolen? (journalctl -u maddy -g username; provision account password)"
  done
}

all() {
  failed_units
  file_systems
  memory
  clock
  queue
  certificates
  overlay
  backups
  jails
  reboot_needed
  blocklists
  logins
}

if [ "\${1:-}" = --now ]; then
  all | cut -f 2-
  exit 0
fi

umask 077
mkdir -p "$told" || exit 1
all | sort -u -t "$tab" -k 1,1 > "$told/now"
touch "$told/last"
new=$(join -t "$tab" -v 1 "$told/now" "$told/last" | cut -f 2-)
gone=$(join -t "$tab" -v 2 "$told/now" "$told/last" | cut -f 2-)
if [ -n "$new$gone" ]; then
  title=$(if [ -n "$new" ]; then printf '%s\n' "$new" | head -n 1; else printf 'all that was told is over'; fi)
  [ -z "$new" ] || [ "$(printf '%s\n' "$new" | wc -l)" -eq 1 ] || title="$(printf '%s\n' "$new" | wc -l) things are not well"
  [ -n "$new" ] || [ ! -s "$told/now" ] || title='some of what was told is over'
  text=$(
    [ -z "$new" ] || printf '%s\n' "$new"
    [ -z "$gone" ] || printf '%s\n' "$gone" | sed 's/^/over: /'
  )
  provision-notify -p "$([ -n "$new" ] && printf high || printf default)" "$title" "$text" || exit 1
fi
mv -T -- "$told/now" "$told/last" || exit 1
${heartbeat === undefined ? sh`` : sh`curl -q --config ${heartbeat} >/dev/null || exit 1`}`

/** What curl is told to say that the host is alive and was looked at, in a file: who knows the URL can say so too. */
export const heartbeatCurl = (url: string): string => `# Written by provision.
${curlOf(url)}`
