import { defineKind, differences } from '../kind.ts'
import { type Sh, sh } from '../sh.ts'

export interface User {
  readonly name: string
  readonly uid?: number
  readonly shell?: string
  readonly home?: `/${string}`
  /** Groups it must be in besides its own. Those it is in already stay. */
  readonly groups?: readonly string[]
  /** A system account: no ageing, a low uid, no home made. */
  readonly system?: boolean
}

type State =
  | { readonly type: 'absent' }
  | {
      readonly type: 'user'
      readonly uid: string
      readonly shell: string
      readonly home: string
      readonly groups: readonly string[]
    }

/** A Unix account with a group of its own. It has no password. */
export const user = defineKind<User, State>({
  name: 'user',
  key: ({ name }) => name,

  // One getent and one id for them all. getent exits 2 when there is no such user, which is an answer; id says the groups in order.
  probe: (all) => sh`
entries=$(getent passwd -- ${all.map(({ name }) => name)}) || [ $? -eq 2 ]
set --
while IFS= read -r entry; do
  [ -z "$entry" ] || { printf 'passwd %s\n' "$entry"; set -- "$@" "\${entry%%:*}"; }
done <<END
$entries
END
for u in ${all.map(({ name }) => name)}; do
  case " $* " in *" $u "*) ;; *) printf 'absent %s\n' "$u" ;; esac
done
[ $# -gt 0 ] || exit 0
groups=$(id -nG -- "$@")
while IFS= read -r list; do
  printf 'groups %s %s\n' "$1" "$list"
  shift
done <<END
$groups
END`,

  parse: (output) => {
    const groups = new Map([...output.matchAll(/^groups (\S+) (.*)$/gm)].map(([, name, list]) => [name, list!.split(' ')]))
    return new Map<string, State>([
      ...[...output.matchAll(/^absent (\S+)$/gm)].map(([, name]) => [name!, { type: 'absent' }] as const),
      ...[...output.matchAll(/^passwd ([^:]+):[^:]*:(\d+):\d+:[^:]*:([^:]*):(.*)$/gm)].map(
        ([, name, uid, home, shell]) =>
          [name!, { type: 'user', uid: uid!, home: home!, shell: shell!, groups: groups.get(name) ?? [] }] as const,
      ),
    ])
  },

  diff: (wanted, have) => {
    if (have.type === 'absent') return [{ field: 'type', from: 'absent', to: 'user' }]
    const { uid, shell, home } = full(wanted)
    const lacking = (wanted.groups ?? []).filter((group) => !have.groups.includes(group))
    return [
      ...differences({ shell, home, ...(uid === undefined ? {} : { uid: String(uid) }) }, have),
      ...lacking.map((group) => ({ field: 'groups', from: have.groups.join(','), to: `and ${group}` })),
    ]
  },

  apply: (wanted, have, changes) => {
    const { name, shell, home, system, groups = [] } = full(wanted)
    const fields = new Map(changes.map(({ field, to }) => [field, to]))
    if (fields.has('uid'))
      return sh`printf '%s has uid %s already: its files would be orphaned, so change it by hand or in the inventory\n' ${name} ${have.type === 'user' ? have.uid : ''} >&2
exit 1`
    return sh`
${have.type === 'absent' ? create(wanted) : sh``}
${fields.has('shell') ? sh`usermod --shell ${shell} -- ${name}` : sh``}
${fields.has('home') ? sh`usermod --home ${home} -- ${name}` : sh``}
${system ? sh`` : sh`if [ ! -d ${home} ]; then mkhomedir_helper ${name} 0027; fi`}
${groups.map((group) => sh`usermod -a -G ${group} -- ${name}`)}`
  },
})

const full = (wanted: User) => {
  const { name, system = false, shell = system ? '/usr/sbin/nologin' : '/bin/bash' } = wanted
  return { ...wanted, system, shell, home: wanted.home ?? (system ? `/var/lib/${name}` : `/home/${name}`) }
}

/** useradd makes the user's own group; one of that name that is there already is taken. */
function create(wanted: User): Sh {
  const { name, shell, home, system, uid } = full(wanted)
  const flags = [...(system ? ['--system', '--no-create-home'] : ['--create-home']), ...(uid === undefined ? [] : ['--uid', uid])]
  return sh`
if getent group ${name} >/dev/null; then set -- --gid ${name}; else set -- --user-group; fi
${
  uid === undefined
    ? sh``
    : sh`if taken=$(getent passwd ${uid}); then
  printf 'uid %s belongs to %s already: declare another one, or none, and %s gets the next free one\n' ${uid} "\${taken%%:*}" ${name} >&2
  exit 1
fi`
}
useradd "$@" ${flags} --shell ${shell} --home-dir ${home} -- ${name}`
}
