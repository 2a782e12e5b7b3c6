import { dirname } from 'node:path/posix'
import { type Sh, sh } from '../../sh.ts'

/** One suite of one mirror, and the file that names it. */
export interface AptSource {
  readonly file: string
  readonly uri: string
  readonly suite: string
  readonly components: string
}

const ours = '/etc/apt/sources.list.d/provision.list'

/** sh: each pair of URI and suite, of both formats, one a line. */
export const readSources: Sh = sh`
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -f "$f" ] || awk -v f="$f" '
    { sub(/#.*/, "") }
    $1 == "deb" { sub(/^[ \t]*deb[ \t]+(\[[^]]*\][ \t]*)?/, ""); uri = $1; suite = $2; $1 = $2 = ""; printf "source\t%s\t%s\t%s\t%s\n", f, uri, suite, $0 }' "$f"
done
for f in /etc/apt/sources.list.d/*.sources; do
  [ ! -f "$f" ] || awk -v f="$f" '
    function say(i, j, u, s, n, m) {
      if (tolower(v["enabled"]) != "no" && (" " v["types"] " ") ~ / deb /) {
        n = split(v["uris"], u); m = split(v["suites"], s)
        for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) printf "source\t%s\t%s\t%s\t%s\n", f, u[i], s[j], v["components"]
      }
      split("", v)
    }
    /^#/ { next }
    /^[ \t]*$/ { say(); next }
    /^[ \t]/ { sub(/^[ \t]+/, ""); v[key] = v[key] " " $0; next }
    { key = tolower($0); sub(/:.*/, "", key); sub(/^[^:]*:[ \t]*/, ""); v[key] = $0 }
    END { say() }' "$f"
done`

/** sh: the names that move, by the release's own, in a line or a field of a source; the file as it was is kept. */
export const rename = (file: string, release: string): Sh => sh`
( umask 077; mkdir -p -- "$provision/kept"${dirname(file)} )
cp -a -- ${file} "$provision/kept"${file}
sed -E -i ${[
  `/^[[:space:]]*deb(-src)?[[:space:]]|^[Ss]uites:/{`,
  String.raw`s#([[:space:]])(old)*stable/updates([[:space:]]|$)#\1${release}-security\3#g`,
  String.raw`s#(debian(-security)?/?[[:space:]]+|security\.debian\.org/?[[:space:]]+|\.list[[:space:]]+|^[Ss]uites:.*[[:space:]])(old)*stable#\1${release}#g`,
  String.raw`s#(^[Ss]uites:.*[[:space:]])(old)*stable#\1${release}#g`,
  `}`,
].join('\n')} ${file}`

/** sh: what is missing, in a file of our own, from where the rest of Debian comes. */
export function add(missing: readonly string[], debian: readonly AptSource[]): Sh {
  const security = (uri: string) => /security/.test(uri)
  const main = debian.find(({ uri }) => !security(uri))
  const from = (suite: string): string | undefined =>
    suite.endsWith('-security')
      ? (debian.find(({ uri }) => security(uri))?.uri ?? main?.uri.replace(/\/debian(\/?|\.list)$/, '/debian-security$1'))
      : main?.uri
  const uris = missing.map(from)
  if (uris.includes(undefined))
    return sh`
printf 'there is no source of Debian on the host, and which mirror it should use is not ours to guess: write /etc/apt/sources.list\n' >&2
exit 1`
  const lines = missing.map((suite, i) => `deb ${uris[i]} ${suite} ${main?.components ?? 'main'}`)
  return sh`
{ cat ${ours} 2>/dev/null || printf '# Written by provision.\n'; printf '%s\n' ${lines}; } > ${`${ours}.new`}
mv -T -- ${`${ours}.new`} ${ours}`
}
