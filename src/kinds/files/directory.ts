import { changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { trustedWay } from '../sh/links.ts'
import { wanted } from '../wanted.ts'

export interface Directory {
  readonly path: `/${string}`
  readonly mode?: `0${number}`
  readonly owner?: string
  readonly group?: string
}

type State =
  | { readonly type: 'absent' | 'other' }
  | { readonly type: 'link'; readonly to: string; readonly by: string }
  | {
      readonly type: 'directory'
      readonly mode: string
      readonly owner: string
      readonly group: string
      /** Where it is, when a link of root leads there. */
      readonly at?: string
    }

/**
 * A directory with this mode and owner: root's and 0755 unless it says otherwise. What is in it is not looked at. One that was moved
 * elsewhere, with a link of root in its place, is looked at there; a link that somebody else could have made is refused.
 */
export const directory = defineKind<Directory, State>({
  name: 'directory',
  wants: {
    path: wanted.path,
    mode: wanted.optional(wanted.mode),
    owner: wanted.optional(wanted.name),
    group: wanted.optional(wanted.name),
  },
  key: ({ path }) => path,

  probe: (all) => sh`
${trustedWay}
set --
for d in ${all.map(({ path }) => path)}; do
  if [ -L "$d" ]; then
    if [ -d "$d" ] && root_made "$d"; then stat -L -c "at %a %U %G $(readlink -f -- "$d") %n" -- "$d"
    else printf 'link %s %s %s\n' "$(stat -c %U -- "$d")" "$(readlink -- "$d" | tr ' ' '?')" "$d"; fi
  elif [ -d "$d" ]; then set -- "$@" "$d"
  elif [ -e "$d" ]; then printf 'other %s\n' "$d"
  else printf 'absent %s\n' "$d"; fi
done
[ $# -eq 0 ] || stat -c 'stat %a %U %G %n' -- "$@"`,

  parse: (output) =>
    new Map<string, State>([
      ...[...output.matchAll(/^(absent|other) (\/.*)$/gm)].map(
        ([, type, path]) => [path!, { type: type as 'absent' | 'other' }] as const,
      ),
      ...[...output.matchAll(/^link (\S+) (\S*) (\/.*)$/gm)].map(
        ([, by, to, path]) => [path!, { type: 'link', to: to!, by: by! }] as const,
      ),
      ...[...output.matchAll(/^at (\d+) (\S+) (\S+) (\/\S*) (\/.*)$/gm)].map(
        ([, mode, owner, group, at, path]) =>
          [path!, { type: 'directory', mode: `0${mode}`, owner: owner!, group: group!, at: at! }] as const,
      ),
      ...[...output.matchAll(/^stat (\d+) (\S+) (\S+) (\/.*)$/gm)].map(
        ([, mode, owner, group, path]) => [path!, { type: 'directory', mode: `0${mode}`, owner: owner!, group: group! }] as const,
      ),
    ]),

  diff: ({ mode = '0755', owner = 'root', group = 'root' }, have) =>
    have.type === 'directory'
      ? changedFields({ mode, owner, group }, have)
      : [{ field: 'type', from: have.type === 'link' ? `a link to ${have.to} by ${have.by}` : have.type, to: 'directory' }],

  // A file in its place is somebody's: mkdir refuses it, and says so. Changed from inside, where no name can be exchanged for a link.
  apply: ({ path, mode = '0755', owner = 'root', group = 'root' }) => sh`
${trustedWay}
trusted_way ${path}
mkdir -p -- ${path}
real=$(readlink -f -- ${path})
cd -P -- ${path}
if [ "$(pwd -P)" != "$real" ]; then printf '%s was exchanged meanwhile\n' ${path} >&2; exit 1; fi
chown ${`${owner}:${group}`} .
chmod ${mode} .`,

  notes: (_, have) =>
    have.type === 'directory' && have.at !== undefined ? [`is a link of root to ${have.at}, and looked at there`] : [],
})
