# Written by provision: undoes a guarded step that no new login has confirmed. Beside it: undo.conf, after.sh, `paths` (what was
# saved), `tree` (the copies), `manifest` (what they are), `session` (the correction's processes) and `open` (not decided yet).
#
#   undo.sh           undoes the step: ends its correction, puts the copies back, runs after.sh, and removes itself
#   undo.sh confirm   the step stays: removes itself. It fails when the undo has begun
#   undo.sh save      makes the copies
#
# It may be killed at any line and run again. Nothing is replaced before what takes its place is whole beside it; the copies and the
# units stay until all is back and on the disk. It fails with one sentence, and then nothing that was saved is lost.

undo=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
. "$undo/undo.conf"
units=${PROVISION_UNITS:-/etc/systemd/system}
run=${PROVISION_RUN:-/run/provision}
export LC_ALL=C
umask 077

fail() {
  printf '%s; what was saved is kept in %s\n' "$1" "$undo" >&2
  printf '%s\n' "$id failed $1; what was saved is kept in $undo" 2>/dev/null >"$run/guarded"
  exit 1
}

# What is at the saved paths below a folder: types, modes, owners, targets of links, and digests.
manifest() (
  cd -- "$1" || exit 1
  while IFS= read -r path; do
    [ -e ".$path" ] || [ -L ".$path" ] || continue
    find ".$path" -printf '%y %m %U:%G %p -> %l\n' || exit 1
    find ".$path" -type f -exec sha256sum -- {} + || exit 1
  done <"$undo/paths"
)

save() {
  mkdir -p -- "$undo/tree" || return 1
  while IFS= read -r path; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    mkdir -p -- "$undo/tree${path%/*}" || return 1
    cp -a -- "$path" "$undo/tree$path" || return 1
  done <"$undo/paths"
  manifest / >"$undo/manifest" || return 1
  sort -o "$undo/manifest" "$undo/manifest" || return 1
  is_as_saved "$undo/tree"
}

is_as_saved() { manifest "$1" | sort | cmp -s -- "$undo/manifest" -; }

# Runs this script with a word for all that was saved, as paths below the folder of the copies.
each_saved() {
  cd -- "$undo/tree" || return 1
  while IFS= read -r path; do
    [ -e ".$path" ] || [ -L ".$path" ] || continue
    find ".$path" -exec sh "$undo/undo.sh" "$1" {} + || return 1
  done <"$undo/paths"
}

look() { stat -c '%f %u:%g %t:%T' -- "$1" 2>/dev/null && { [ ! -L "$1" ] || readlink -- "$1"; }; }
same() { [ "$(look "$1")" = "$(look "$2")" ] && { [ -L "$1" ] || [ ! -f "$1" ] || cmp -s -- "$1" "$2"; }; }
is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }

# A copy beside its place of one thing that is not there as it was; a folder itself is made.
prepare() {
  to=/${1#./}
  beside=${to%/*}/.${to##*/}.provision-undo
  rm -rf -- "$beside" || return 1
  if is_folder "$1"; then
    is_folder "$to" || rm -f -- "$to" || return 1
    mkdir -p -- "$to" || return 1
    return 0
  fi
  if same "$1" "$to"; then return 0; fi
  (umask 022; mkdir -p -- "${to%/*}") || return 1
  cp -a -- "$1" "$beside" || return 1
  same "$1" "$beside"
}

# Over its place, in one step. A folder gets its mode and owner.
place() {
  to=/${1#./}
  beside=${to%/*}/.${to##*/}.provision-undo
  if is_folder "$1"; then
    chown --reference="$1" -- "$to" || return 1
    chmod --reference="$1" -- "$to" || return 1
    return 0
  fi
  [ -e "$beside" ] || [ -L "$beside" ] || return 0
  if is_folder "$to"; then rm -rf -- "$to" || return 1; fi
  mv -T -f -- "$beside" "$to"
}

# What there is no room for is not begun.
forget() {
  to=/${1#./}
  rm -rf -- "${to%/*}/.${to##*/}.provision-undo"
}

# What was not there when it was saved.
remove() {
  if [ -e "$undo/tree$1" ] || [ -L "$undo/tree$1" ]; then return 0; fi
  if is_folder "$1"; then rmdir -- "$1"; else rm -f -- "$1"; fi
}

remove_new() {
  while IFS= read -r path; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    find "$path" -depth -exec sh "$undo/undo.sh" remove {} + || return 1
  done <"$undo/paths"
}

# On the disk, whatever becomes of the power.
to_disk() {
  while IFS= read -r path; do
    at=${path%/*}
    while [ ! -e "$at" ]; do at=${at%/*}; done
    sync -f -- "${at:-/}" || return 1
  done <"$undo/paths"
  sync -f -- "$undo"
}

# Kills what is left of the correction, which would write again after the undo. A number that is by now another process's is left
# alone: it is free for others only when nobody of its session is left.
end_correction() {
  [ -s "$undo/session" ] || return 0
  read -r boot leader since <"$undo/session"
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 0
  if { read -r line <"/proc/$leader/stat"; } 2>/dev/null; then
    set -- ${line##*) }
    [ "${20}" = "$since" ] || return 0
  fi
  tries=0
  while kill_all && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
}

# True while there was somebody to kill. proc(5), stat: after the name in brackets state, parent, group, session, and as the 20th the start.
kill_all() {
  found=1
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    pid=${line%% *}
    set -- ${line##*) }
    [ "$4" = "$leader" ] && [ "$pid" != "$$" ] || continue
    case $1 in Z | X) continue ;; esac
    kill -KILL "$pid" 2>/dev/null
    found=0
  done
  return "$found"
}

# The units go last: while the copies are there, a boot comes back to them. No daemon-reload once the unit is gone: systemd would then
# hold this very service, whose file it no longer finds, to the 90 s of an ordinary one, and end it here if it has been at it for longer.
# `disable` reloads while it is still there.
clean_up() {
  printf '%s\n' "$id $1" 2>/dev/null >"$run/guarded"
  rm -rf -- "$undo.done"
  mv -T -- "$undo" "$undo.done" || return 1
  rm -rf -- "$undo.done"
  systemctl -q disable provision-undo.service
  systemctl stop --no-block provision-undo.timer
  rm -f -- "$units/provision-undo.service" "$units/provision-undo.timer"
}

# Who renames it first has decided.
decide() {
  mv -T -- "$undo/open" "$undo/$1" 2>/dev/null
  [ -e "$undo/$1" ] && [ ! -e "$undo/open" ]
}

confirm() {
  mkdir -p -- "$run"
  decide confirmed || { printf 'the undo has begun\n' >&2; exit 1; }
  to_disk || { printf 'what was corrected cannot be brought to the disk\n' >&2; exit 1; }
  clean_up confirmed
}

main() {
  mkdir -p -- "$run"
  if ! decide undone; then
    [ -e "$undo/confirmed" ] || fail 'nothing can be written there'
    to_disk || fail 'what was corrected cannot be brought to the disk'
    clean_up confirmed
    return
  fi
  end_correction
  exec 9>>"$run/work"
  flock -w 300 9 || fail 'another correction does not end'
  # Somebody else has undone it meanwhile.
  [ -e "$undo/undone" ] || return 0
  is_as_saved "$undo/tree" || fail 'the copies are not what was saved'
  if ! (each_saved prepare); then
    (each_saved forget)
    fail 'what was saved cannot be written (is the disk full?), so nothing was put back'
  fi
  (each_saved place) || fail 'not all that was saved could be put back'
  remove_new || fail 'what the step had made could not be removed'
  is_as_saved / || fail 'what is there now differs from what was saved'
  to_disk || fail 'what was put back cannot be brought to the disk'
  sh -e "$undo/after.sh" 9>&- || fail 'the files are back, and what has to be run then failed'
  printf '%s\t\t%s\n' "$(date -u +%FT%TZ)" "$log" 2>/dev/null >>"${undo%/*}/log"
  clean_up undone
}

case ${1:-} in
'') main ;;
confirm | save) "$1" ;;
*)
  word=$1
  shift
  for one; do "$word" "$one" || exit 1; done
  ;;
esac
