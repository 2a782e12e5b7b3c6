import { type Sh, sh } from '../sh.ts'
import { text } from '../util/text.ts'
import { statePlaces } from './probe.ts'
import type { Guard } from './step.ts'

/** How long after the beginning of its correction the host undoes a guarded step that no new login has confirmed, in seconds. */
export const undoAfter = 90

/** Where an undo is on the host. The variables are for tests, which have folders of their own. */
const undoPlaces = sh`${statePlaces}
undo=$provision/undo
units=\${PROVISION_UNITS:-/etc/systemd/system}
run=\${PROVISION_RUN:-/run/provision}`

/**
 * sh: saves what a guarded step will touch, and starts the clock of its undo, which counts 90 seconds, and the next boot. It runs at
 * the beginning of the correction itself, under the same work lock and in the same session, whose number is in `$session`. It fails
 * without having armed anything when it cannot save, or when an earlier undo still has its copies there.
 */
export function arm({ save, undo }: Guard, step: string, id: string): Sh {
  const changes = [{ field: 'step', from: 'corrected', to: 'undone: no new login confirmed it' }]
  const settings = sh`id=${id}
log=${JSON.stringify({ step, id: 'undo', changes })}`
  return sh`${undoPlaces}
arm() (
  set -e
  umask 077
  mkdir -p -- "$provision" "$run"
  rm -rf -- "$undo.new" "$undo.done"
  mkdir -- "$undo.new"
  printf '%s' ${text('var/lib/provision/undo/undo.sh')} >"$undo.new/undo.sh"
  printf '%s\n' ${undo.text} >"$undo.new/after.sh"
  printf '%s\n' ${settings.text} >"$undo.new/undo.conf"
  # What we know to have written there too: or else what is put back would be taken for a person's edit.
  for path in ${save}; do printf '%s\n' "$path" "$provision/written$path"; done >"$undo.new/paths"
  : >"$undo.new/open"
  if [ -n "$session" ]; then
    read -r line <"/proc/$session/stat"
    set -- \${line##*) }
    printf '%s\n' "$(cat /proc/sys/kernel/random/boot_id) $session \${20}" >"$undo.new/session"
  fi
  sh -n "$undo.new/undo.sh"
  sh -n "$undo.new/after.sh"
  sh "$undo.new/undo.sh" save
  sync -f -- "$undo.new"
  mv -T -- "$undo.new" "$undo"
  umask 022
  printf '%s\n' '[Unit]' 'Description=provision: undo a guarded step that no new login confirmed' 'After=ssh.service ssh.socket ufw.service' \
    "ConditionPathExists=$undo/undo.sh" Wants=provision-undo.timer \
    '[Service]' 'Type=oneshot' "ExecStart=/bin/sh $undo/undo.sh" '[Install]' 'WantedBy=multi-user.target' \
    >"$units/.provision-undo.service.new"
  mv -T -- "$units/.provision-undo.service.new" "$units/provision-undo.service"
  printf '%s\n' '[Unit]' 'Description=provision: the time within which a guarded step must be confirmed' \
    '[Timer]' OnActiveSec=${undoAfter}s OnUnitInactiveSec=60s AccuracySec=1s \
    >"$units/.provision-undo.timer.new"
  mv -T -- "$units/.provision-undo.timer.new" "$units/provision-undo.timer"
  systemctl daemon-reload
  # Enabled for the next boot; the timer for this one, and again every minute while the undo fails.
  systemctl -q enable provision-undo.service
  sync -f -- "$units"
  sync -f -- "$undo"
  systemctl restart provision-undo.timer
  systemctl -q is-active provision-undo.timer
)
if [ -e "$undo" ]; then
  printf 'an undo of an earlier run is still in %s, with the only copies of what was there before\n' "$undo" >&2
  exit 1
fi
arm
armed=$?
if [ "$armed" -ne 0 ]; then
  rm -rf -- "$undo.new"
  if [ -e "$undo" ]; then sh "$undo/undo.sh" confirm; rm -f -- "$run/guarded"; fi
  exit "$armed"
fi`
}

/** sh: a condition, whether the undo that is there is the one of this id. */
const ours = (id: string): Sh => sh`grep -qsxF ${sh`id=${id}`.text} "$undo/undo.conf"`

/** sh: runs the undo as a unit of its own, which outlives this connection, and waits for it. */
const begin = sh`if [ -e "$units/provision-undo.service" ]; then systemctl start provision-undo.service
  else systemd-run -q --wait --collect sh "$undo/undo.sh"; fi 2>/dev/null`

/** sh: the step of this id stays as it was corrected. It fails when the undo has begun. */
export const confirm = (id: string): Sh => sh`${undoPlaces}
if ! ${ours(id)}; then printf 'the undo has ended already\n' >&2; exit 1; fi
sh "$undo/undo.sh" confirm`

/** sh: has the step of this id undone now, if it is neither undone nor confirmed; prints `ID undone`, `ID confirmed`, `ID failed WHY` or `ID none`. */
export const settle = (id: string): Sh => sh`${undoPlaces}
if ${ours(id)}; then ${begin}; fi
if [ -s "$run/guarded" ] && grep -q ${`^${id} `} "$run/guarded"; then cat "$run/guarded"
elif ${ours(id)}; then exit 1
else printf '%s none\n' ${id}; fi`

/**
 * sh: ends what an earlier run left armed, if anything, by what is there now. It prints `ended` when there was something, and a line
 * `upgrade NAME` for each program whose upgrade was cut off. It fails, with the reason, when the undo is still there: then its copies are, too.
 */
export const finish: Sh = sh`${undoPlaces}
for back in "$provision"/upgrade/*/back.sh; do
  if [ -f "$back" ]; then printf 'upgrade %s\n' "$(basename "$(dirname "$back")")"; fi
done
if [ ! -e "$undo" ] && [ ! -e "$units/provision-undo.service" ] && [ ! -e "$units/provision-undo.timer" ]; then exit 0; fi
if [ -e "$undo/undo.sh" ]; then ${begin}
else
  # A run died before there was anything to undo, or after all was undone.
  systemctl -q disable provision-undo.service 2>/dev/null
  systemctl stop provision-undo.timer 2>/dev/null
  rm -f -- "$units/provision-undo.service" "$units/provision-undo.timer"
  systemctl daemon-reload
  rm -rf -- "$undo"
fi
if [ -e "$undo" ]; then
  sed -n 's/^[0-9a-f]* failed //p' "$run/guarded" >&2
  exit 1
fi
printf 'ended\n'`
