import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path/posix'
import { defineKind, differences, short } from '../kind.ts'
import { Secret } from '../secret.ts'
import { type Sh, sh } from '../sh.ts'

export interface File {
  readonly path: `/${string}`
  /** The whole content. A Secret is never shown nor kept as a copy. */
  readonly content: string | Secret
  readonly mode?: `0${number}`
  readonly owner?: string
  readonly group?: string
  /** Refuses a content that its program would refuse: reads `$tmp`, fails when it is bad. */
  readonly check?: Sh
}

type State =
  | { readonly type: 'absent' | 'other' }
  | { readonly type: 'file'; readonly mode: string; readonly owner: string; readonly group: string; readonly content: string }

/** A regular file with this content, mode and owner: root's and 0644 unless it says otherwise. */
export const file = defineKind<File, State>({
  name: 'file',
  key: ({ path }) => path,

  probe: (all) => sh`
set --
for f in ${all.map(({ path }) => path)}; do
  if [ -L "$f" ] || { [ -e "$f" ] && [ ! -f "$f" ]; }; then printf 'other %s\n' "$f"
  elif [ ! -e "$f" ]; then printf 'absent %s\n' "$f"
  else set -- "$@" "$f"; fi
done
if [ $# -gt 0 ]; then
  stat -c 'stat %a %U %G %n' -- "$@"
  sha256sum -- "$@"
fi`,

  parse: (output) => {
    const digests = new Map([...output.matchAll(/^([0-9a-f]{64}) {2}(\/.*)$/gm)].map(([, digest, path]) => [path, digest]))
    const files = [...output.matchAll(/^stat (\d+) (\S+) (\S+) (\/.*)$/gm)].map(
      ([, mode, owner, group, path]) =>
        [path!, { type: 'file', mode: `0${mode}`, owner: owner!, group: group!, content: digests.get(path) ?? '' }] as const,
    )
    const rest = [...output.matchAll(/^(absent|other) (\/.*)$/gm)].map(
      ([, type, path]) => [path!, { type: type as 'absent' | 'other' }] as const,
    )
    return new Map<string, State>([...files, ...rest])
  },

  diff: ({ content, mode = '0644', owner = 'root', group = 'root' }, have) =>
    have.type === 'file'
      ? differences({ mode, owner, group, content: digest(content) }, have).map((change) => readable(change, content))
      : [{ field: 'type', from: have.type, to: 'file' }],

  // Written next to its place and moved there, so nobody ever reads half of it. What was there before is kept, unless it is secret.
  apply: ({ path, content, mode = '0644', owner = 'root', group = 'root', check = sh`` }, have) => sh`
tmp=${`${dirname(path)}/.${basename(path)}.provision`}
trap 'rm -f -- "$tmp"' EXIT
rm -f -- "$tmp"
( umask 077; set -C; printf %s ${content} > "$tmp" )
chown ${`${owner}:${group}`} "$tmp"
chmod ${mode} "$tmp"
${check}
${have.type === 'file' && !(content instanceof Secret) ? keep(path) : sh``}
mv -T -- "$tmp" ${path}`,

  text: ({ path, content }) => ({ path, wanted: content }),
})

const digest = (content: string | Secret): string => {
  if (content instanceof Secret && !content.known) return 'a secret that is yet to be made'
  return createHash('sha256')
    .update(content instanceof Secret ? content.reveal() : content)
    .digest('hex')
}

/** A digest of a secret would let one try guesses, so of those only the fact is told. */
const readable = (change: { field: string; from: string; to: string }, content: string | Secret) =>
  change.field !== 'content'
    ? change
    : content instanceof Secret
      ? { ...change, from: 'other', to: 'as declared' }
      : { ...change, from: short(change.from), to: short(change.to) }

const keep = (path: string): Sh => sh`
if [ -d "$provision" ]; then
  ( umask 077; mkdir -p -- "$provision/kept"${dirname(path)} )
  cp -a -- ${path} "$provision/kept"${path}
fi`
