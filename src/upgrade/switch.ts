import { statePlaces } from '../engine/probe.ts'
import { type Sh, sh } from '../sh.ts'
import { armed } from './back.ts'
import type { Recipe } from './recipes.ts'

/** What the engine would run for the same change: the program and its stamp, and the restart that reads it. */
export interface Corrections {
  readonly program: Sh
  readonly restart: Sh
}

/**
 * One script that moves a program to the version that was sent: it verifies the configuration with it, saves what the old one keeps,
 * switches, proves, and goes back with all that was saved when the proof fails. It needs nobody: the operator may be gone. When it is
 * killed, its guard goes back, and the next boot when the host is switched off; else the next run.
 * Exits 0 when the new version works, 3 when it refused it before anything was touched, 4 when it has gone back, 5 when that failed.
 */
export function switchTo(name: string, sha256: string, recipe: Recipe, { program, restart }: Corrections): Sh {
  const { unit, path, state, neverChanged, ports, user, verify, canary } = recipe
  const candidate = `${path}.candidate`
  const kept = neverChanged === undefined ? undefined : `${state}/${neverChanged}`
  const copied = neverChanged === undefined ? sh`` : sh`! -name ${neverChanged}`
  return sh`export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
${statePlaces}
umask 077
saved=$provision/upgrade/${name}
if [ -f "$saved/back.sh" ]; then sh "$saved/back.sh" now || exit 5; fi
rm -rf -- "$saved"
mkdir -p -- "$saved/state" "$saved/work"
work=$saved/work
${armed(name, recipe, restart)}
# Tries something until it works, for so many seconds; what it said last is what it failed with.
within() {
  end=$(($(date +%s) + $1)); shift
  until "$@" 2> "$work/why"; do
    if [ "$(date +%s)" -ge "$end" ]; then cat "$work/why" >&2; return 1; fi
    sleep 0.2
  done
}
answers() {
  answer=$(curl -sS --insecure --max-time 10 -o /dev/null -w '%{http_code}' --resolve "$1:443:127.0.0.1" --url "https://$1/" 2>&1)
  case $answer in [234]??) return 0 ;; *) return 1 ;; esac
}
sent=$provision/artifacts/${sha256}
let_in() { nft delete table inet provision_upgrade 2>/dev/null || :; }
shut() {
  let_in
  ${ports.length === 0 ? sh`return 0` : shut(ports, user)}
}
trap 'let_in; rm -f -- "$sent"; [ -f "$saved/back.sh" ] || rm -rf -- "$saved"' EXIT

printf 'verifying the configuration with %s\n' ${name}
install -m 0755 -o root -g root -- "$sent" ${candidate} || exit 3
( ${verify(candidate)} ) > "$work/why" 2>&1
code=$?
rm -f -- ${candidate}
if [ "$code" -ne 0 ]; then tail -n 6 "$work/why" >&2; exit 3; fi
needed=$(find ${state} -mindepth 1 -maxdepth 1 ${copied} -exec du -sk -- {} + | awk '{ all += $1 } END { print all + 200000 }')
free=$(df -Pk "$provision" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$needed" ]; then printf '%s kB are free and %s are needed to save what it keeps\n' "$free" "$needed" >&2; exit 3; fi

way_back() {
  printf 'going back\n'
  systemctl stop ${unit}
  sh "$saved/back.sh" files || return 1
  systemctl reset-failed ${unit} 2>/dev/null
  ( ${restart} ) || return 1
  ( ${canary} ) || return 1
  finish
}

save() {
  find ${state} -mindepth 1 -maxdepth 1 ${copied} -exec cp -a -t "$saved/state" -- {} + || return 1
  ${kept === undefined ? sh`` : sh`if [ -d ${kept} ]; then cp -al -- ${kept} "$saved/state/" 2>/dev/null || cp -a -- ${kept} "$saved/state/" || return 1; fi`}
  cp -a -- ${path} "$saved/program" || return 1
  cp -a -- "$provision/artifact/"${name} "$saved/stamp"
}

printf 'saving what it keeps\n'
rm -rf -- ${`${state}.failed`}
arm && shut || { finish; exit 3; }
systemctl stop ${unit}
touch -r ${state} "$saved/state"
chmod --reference=${state} "$saved/state"
chown --reference=${state} "$saved/state"
if ! save; then
  systemctl start ${unit}
  finish
  exit 3
fi
sync
: > "$saved/complete"
sync -f "$saved"
printf 'switching\n'
( set -e
${program}
${restart}
printf 'proving that it works\n'
${canary} )
if [ $? -eq 0 ]; then
  finish && exit 0
fi
way_back || { : > "$saved/stuck"; exit 5; }
exit 4`
}

/** Of what that script printed, what is not its progress: the last lines of what went wrong. */
export function complaints(printed: string): string {
  const lines = printed.split('\n').filter((line) => line.trim() !== '' && !progress.test(line))
  return lines.slice(-6).join('\n') || 'it said nothing'
}

const progress = /^(verifying the configuration|saving what it keeps|switching|proving that it works|going back)\b/

/** sh: nobody from outside gets in, and nothing goes out, until the table is deleted. */
const shut = (ports: readonly number[], user: string): Sh => sh`nft add table inet provision_upgrade || return 1
  nft add chain inet provision_upgrade in '{ type filter hook input priority -10; }' || return 1
  nft add chain inet provision_upgrade out '{ type filter hook output priority -10; }' || return 1
  nft add rule inet provision_upgrade in iifname '!=' lo tcp dport '{' ${ports.join(', ')} '}' reject with tcp reset || return 1
  nft add rule inet provision_upgrade out oifname '!=' lo meta skuid ${user} tcp dport 25 reject || return 1`
