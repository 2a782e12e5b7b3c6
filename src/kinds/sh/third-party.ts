import { type Sh, sh } from '../../sh.ts'

/**
 * sh: `third_party` reads paths, one a line, and prints those that neither a package has brought nor we have declared (`$ours`: declared
 * paths, each between blanks). A file of a package is a conffile or registered with ucf(1); what is left is looked up in dpkg's lists.
 */
export const thirdParty: Sh = sh`
third_party() {
  set -- /var/lib/dpkg/info/*.conffiles
  if [ -f /var/lib/ucf/registry ]; then set -- "$@" /var/lib/ucf/registry; fi
  left=$(awk -v ours="$ours" '!of { if ($0 != "" && !index(ours, " " $0 " ")) want[$0]; next } { delete want[$1]; delete want[$2] } END { for (f in want) print f }' - of=packages "$@")
  [ -n "$left" ] || return 0
  owned=$(printf '%s\n' "$left" | grep -hxFf - /var/lib/dpkg/info/*.list || [ $? -eq 1 ])
  printf '%s\n' "$left" | sort | while IFS= read -r f; do
    case "
$owned
" in *"
$f
"*) ;; *) printf '%s\n' "$f" ;; esac
  done
}`

/** Declared paths as \`third_party\` takes them, of those below these folders alone: a script carries no more than it needs. */
export const oursWithin = (paths: ReadonlySet<string>, folders: readonly string[]): Sh =>
  sh`ours=${` ${[...paths].filter((path) => folders.some((folder) => path === folder || path.startsWith(`${folder}/`))).join(' ')} `}`

/** sh: removes a file that is not ours. A copy is kept, beside those that were kept before. */
export const keepAndRemove = (path: string): Sh => sh`
if [ -e ${path} ] || [ -L ${path} ]; then
  ( umask 077; mkdir -p -- "$provision/kept"${path.replace(/\/[^/]*$/, '')} )
  cp -a --backup=numbered -- ${path} "$provision/kept"${path}
  rm -f -- ${path}
fi`

/** find(1)'s words for what an editor or a package manager leaves beside a file, which no daemon reads. */
export const leftovers = ['!', '-name', '.*', '!', '-name', '*~', '!', '-name', '*.dpkg-*', '!', '-name', '*.ucf-*'] as const
