import { changedFields, defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

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
  /** `taken` is who has the declared uid. */
  | { readonly type: 'absent'; readonly taken?: string }
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
  wants: {
    name: wanted.name,
    uid: wanted.optional(wanted.number),
    shell: wanted.optional(wanted.path),
    home: wanted.optional(wanted.path),
    groups: wanted.optional(wanted.listOf(wanted.name)),
    system: wanted.optional(wanted.flag),
  },
  key: ({ name }) => name,

  // Who has the declared uids; then one getent and one id for them all. getent exits 2 when there is no such user, which is an
  // answer; id says the groups in order.
  probe: (all) => sh`
${
  uidsOf(all).length === 0
    ? sh``
    : sh`owners=$(getent passwd -- ${uidsOf(all)}) || [ $? -eq 2 ]
printf '%s\n' "$owners" | sed -n 's/^\([^:]*\):[^:]*:\([0-9]*\):.*/owner \2 \1/p'`
}
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

  parse: (output, all) => {
    const owners = new Map([...output.matchAll(/^owner (\d+) (.+)$/gm)].map(([, uid, name]) => [uid!, name!]))
    const takenFrom = (name: string) => owners.get(String(all.find((one) => one.name === name)?.uid))
    const groups = new Map([...output.matchAll(/^groups (\S+) (.*)$/gm)].map(([, name, list]) => [name, list!.split(' ')]))
    return new Map<string, State>([
      ...[...output.matchAll(/^absent (\S+)$/gm)].map(([, name]) => {
        const taken = takenFrom(name!)
        return [name!, { type: 'absent', ...(taken === undefined ? {} : { taken }) }] as const
      }),
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
      ...changedFields({ shell, home, ...(uid === undefined ? {} : { uid: String(uid) }) }, have),
      ...lacking.map((group) => ({ field: 'groups', from: have.groups.join(','), to: `and ${group}` })),
    ]
  },

  refuses: ({ name, uid }, have) => {
    if (uid === undefined) return undefined
    if (have.type === 'user')
      return have.uid === String(uid)
        ? undefined
        : `${name} has uid ${have.uid} already: its files would be orphaned, so change it by hand or in the inventory`
    return have.taken === undefined
      ? undefined
      : `uid ${uid} belongs to ${have.taken} already: declare another one, or none, and ${name} gets the next free one`
  },

  apply: (wanted, have, changes) => {
    const { name, shell, home, system, groups = [] } = full(wanted)
    const fields = new Map(changes.map(({ field, to }) => [field, to]))
    return sh`
${have.type === 'absent' ? create(wanted) : sh``}
${fields.has('shell') ? sh`usermod --shell ${shell} -- ${name}` : sh``}
${fields.has('home') ? sh`usermod --home ${home} -- ${name}` : sh``}
${system ? sh`` : sh`if [ ! -d ${home} ]; then mkhomedir_helper ${name} 0027; fi`}
${groups.map((group) => sh`usermod -a -G ${group} -- ${name}`)}`
  },
})

const uidsOf = (all: readonly User[]): readonly number[] => all.flatMap(({ uid }) => (uid === undefined ? [] : [uid]))

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
useradd "$@" ${flags} --shell ${shell} --home-dir ${home} -- ${name}`
}
