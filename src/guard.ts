import { act, type Drift, type Listener } from './act.ts'
import { type Leave, type StepPlan, verify } from './converge.ts'
import { ProvisionError } from './errors.ts'
import { places } from './probe.ts'
import { type Sh, sh } from './sh.ts'
import type { Shell } from './shell.ts'
import type { Guard } from './step.ts'

/** How long the host waits for a new login before it undoes a guarded step, in seconds. */
export const undoAfter = 90

/** A new TCP login as the admin, with a declared key, within so many milliseconds. Throws when there is none. */
export type Relogin = (limitMs: number, at: Guard['login']) => Promise<Shell>

/**
 * Corrects a guarded step: the undo is armed on the host before anything is touched, and only a new login disarms it.
 * Returns the shell to go on with. Throws ProvisionError, after the host has undone the step, when no new login works.
 */
export async function guarded(
  shell: Shell,
  { step, drift }: StepPlan,
  guard: Guard,
  relogin: Relogin,
  listener: Listener = {},
  leave: Leave = () => false,
): Promise<{ readonly shell: Shell; readonly changed: readonly Drift[] }> {
  const ours = drift.filter((one) => !leave(one))
  if (ours.length === 0) return { shell, changed: [] }
  await must(shell, step.title, 'arming the undo', arm(guard, step.id))
  try {
    await act(shell, step, ours, listener)
    // A third of the time is kept for what comes after the login, so the host never undoes what we are confirming.
    const fresh = await relogin((undoAfter * 1000 * 2) / 3, guard.login)
    await verify(fresh, step, leave)
    await must(fresh, step.title, 'confirming it over a new login', disarm)
    return { shell: fresh, changed: ours }
  } catch (error) {
    const undone = await undoNow(shell)
    const why = error instanceof Error ? error.message : String(error)
    throw new ProvisionError(step.title, `${why}; ${undone}`, 'nothing is lost: find out why, and run it again')
  }
}

/** Starts the undo that a dead run left armed, and waits for it. Throws ProvisionError when it fails. */
export async function finishUndo(shell: Shell): Promise<void> {
  await must(shell, 'an undo that an earlier run left armed', 'running it', sh`systemctl start provision-undo.service`)
}

/** Saves, writes the undo, and starts its clock: 90 seconds from now, or the next boot. */
export function arm({ save, undo }: Guard, step: string): Sh {
  return sh`${places}
umask 077
undo=$provision/undo
mkdir -p "$provision"
rm -rf -- "$undo" "$undo.new"
mkdir -p "$undo.new/tree"
set -- ${save}
# What we know to have written there too: or else what is put back would be taken for a person's edit.
for path in ${save}; do set -- "$@" "$provision/written$path"; done
for path in "$@"; do
  if [ -e "$path" ] || [ -L "$path" ]; then
    mkdir -p -- "$undo.new/tree$(dirname -- "$path")" || exit 1
    cp -a -- "$path" "$undo.new/tree$path" || exit 1
  fi
done
cat > "$undo.new/undo.sh" <<'provision-undo'
# Written by provision: undoes a guarded step that no new login confirmed. It may be interrupted, and run again.
undo=$(dirname -- "$0")
# Whoever makes this link first has decided; the confirmation makes the same one.
ln -s undo "$undo/claim" 2>/dev/null
if [ "$(readlink "$undo/claim")" = undo ]; then
  set -- ${save}
  for path in ${save}; do set -- "$@" "$(dirname -- "$undo")/written$path"; done
  for path in "$@"; do
    rm -rf -- "$path"
    if [ -e "$undo/tree$path" ] || [ -L "$undo/tree$path" ]; then cp -a -- "$undo/tree$path" "$path"; fi
  done
  ${undo}
  ${toldUndone(step)}
fi
${cleanUp}
provision-undo
[ -s "$undo.new/undo.sh" ] || exit 1
sh -n "$undo.new/undo.sh" || exit 1
mv -T -- "$undo.new" "$undo" || exit 1
printf '%s\n' '[Unit]' 'Description=provision: undo a guarded step that no new login confirmed' 'After=ssh.service ssh.socket ufw.service' \
  '[Service]' 'Type=oneshot' "ExecStart=/bin/sh $undo/undo.sh" '[Install]' 'WantedBy=multi-user.target' \
  > /etc/systemd/system/provision-undo.service || exit 1
printf '%s\n' '[Unit]' 'Description=provision: the time within which a guarded step must be confirmed' \
  '[Timer]' OnActiveSec=${undoAfter}s AccuracySec=1s RemainAfterElapse=no \
  > /etc/systemd/system/provision-undo.timer || exit 1
sync -f /etc/systemd/system "$undo"
systemctl daemon-reload || exit 1
# Enabled for the next boot; the timer for this one.
systemctl -q enable provision-undo.service || exit 1
systemctl start provision-undo.timer || exit 1
systemctl -q is-active provision-undo.timer`
}

/** In the log as in what a run says: it was corrected, and then it was not. */
const toldUndone = (step: string): Sh => {
  const changes = [{ field: 'step', from: 'corrected', to: 'undone: no new login confirmed it' }]
  return sh`printf '%s\t\t%s\n' "$(date -u +%FT%TZ)" ${JSON.stringify({ step, id: 'undo', changes })} >> "$(dirname -- "$undo")/log" || :`
}

/** Units and saved copies go, in the order in which a death in between does no harm. */
const cleanUp = sh`
systemctl -q disable provision-undo.service
systemctl stop --no-block provision-undo.timer
rm -f /etc/systemd/system/provision-undo.service /etc/systemd/system/provision-undo.timer
systemctl daemon-reload
rm -rf -- "$undo"`

const disarm = sh`${places}
undo=$provision/undo
ln -s confirm "$undo/claim" 2>/dev/null
if [ "$(readlink "$undo/claim")" != confirm ]; then printf 'the undo has begun\n' >&2; exit 1; fi
${cleanUp}
[ ! -e "$undo" ]`

/** Has the host undo now rather than when its time is up; over a dead connection it does so by itself. */
async function undoNow(shell: Shell): Promise<string> {
  try {
    const { code } = await shell.run(
      sh`if [ -e /etc/systemd/system/provision-undo.service ]; then systemctl start provision-undo.service; fi`,
    )
    return code === 0 ? 'the host has undone the step' : 'the undo failed: look at “journalctl -u provision-undo” on its console'
  } catch {
    return `the connection is gone too: the host undoes the step by itself within ${undoAfter} seconds`
  }
}

async function must(shell: Shell, where: string, what: string, script: Sh): Promise<void> {
  const { code, stderr } = await shell.run(script)
  if (code !== 0)
    throw new ProvisionError(where, `${what} failed with exit code ${code}: ${stderr.trim() || 'the host said nothing'}`)
}
