import type { Change, Declared } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { leftovers, oursWithin, thirdParty } from '../sh/third-party.ts'

/** A file that changes what a unit does, and that is neither declared nor of a package. */
export interface Beside {
  readonly path: string
  /** The settings of systemd that it changes, by name; none for a file that the daemon itself reads. */
  readonly sets: readonly string[]
  /** False for the unit's own file where no package has another one: without it there would be no unit. */
  readonly removable: boolean
}

/**
 * sh: prints `beside PATH REMOVABLE SETTINGS…`, with tabs, for each third-party file that units are made of: drop-ins and unit files
 * in /etc and /run (needs `$shown`, what `systemctl show` said of them), and what is in the folders that they read. Keys configure
 * nothing, and PHP's links to its modules are its own.
 */
export const lookBeside = (folders: readonly string[], { paths }: Declared): Sh => sh`
${thirdParty}
${oursWithin(paths, ['/etc/systemd', '/run/systemd', ...folders])}
unit_files() { printf '%s\n' "$shown" | sed -n 's/^DropInPaths=//p; s/^FragmentPath=//p' | tr ' ' '\n' | sort -u; }
unit_files | grep -E '^/(etc|run)/systemd/system(\.control|\.attached)?/|^/run/systemd/transient/' | third_party | while IFS= read -r f; do
  case $f in
    *.conf) removable=yes ;;
    *) removable=no
      if [ -L "$f" ]; then continue; fi
      if [ -e "/usr/lib/systemd/system/\${f##*/}" ]; then removable=yes; fi ;;
  esac
  printf 'beside\t%s\t%s\t%s\n' "$f" "$removable" "$(sed -n 's/^[[:space:]]*\([A-Za-z][A-Za-z0-9]*\)[[:space:]]*=.*/\1/p' "$f" | sort -u | tr '\n' ' ')"
done
set --
for d in ${folders}; do if [ -d "$d" ]; then set -- "$@" "$d"; fi; done
[ $# -eq 0 ] || find "$@" \( -type f -o -type l ! -lname '/etc/php/*/mods-available/*' \) ${leftovers} ! -name '*.key' ! -name '*.pem' | sort -u | third_party | sed 's/.*/beside\t&\tyes\t/'`

/** What \`lookBeside\` printed. */
export const readBeside = (output: string): readonly Beside[] =>
  [...output.matchAll(/^beside\t(\/.*)\t(yes|no)\t(.*)$/gm)].map(([, path, removable, sets]) => ({
    path: path!,
    removable: removable === 'yes',
    sets: sets!.split(' ').filter(Boolean),
  }))

/** How an operator reads of one. */
export const besideNote = ({ path, sets, removable }: Beside): string =>
  `third-party file ${path}${sets.length === 0 ? '' : ` sets ${sets.join(' ')}`}${removable ? ': --prune removes it' : ''}`

/** The difference that one is where it is to be removed. */
export const besideChange = ({ path, sets }: Beside): Change => ({
  field: path,
  from: `third-party${sets.length === 0 ? '' : ` (sets ${sets.join(' ')})`}`,
  to: 'absent',
})
