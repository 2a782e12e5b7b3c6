import { defineKind, differences } from '../kind.ts'
import { sh } from '../sh.ts'

export interface Directory {
  readonly path: `/${string}`
  readonly mode?: `0${number}`
  readonly owner?: string
  readonly group?: string
}

type State =
  | { readonly type: 'absent' | 'other' }
  | { readonly type: 'directory'; readonly mode: string; readonly owner: string; readonly group: string }

/** A directory with this mode and owner: root's and 0755 unless it says otherwise. What is in it is not looked at. */
export const directory = defineKind<Directory, State>({
  name: 'directory',
  key: ({ path }) => path,

  probe: (all) => sh`
set --
for d in ${all.map(({ path }) => path)}; do
  if [ -d "$d" ] && [ ! -L "$d" ]; then set -- "$@" "$d"
  elif [ -e "$d" ] || [ -L "$d" ]; then printf 'other %s\n' "$d"
  else printf 'absent %s\n' "$d"; fi
done
[ $# -eq 0 ] || stat -c 'stat %a %U %G %n' -- "$@"`,

  parse: (output) =>
    new Map<string, State>([
      ...[...output.matchAll(/^(absent|other) (\/.*)$/gm)].map(
        ([, type, path]) => [path!, { type: type as 'absent' | 'other' }] as const,
      ),
      ...[...output.matchAll(/^stat (\d+) (\S+) (\S+) (\/.*)$/gm)].map(
        ([, mode, owner, group, path]) => [path!, { type: 'directory', mode: `0${mode}`, owner: owner!, group: group! }] as const,
      ),
    ]),

  diff: ({ mode = '0755', owner = 'root', group = 'root' }, have) =>
    have.type === 'directory' ? differences({ mode, owner, group }, have) : [{ field: 'type', from: have.type, to: 'directory' }],

  // A file or a link in its place is somebody's: mkdir refuses it, and says so.
  apply: ({ path, mode = '0755', owner = 'root', group = 'root' }) => sh`
mkdir -p -- ${path}
chown ${`${owner}:${group}`} -- ${path}
chmod ${mode} -- ${path}`,
})
