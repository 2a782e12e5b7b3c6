import { artifactFacts } from '../kinds/packages/artifact.ts'
import { type Sh, sh } from '../sh.ts'
import type { Recipe } from './recipes.ts'

const bootUnit = '/etc/systemd/system/provision-upgrade.service'

/**
 * The way back from an upgrade, as a script of its own beside what was saved: `files` puts back what was saved, `now` does that to a
 * unit that may run, `guard PID` when that process has ended and nobody else has, `boot` before the unit starts. Each of its lines may be the last one: what is done is not done again.
 */
export const backScript = (name: string, { unit, path, state }: Pick<Recipe, 'unit' | 'path' | 'state'>, restart: Sh): Sh => {
  const [failed, fresh] = [`${state}.failed`, `${path}.provision`]
  return sh`# Written by provision: goes back from an upgrade that was cut off. It may be interrupted, and run again.
export LC_ALL=C
saved=$(cd -- "$(dirname -- "$0")" && pwd)
provision=\${saved%/upgrade/*}
${artifactFacts}
files() {
  # Before all of it was saved nothing was touched.
  [ -f "$saved/complete" ] || return 0
  if [ -d "$saved/state" ]; then
    if [ -e ${state} ] && ! [ -e ${failed} ]; then mv -T -- ${state} ${failed} || return 1; fi
    rm -rf -- ${state} || return 1
    mv -T -- "$saved/state" ${state} || return 1
  fi
  cp -a -- "$saved/program" ${fresh} || return 1
  mv -T -- ${fresh} ${path} || return 1
  # Its digest is as it was; what it is told by at a glance is not.
  { head -n 2 "$saved/stamp"; artifact_look ${path}; } > "$provision/artifact/.new" || return 1
  mv -T -- "$provision/artifact/.new" "$provision/artifact/"${name}
}
told() {
  printf '%s\t\t%s\n' "$(date -u +%FT%TZ)" ${JSON.stringify({ step: `${name}/upgrade`, id: `artifact:${name}`, changes: [{ field: 'upgrade', from: 'cut off', to: 'undone' }] })} >> "$provision/log"
  [ -x /usr/local/sbin/provision-notify ] || return 0
  systemd-run -q --no-block --collect -p After=multi-user.target -p After=network-online.target /usr/local/sbin/provision-notify -p high ${`the upgrade of ${name} was cut off`} 'The old version is in place again, with all that it kept.' || :
}
${finish(failed)}
now() {
  systemctl stop ${unit}
  systemctl -q unmask --runtime ${unit}
  files || exit 1
  systemctl reset-failed ${unit} 2>/dev/null
  ( set -e; ${restart} ) || exit 1
  told
  finish
}
# Whoever waited for another to go back has nothing to do.
alone() {
  exec 7>> "$saved/lock"
  flock 7
  [ -f "$saved/back.sh" ] || exit 0
}
case $1 in
  files) files ;;
  # Without its files it must not start: it would make new ones, and refuse everybody's mail.
  boot)
    files || { systemctl mask --runtime ${unit}; exit 1; }
    # What it is going to read is noted as a restart notes it; systemd starts it by itself.
    ( set -e; systemctl() { :; }; ${restart} )
    told
    finish ;;
  now) alone; now ;;
  # Beside the upgrade, in a session of its own: when that has died, mail would stay shut.
  guard)
    tail --pid="$2" -f /dev/null
    [ -f "$saved/back.sh" ] && [ ! -e "$saved/stuck" ] || exit 0
    alone
    now ;;
esac`
}

/** sh: `arm`, with the way back in place and at the next boot; `finish`, when there is nothing to go back from. Both need `$saved`. */
export const armed = (name: string, recipe: Recipe, restart: Sh): Sh => sh`
arm() {
  printf '%s\n' ${backScript(name, recipe, restart).text} > "$saved/back.sh" || return 1
  printf '%s\n' '[Unit]' 'Description=provision: go back from an upgrade that was cut off' "ConditionPathExists=$saved/back.sh" ${`Before=${recipe.unit}`} \
    '[Service]' 'Type=oneshot' "ExecStart=/bin/sh $saved/back.sh boot" '[Install]' 'WantedBy=multi-user.target' > ${bootUnit} || return 1
  systemctl daemon-reload || return 1
  systemctl -q enable provision-upgrade.service || return 1
  sync -f /etc/systemd/system "$saved"
  systemd-run -q --collect sh "$saved/back.sh" guard "$$"
}
${finish(`${recipe.state}.failed`)}`

/**
 * From its rename on nothing goes back, and everybody is let in; what a death leaves then, the next upgrade removes. No daemon-reload: the
 * unit of the boot runs it, and systemd would hold that, once its file is gone, to the 90 s of an ordinary service.
 */
const finish = (failed: string): Sh => sh`
finish() {
  sync
  rm -rf -- "$provision/upgrade.done"
  mv -T -- "$saved" "$provision/upgrade.done" || return 1
  nft delete table inet provision_upgrade 2>/dev/null
  systemctl -q disable provision-upgrade.service
  rm -f ${bootUnit}
  rm -rf -- ${failed} "$provision/upgrade.done"
}`
