import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path/posix'
import { type Change, changedFields, defineKind, short } from '../../engine/kind.ts'
import { Secret } from '../../secret.ts'
import { type Sh, sh } from '../../sh.ts'
import { trustedWay } from '../sh/links.ts'
import { unread } from '../sh/reads.ts'
import { wanted } from '../wanted.ts'

export interface File {
  readonly path: `/${string}`
  /** The whole content. A Secret is never shown, and what we wrote of it is never kept as a copy. */
  readonly content: string | Secret
  readonly mode?: `0${number}`
  readonly owner?: string
  readonly group?: string
  /** Refuses a content that its program would refuse: reads `$tmp`, fails when it is bad. */
  readonly check?: Sh
  /** What an operator should know of it, whatever its state; asked when the host is looked at. */
  readonly notes?: readonly string[] | (() => readonly string[])
}

type State =
  | {
      readonly type: 'absent' | 'other'
      /** Absent, and so is the folder that it would be in. */
      readonly homeless?: true
    }
  | {
      readonly type: 'file'
      readonly mode: string
      readonly owner: string
      readonly group: string
      readonly content: string
      /** The day on which somebody changed what we wrote; empty when nobody did. */
      readonly edited: string
    }

/** A regular file with this content, mode and owner: root's and 0644 unless it says otherwise. */
export const file = defineKind<File, State>({
  name: 'file',
  wants: {
    path: wanted.path,
    content: wanted.content,
    mode: wanted.optional(wanted.mode),
    owner: wanted.optional(wanted.name),
    group: wanted.optional(wanted.name),
    check: wanted.optional(wanted.script),
    notes: wanted.any,
  },
  key: ({ path }) => path,

  probe: (all) => sh`
set --
for f in ${all.map(({ path }) => path)}; do
  if [ -L "$f" ] || { [ -e "$f" ] && [ ! -f "$f" ]; }; then printf 'other %s\n' "$f"
  elif [ ! -e "$f" ] && [ ! -d "\${f%/*}/" ]; then printf 'homeless %s\n' "$f"
  elif [ ! -e "$f" ]; then printf 'absent %s\n' "$f"
  else set -- "$@" "$f"; fi
done
if [ $# -gt 0 ]; then
  stat -c 'stat %a %U %G %Y %n' -- "$@"
  sha256sum -- "$@"
fi
for f in "$@"; do
  if [ -s "$provision/written$f" ]; then while read -r digest; do printf 'written %s %s\n' "$digest" "$f"; done < "$provision/written$f"; fi
done`,

  parse: (output) => {
    const digests = new Map([...output.matchAll(/^([0-9a-f]{64}) {2}(\/.*)$/gm)].map(([, digest, path]) => [path, digest]))
    const written = Map.groupBy(output.matchAll(/^written ([0-9a-f]{64}) (\/.*)$/gm), ([, , path]) => path)
    const files = [...output.matchAll(/^stat (\d+) (\S+) (\S+) (\d+) (\/.*)$/gm)].map(([, mode, owner, group, time, path]) => {
      const content = digests.get(path) ?? ''
      const ours = written.get(path)?.map(([, digest]) => digest)
      const edited = ours === undefined || ours.includes(content) ? '' : new Date(Number(time) * 1000).toISOString().slice(0, 10)
      return [path!, { type: 'file', mode: `0${mode}`, owner: owner!, group: group!, content, edited }] as const
    })
    const rest = [...output.matchAll(/^(absent|homeless|other) (\/.*)$/gm)].map(
      ([, type, path]) => [path!, type === 'homeless' ? homeless : { type: type as 'absent' | 'other' }] as const,
    )
    return new Map<string, State>([...files, ...rest])
  },

  diff: ({ content, mode = '0644', owner = 'root', group = 'root' }, have) =>
    have.type === 'file'
      ? changedFields({ mode, owner, group, content: digest(content) }, have).map((change) =>
          readable(change, content, have.edited),
        )
      : [{ field: 'type', from: have.type, to: 'file' }],

  // Written next to its place and moved there, so nobody ever reads half of it. What others wrote there is kept before.
  apply: ({ path, content, mode = '0644', owner = 'root', group = 'root', check = sh`` }, have) => sh`
${trustedWay}
trusted_way ${dirname(path)}
[ -d ${dirname(path)} ] || { printf 'its folder %s is not there: declare it before this file\n' ${dirname(path)} >&2; exit 1; }
tmp=${`${dirname(path)}/.${basename(path)}.provision`}
trap 'rm -f -- "$tmp"' EXIT
rm -f -- "$tmp"
( umask 077; set -C; printf %s ${content} > "$tmp" )
chown -h ${`${owner}:${group}`} "$tmp"
chmod ${mode} "$tmp"
${check}
${have.type === 'file' ? keep(path, content instanceof Secret) : sh``}
${remember(path, have.type === 'file' ? [digest(content), have.content] : [digest(content)])}
${unread(path)}
mv -T -- "$tmp" ${path}
${remember(path, [digest(content)])}`,

  notes: ({ notes = [] }) => (typeof notes === 'function' ? notes() : notes),

  edited: (_, have) => (have.type === 'file' && have.edited !== '' ? `edited on the host on ${have.edited}` : undefined),

  text: ({ path, content }) => ({ path, wanted: content }),
})

const homeless = { type: 'absent', homeless: true } as const

const digest = (content: string | Secret): string => {
  if (content instanceof Secret && !content.known) return 'a secret that is yet to be made'
  return createHash('sha256')
    .update(content instanceof Secret ? content.reveal() : content)
    .digest('hex')
}

/** A digest of a secret would let one try guesses, so of those only the fact is told. */
const readable = (change: Change, content: string | Secret, edited: string): Change =>
  change.field !== 'content'
    ? change
    : content instanceof Secret
      ? { ...change, from: edited === '' ? 'other' : `edited on the host on ${edited}`, to: 'as declared' }
      : { ...change, from: edited === '' ? short(change.from) : `edited on the host on ${edited}`, to: short(change.to) }

/**
 * Copies what is there unless we wrote it: what we wrote is in the inventory or in the history of its secrets, what a person wrote may
 * be nowhere else. The copy takes the place of no other, and root alone reads it where the file is secret.
 */
const keep = (path: string, secret: boolean): Sh => sh`
if ! grep -qxF -- "$(sha256sum < ${path} | cut -d ' ' -f 1)" "$provision/written"${path} 2>/dev/null && ! cmp -s -- ${path} "$provision/kept"${path}; then
  ( umask 077; mkdir -p -- "$provision/kept"${dirname(path)}; cp ${secret ? [] : ['-a']} --backup=numbered -- ${path} "$provision/kept"${path} )
fi`

/**
 * The digests of what we wrote last, by which a person's edit is told from a change of the inventory. While the new content moves
 * into place both count as ours, so that a death in between makes nobody an editor.
 */
const remember = (path: string, digests: readonly string[]): Sh => sh`
( umask 077; mkdir -p -- "$provision/written"${dirname(path)}; printf '%s\n' ${digests} > "$provision/written"${path} )`
