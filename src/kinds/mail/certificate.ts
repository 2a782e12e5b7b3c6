import { basename } from 'node:path/posix'
import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface Certificate {
  readonly name: string
  /** Where `fullchain.pem` and `privkey.pem` are: a link to a directory, renamed at each renewal. */
  readonly live: `/${string}`
  readonly names: readonly string[]
  readonly group: string
  /** The file of the key that it shall have, once that is made; whichever it is when left out. */
  readonly key?: `/${string}` | undefined
  /** The unit that issues, renews and deploys it. */
  readonly unit: `${string}.service`
  /** What has to be so elsewhere before the CA gives one: told while there is none. */
  readonly needs?: string | undefined
}

type State =
  | { readonly type: 'absent' }
  /** A file that holds no certificate: it is replaced like one that does not exist. */
  | { readonly type: 'damaged' }
  | {
      readonly type: 'certificate'
      readonly names: readonly string[]
      readonly pair: 'match' | 'differ'
      readonly key: 'declared' | 'another'
      readonly mode: string
      /** The part of its life that is left, 0 to 1; below 0 it has ended. */
      readonly left: number
    }

/**
 * A certificate that is there, is valid for longer than the renewal needs, belongs to its key, and can be read by its daemon and
 * changed by nobody but root. Whether the CA answers is not asked: correcting it is what asks.
 */
export const certificate = defineKind<Certificate, State>({
  name: 'certificate',
  key: ({ name }) => name,

  probe: (all) => sh`
${all.map(
  ({ name, live, key = `${live}/privkey.pem` }) => sh`
cert=${live}/fullchain.pem
key=${live}/privkey.pem
said=
if command -v openssl >/dev/null && [ -s "$cert" ]; then
  said=$(openssl x509 -in "$cert" -noout -pubkey -ext subjectAltName -startdate -enddate -dateopt iso_8601 2>/dev/null || :)
  if [ -z "$said" ]; then printf 'damaged %s\n' ${name}; fi
else printf 'absent %s\n' ${name}; fi
if [ -n "$said" ]; then
  own=$(openssl pkey -in "$key" -pubout 2>/dev/null || :)
  pair=differ which=another names= from= to=
  if [ ! -e ${key} ] || [ "$(openssl pkey -in ${key} -pubout 2>/dev/null || :)" = "$own" ]; then which=declared; fi
  case $said in *"\${own:-no key}"*) pair=match ;; esac
  while IFS= read -r line; do
    case $line in *DNS:*) names=$line ;; notBefore=*) from=$line ;; notAfter=*) to=$line ;; esac
  done <<END
$said
END
  printf 'certificate %s %s %s %s\n' ${name} "$pair" "$which" "$(stat -L --printf '%a:%U:%G ' ${live} "$key")"
  printf 'names %s %s\nlife %s %s %s\n' ${name} "$names" ${name} "$from" "$to"
fi`,
)}`,

  parse: (output) =>
    new Map<string, State>([
      ...[...output.matchAll(/^(absent|damaged) (\S+)$/gm)].map(
        ([, type, name]) => [name!, { type: type as 'absent' | 'damaged' }] as const,
      ),
      ...[
        ...output.matchAll(
          /^certificate (\S+) (match|differ) (declared|another) (.*)\nnames \S+ (.*)\nlife \S+ notBefore=(.*) notAfter=(.*)$/gm,
        ),
      ].map(([, name, pair, key, mode, names, start, end]) => {
        const [from, to] = [Date.parse(start!.trim()), Date.parse(end!.trim())]
        const state: State = {
          type: 'certificate',
          names: names!
            .split(/DNS:|[ ,]+/)
            .filter(Boolean)
            .toSorted(),
          pair: pair as 'match' | 'differ',
          key: key as 'declared' | 'another',
          mode: mode!.trim(),
          left: (to - Date.now()) / (to - from),
        }
        return [name!, state] as const
      }),
    ]),

  diff: ({ names, group, key }, have) => {
    if (have.type !== 'certificate') return [{ field: 'type', from: have.type, to: 'certificate' }]
    const [wanted, mode] = [names.toSorted().join(' '), `750:root:${group} 640:root:${group}`]
    return [
      ...(have.names.join(' ') === wanted ? [] : [{ field: 'names', from: have.names.join(' '), to: wanted }]),
      ...(have.pair === 'match' ? [] : [{ field: 'key', from: 'of another certificate', to: 'its own' }]),
      ...(key === undefined || have.key === 'declared'
        ? []
        : [{ field: 'key', from: 'another', to: basename(key, '.pem').replace(/^.*_/, '') }]),
      ...(have.mode === mode ? [] : [{ field: 'mode', from: have.mode, to: mode }]),
      // The timer renews at a third. A quarter means that it has failed for days.
      ...(have.left > 0.25
        ? []
        : [{ field: 'life left', from: have.left <= 0 ? 'none' : `${Math.floor(have.left * 100)} %`, to: 'over a third' }]),
    ]
  },

  notes: ({ needs }, { type }) => (type !== 'certificate' && needs !== undefined ? [needs] : []),

  apply: ({ unit }) => sh`
since=$(date '+%F %T')
if ! systemctl start -- ${unit}; then
  journalctl -q -u ${unit} --since "$since" --no-pager -o cat | grep -v '^$' | tail -n 8 >&2
  exit 1
fi`,
})
