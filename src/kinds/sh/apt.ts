import { type Sh, sh } from '../../sh.ts'

/**
 * `apt …` that never asks, waits for whoever holds its locks (a fresh VPS is upgrading itself) and finishes an interrupted dpkg;
 * `apt_update`, which fails when a source of Debian's fails: a third-party one (a file in sources.list.d that a message names and whose Release file is not Debian's) is reported and left out: `apt_failed`; `apt_recent`, whether it has been within this hour, with the sources there are.
 * DPkg::Lock::Timeout does not cover the lists' lock, so that one is waited for here.
 * See apt-get(8), apt.conf(5), ucf(1), needrestart(1).
 */
export const apt: Sh = sh`
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
apt_parts=/etc/apt/sources.list.d
apt() {
  apt-get -q -y -o Dir::Etc::SourceParts="$apt_parts" -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}
apt_held() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    if [ -e "$lock" ] && grep -q ":$(stat -c %i "$lock") " /proc/locks; then return 0; fi
  done
  return 1
}
apt_wait() {
  if command -v cloud-init >/dev/null; then
    printf 'waiting for cloud-init\n'
    timeout 900 cloud-init status --wait >/dev/null 2>&1 || :
  fi
  waited=0
  while apt_held; do
    [ "$waited" -gt 0 ] || printf 'waiting for another apt on the host to end\n'
    if [ "$waited" -ge 900 ]; then printf 'apt is still held after 15 minutes: %s\n' "$lock" >&2; return 1; fi
    sleep 1
    waited=$((waited + 1))
  done
  if [ -n "$(dpkg --audit)" ] || [ -n "$(ls /var/lib/dpkg/updates 2>/dev/null)" ]; then
    printf 'finishing an interrupted dpkg\n'
    dpkg --configure -a --force-confdef --force-confold
  fi
}
apt_lists() {
  tries=0
  until said=$(apt-get -q -y -o APT::Update::Error-Mode=any "$@" update 2>&1); do
    case $said in
      *'Could not get lock'*|*'Unable to lock'*) [ "$tries" -lt 300 ] ;;
      *) false ;;
    esac || return 1
    tries=$((tries + 1))
    sleep 1
  done
}
apt_failed() {
  case $1 in */provision-*.sources) return 0 ;; esac
  for uri in $(printf '%s\n' "$why" | grep -oE "[a-z]+://[^ '\"]+" | sed 's#/dists/.*##; s#/$##' | sort -u); do
    if ! grep -qF -- "$uri" "$1"; then continue; fi
    list=$(printf '%s' "$uri" | sed 's#^[a-z]*://##; s#_#%5f#g; s#/#_#g')
    case $uri in *://*debian.org/*) continue ;; esac
    grep -qs '^Origin: Debian$' /var/lib/apt/lists/"$list"_dists_*Release || return 0
  done
  return 1
}
apt_update() {
  if ! apt_lists; then
    dropped=
    why=$(printf '%s\n' "$said" | grep -E '^(E|W):') || why=$said
    apt_parts=/run/provision/apt-sources
    rm -rf -- "$apt_parts"
    mkdir -p -- "$apt_parts"
    for source in /etc/apt/sources.list.d/*; do
      if [ ! -f "$source" ]; then continue; fi
      if apt_failed "$source"; then dropped=$source; else cp -- "$source" "$apt_parts/"; fi
    done
    # What is known of the others stays, in lists that are not cleaned; for what follows they are not there.
    if [ -z "$dropped" ] || ! grep -qs '^Origin: Debian$' /var/lib/apt/lists/*Release || ! apt_lists -o Dir::Etc::SourceParts="$apt_parts" -o APT::Get::List-Cleanup=0; then
      printf '%s\n' "$why" >&2
      return 1
    fi
    printf 'a source besides Debian does not answer as it should; Debian does, so this goes on without it: %s\n' "$why"
  fi
  mkdir -p -m 0700 -- "$provision/stamp"
  if [ "$apt_parts" = /etc/apt/sources.list.d ]; then rm -f -- "$provision/stamp/apt-others"
  else printf '%s\n' "$why" | head -n 1 > "$provision/stamp/apt-others"; fi
  : > "$provision/stamp/apt-lists"
}
apt_recent() {
  [ -n "$(find "$provision/stamp/apt-lists" -mmin -60 2>/dev/null)" ] &&
    [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/preferences.d -newer "$provision/stamp/apt-lists" 2>/dev/null)" ]
}
apt_wait`
