import { type Sh, sh } from '../sh.ts'

/** Where the run's locks are, on the host. 0700, and gone after a reboot. */
const places = sh`umask 077
run=\${PROVISION_RUN:-/run/provision}
mkdir -p -- "$run"
chmod 700 -- "$run"`

/** A record on stdout: what comes before the first is noise of the login shell. RS and the nonce begin it, so that no line can be taken for one. */
const record = (nonce: string): Sh => sh`say() { printf '\036%s %s\n' ${nonce} "$*"; }`

/** A script that reads. sh parses all of it before it runs any of it; its stdin is empty. */
export function reading(script: Sh, nonce: string): Sh {
  return sh`{
printf '\036%s start\n' ${nonce}; printf '\036%s start\n' ${nonce} >&2
${script}
} </dev/null
`
}

/**
 * A script that changes things. It runs in a session of its own, so that nothing which happens to the connection reaches it, its output
 * in a file; `tail` shows that file while it grows. At the end comes what `tail` had not shown: all of it when that is little, else from where the other side says. Only the process that waits for it holds the work lock (9): no daemon inherits it. That process leads the session, and the script has its number as `$1`.
 * Who had to wait for the lock must be there to hear that it begins, or else a dead run would correct behind a living one's back.
 */
export function working(script: Sh, who: string, nonce: string, little: number): Sh {
  const inner = sh`{
umask 022
${script}
} </dev/null
`
  return sh`{
${record(nonce)}
say start
${places}
exec 9>>"$run/work"
if ! flock -n 9; then
  say waiting "$(head -n 1 -- "$run/work")"
  flock 9
  say begin
  [ "$(timeout 60 head -n 1 9>&-)" = go ] || exit 75
fi
for old in "$run"/output.*; do rm -f -- "$old"; done
output=$run/output.${nonce}
printf '%s\n' ${who} >"$run/work"
: >"$output"
exec 8<"$output"
printf '%s\n' ${inner.text} | setsid sh -c 'sh -s "$$" 9>&-; exit $?' 8<&- >"$output" 2>&1 &
work=$!
exec 9>&-
tail --pid=$$ -c +1 -f -- "$output" 8<&- </dev/null 2>/dev/null &
tail=$!
wait "$work"
code=$?
kill "$tail" 2>/dev/null
wait "$tail" 2>/dev/null
rm -f -- "$output"
size=$(stat -L -c %s /proc/self/fd/8)
say done "$code" "$size"
from=0
[ "$size" -le ${little} ] || from=$(timeout 60 head -n 1)
[ -z "$from" ] || tail -c "+$((from + 1))" <&8 | head -c "$((size - from))"
exit 0
}
`
}

/**
 * Holds the run lock (9) until its stdin ends, or is silent for so many seconds: a half-open link ends nothing by itself.
 * `patience` is how long it waits for a lock that is about to be given to it. The file says whose it is, and which process holds it.
 */
export function holding(who: string, nonce: string, { silence = 60, patience = 0 } = {}): Sh {
  return sh`{
${record(nonce)}
say start
${places}
exec 9>>"$run/lock"
if flock -w ${patience} 9; then
  printf '%s\n' ${who} "$$" >"$run/lock"
  say locked
  while [ -n "$(timeout ${silence} head -c 1 9>&-)" ]; do :; done
  : >"$run/lock"
else
  say busy "$(head -n 1 -- "$run/lock")"
fi
exit 0
}
`
}

/** Takes a file from stdin. A command of its own, since stdin is the file: so nothing secret, and nothing large, may stand in it. */
export function taking(sha256: string, nonce: string): Sh {
  const script = sh`set -e
umask 077
printf '\036%s start\n' ${nonce}; printf '\036%s start\n' ${nonce} >&2
folder=\${PROVISION_STATE:-/var/lib/provision}/artifacts
mkdir -p -- "$folder"
part=$folder/.${sha256}.part
trap 'rm -f -- "$part"' EXIT
cat >"$part"
printf '%s  %s\n' ${sha256} "$part" | sha256sum -c --status
mv -T -- "$part" "$folder/"${sha256}
`
  return sh`sh -c ${script.text}`
}
