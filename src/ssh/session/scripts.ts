import { type Sh, sh } from '../../sh.ts'

/** Where the run's locks are, on the host. 0700, and gone after a reboot. */
const places = sh`umask 077
run=\${PROVISION_RUN:-/run/provision}
mkdir -p -- "$run"
chmod 700 -- "$run"`

/** A record on stdout: what comes before the first is noise of the login shell. RS and the nonce begin it, so that no line can be taken for one. */
const record = (nonce: string): Sh => sh`say() { printf '\036%s %s\n' ${nonce} "$*"; }`

/** A script that reads. sh parses all of it before it runs any of it; its stdin is empty. It says its end, with its exit code, on both streams. */
export function readingScript(script: Sh, nonce: string): Sh {
  const end = sh`code=$?; printf '\036%s end %s\n' ${nonce} "$code"; printf '\036%s end %s\n' ${nonce} "$code" >&2`
  return sh`{
printf '\036%s start\n' ${nonce}; printf '\036%s start\n' ${nonce} >&2
trap ${end.text} EXIT
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

/** How a run lock is held. */
export interface Holding {
  /** After how many seconds of silence it is given up: a half-open link ends nothing by itself. */
  readonly silence?: number
  /** What this run alone knows. Whoever holds the lock with the same is this run over a link that is gone, and is ended. */
  readonly token?: string
}

/** How long the lock may take to be free once its holder was ended, in seconds. */
const patience = 15

/**
 * Holds the run lock (9) until its stdin ends, or is silent for too long. The file, which root alone reads, says whose it is, which
 * process holds it, and that run's token.
 */
export function holding(who: string, nonce: string, { silence = 60, token = nonce }: Holding = {}): Sh {
  return sh`{
${record(nonce)}
say start
${places}
exec 9>>"$run/lock"
if ! flock -n 9; then
  { read -r holder; read -r pid; read -r token; } <"$run/lock"
  # An empty file is that of a run which begins or ends.
  case $token in
    ${token}) kill "$pid" 2>/dev/null ;;
    ?*) say busy "$holder"; exit 0 ;;
  esac
  if ! flock -w ${patience} 9; then say busy "$(head -n 1 -- "$run/lock")"; exit 0; fi
fi
printf '%s\n' ${who} "$$" ${token} >"$run/lock"
say locked
while [ -n "$(timeout ${silence} head -c 1 9>&-)" ]; do :; done
: >"$run/lock"
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
