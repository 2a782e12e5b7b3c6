import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface HandedOver {
  /** The folder whose contents change hands. */
  readonly path: `/${string}`
  /** Who owns from now on what the former user owned. It has a group of the same name. */
  readonly to: string
  /** A folder that has always belonged to that user: who owns it now is the former one. It changes hands last. */
  readonly witness: `/${string}`
}

interface State {
  /** Who owns the witness; empty when it is not there. */
  readonly owner: string
}

/**
 * What a former user owned in a folder belongs to the user of now: looked at by the owner of one folder, so that a check reads no
 * tree. What is root's stays root's. A file of several names is left, as one of them may be elsewhere, and is named.
 */
export const handedOver = defineKind<HandedOver, State>({
  name: 'contents',
  key: ({ path }) => path,

  probe: (all) => sh`
${all.map(
  ({ path, witness }) => sh`
if [ -d ${witness} ] && [ ! -L ${witness} ]; then printf 'owner %s %s\n' "$(stat -c %U -- ${witness})" ${path}
elif [ -e ${witness} ] || [ -L ${witness} ]; then echo ${`${witness} is no directory`} >&2; exit 1
else printf 'none - %s\n' ${path}; fi`,
)}`,

  parse: (output) =>
    new Map(
      [...output.matchAll(/^(owner|none) (\S+) (\/.*)$/gm)].map(([, type, owner, path]) => [
        path!,
        { owner: type === 'none' ? '' : owner! },
      ]),
    ),

  diff: ({ to }, { owner }) => (['', 'root', to].includes(owner) ? [] : [{ field: 'owner', from: owner, to }]),

  // By each file's own folder, without following links, so that nobody who renames meanwhile sends it elsewhere: see find(1).
  apply: ({ path, to, witness }, { owner }) => sh`
for d in ${path} ${witness}; do
  if [ ! -d "$d" ] || [ -L "$d" ]; then continue; fi
  find -P "$d" -xdev -mindepth 1 -user ${owner} ! -type d -links +1 -printf 'keeps its owner, as it has several names: %p\n'
  find -P "$d" -xdev -mindepth 1 -user ${owner} '(' -type d -o -links 1 ')' -execdir chown -h -- ${`${to}:${to}`} '{}' +
done
chown -- ${`${to}:${to}`} ${witness}`,
})
