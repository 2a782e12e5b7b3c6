import { defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'

export interface Owner {
  readonly path: `/${string}`
  readonly owner: string
  readonly group: string
  /** A folder in it with as many files as there are messages: of these only the first thousand are checked, and those that `listed` names. */
  readonly large: `/${string}`
  /** A file with paths that the watch, which checks all, has found to be another's. */
  readonly listed: `/${string}`
}

interface State {
  /** `root:root 640 /var/lib/maddy/imapsql.db`: what is not its owner's, or may be read by all, or not by its owner. */
  readonly others: readonly string[]
}

/**
 * All that is below a folder belongs to one user: after a daemon has once run as root it cannot read its own files, and systemd changes
 * their owner only where the folder itself is another's (StateDirectory= of systemd.exec(5), seen with 252). Links are left alone.
 * 100,000 messages would cost each check 0.2 s; as it is it costs 5 ms.
 */
export const owner = defineKind<Owner, State>({
  name: 'owner',
  key: ({ path }) => path,

  // What goes meanwhile is no failure of the look.
  probe: (all) => sh`
${all.map(
  (one) => sh`
if [ -d ${one.path} ] && [ ! -L ${one.path} ] && id ${one.owner} >/dev/null 2>&1; then
  find ${one.path} -mindepth 1 -xdev -ignore_readdir_race -path ${`${one.large}/*`} -prune -o ${wrong(one)} -printf ${print(one)}
  if [ -d ${one.large} ]; then
    # find is ended by head, and its complaint about that is none.
    ( find ${one.large} -mindepth 1 -maxdepth 1 -ignore_readdir_race -printf ${`%u:%g %m %M %y %p\n`} || : ) 2>/dev/null | head -n 1000 |
      awk -v want=${`${one.owner}:${one.group}`} -v path=${one.path} '$4 != "l" && ($1 != want || substr($3, 2, 2) != "rw" || substr($3, 8, 3) ~ /[rwx]/) { p = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", p); print "other", path, $1, $2, p }'
  fi
  if [ -s ${one.listed} ]; then
    while IFS= read -r listed; do
      case $listed in ${one.path}/*) ;; *) continue ;; esac
      if [ -e "$listed" ] && [ ! -L "$listed" ]; then find "$listed" -maxdepth 0 -ignore_readdir_race ${wrong(one)} -printf ${print(one)}; fi
    done < ${one.listed}
  fi
fi
printf 'end %s\n' ${one.path}`,
)}`,

  parse: (output, all) =>
    new Map(
      all
        .filter(({ path }) => output.split('\n').includes(`end ${path}`))
        .map(({ path }) => {
          const begin = `other ${path} `
          const lines = output.split('\n').filter((line) => line.startsWith(begin))
          return [path, { others: [...new Set(lines.map((line) => line.slice(begin.length)))] }]
        }),
    ),

  diff: ({ owner: user, group }, { others }) =>
    others.length === 0
      ? []
      : [
          {
            field: 'below it',
            from: others.length === 1 ? others[0]! : `${others[0]} and ${others.length - 1} more`,
            to: `${user}:${group}`,
          },
        ],

  // From the folder that a file is in, and never through a link: what is below belongs to a daemon, who could swap a folder for one.
  apply: (one) => sh`
find ${one.path} -mindepth 1 -xdev -ignore_readdir_race ${wrong(one)} -execdir chown -h ${`${one.owner}:${one.group}`} -- '{}' + -execdir chmod u+rwX,o= -- '{}' +
rm -f -- ${one.listed}`,
})

const wrong = ({ owner: user, group }: Owner): Sh =>
  sh`! -type l '(' ! -user ${user} -o ! -group ${group} -o -perm /o=rwx -o ! -perm -u=rw ')'`
const print = ({ path }: Owner): string => `other ${path} %u:%g %m %p\\n`
