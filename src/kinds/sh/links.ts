import { type Sh, sh } from '../../sh.ts'

/**
 * sh: `root_made LINK` is true when nobody but root can have put that link there: it is root's, in a folder that is root's alone, or that is
 * sticky. `trusted_way PATH` fails, and says why, when a link on the way to a path, or the path itself, is another's: whoever may
 * write a folder may put a link into it, and what root changes through it is theirs to choose. See path_resolution(7), symlink(7).
 */
export const trustedWay: Sh = sh`
root_made() {
  [ "$(stat -c %u -- "$1")" = 0 ] && [ -n "$(find -L "$(dirname -- "$1")" -maxdepth 0 -user root \( ! -perm /022 -o -perm -1000 \))" ]
}
trusted_way() {
  way= rest=\${1#/}
  while [ -n "$rest" ]; do
    part=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    way=$way/$part
    if [ -L "$way" ] && ! root_made "$way"; then
      printf '%s is a link to %s that %s made, and root follows no link of others: remove it, or make it as root where root alone writes\n' "$way" "$(readlink "$way")" "$(stat -c %U -- "$way")" >&2
      return 1
    fi
  done
}`
