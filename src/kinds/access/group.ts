import { type Change, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface Group {
  readonly name: string
  /** Who must be in it. Others who are stay. */
  readonly members: readonly string[]
}

type State = { readonly type: 'absent' } | { readonly type: 'group'; readonly members: readonly string[] }

/** A system group with these members: see group(5). */
export const group = defineKind<Group, State>({
  name: 'group',
  wants: { name: wanted.name, members: wanted.listOf(wanted.name) },
  key: ({ name }) => name,

  probe: (all) => sh`
for g in ${all.map(({ name }) => name)}; do
  if entry=$(getent group "$g"); then printf 'group %s\n' "$entry"
  elif [ $? -eq 2 ]; then printf 'absent %s\n' "$g"
  else exit 1; fi
done`,

  parse: (output) =>
    new Map<string, State>([
      ...[...output.matchAll(/^absent (\S+)$/gm)].map(([, name]) => [name!, { type: 'absent' }] as const),
      ...[...output.matchAll(/^group ([^:]+):[^:]*:\d+:(.*)$/gm)].map(
        ([, name, members]) => [name!, { type: 'group', members: members!.split(',') }] as const,
      ),
    ]),

  diff: ({ members }, have): readonly Change[] => {
    if (have.type === 'absent') return [{ field: 'type', from: 'absent', to: 'group' }]
    const lacking = members.filter((member) => !have.members.includes(member))
    return lacking.map((member) => ({ field: 'members', from: have.members.join(',') || 'none', to: `and ${member}` }))
  },

  apply: ({ name, members }) => sh`
getent group ${name} >/dev/null || groupadd --system -- ${name}
${members.map((member) => sh`usermod -a -G ${name} -- ${member}`)}`,
})
