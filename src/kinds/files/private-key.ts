import { basename, dirname } from 'node:path/posix'
import { defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { trustedWay } from '../sh/links.ts'

export interface PrivateKey {
  readonly path: `/${string}`
  /** RSA with 2048 bits, which every receiver of DKIM reads; or EC on P-384, as the certificates have it. */
  readonly type: 'rsa' | 'ec'
  readonly owner: string
  /** A key that is there already, and is taken over while there is none at `path`. */
  readonly from?: `/${string}`
  /** Where what DKIM publishes of it is kept. */
  readonly record?: `/${string}`
  /** It goes, and its record. */
  readonly absent?: true
}

interface State {
  readonly type: 'absent' | 'key' | 'link'
  readonly mode: string
  readonly record: 'absent' | 'its own' | 'another'
}

/**
 * A private key that its owner alone reads, made on the host when it is not there. One that is there is never made anew. It is made
 * where root alone writes, and put into its owner's folder by the owner: a link that the owner makes there is nothing that root follows.
 */
export const privateKey = defineKind<PrivateKey, State>({
  name: 'private-key',
  key: ({ path }) => path,

  probe: (all) => sh`
${all.map(
  ({ path, record = '' }) => sh`
key=${path} record=${record}
type=absent mode=- kept=absent
if [ -L "$key" ]; then type=link
elif [ -e "$key" ]; then type=key mode=$(stat -c '%a:%U:%G' -- "$key"); fi
if [ -n "$record" ] && [ -e "$record" ]; then
  kept=another
  if [ "$type" = key ] && [ "$(cat -- "$record")" = "v=DKIM1; k=rsa; p=$(openssl pkey -in "$key" -pubout -outform DER | base64 -w 0)" ]; then kept=its-own; fi
fi
printf 'key %s %s %s %s\n' "$type" "$mode" "$kept" "$key"`,
)}`,

  parse: (output) =>
    new Map(
      [...output.matchAll(/^key (absent|key|link) (\S+) (\S+) (\/.*)$/gm)].map(([, type, mode, record, path]) => [
        path!,
        { type: type as State['type'], mode: mode!, record: record!.replace('-', ' ') as State['record'] },
      ]),
    ),

  diff: ({ owner, record, absent }, have) => {
    if (absent) return have.type === 'absent' && have.record === 'absent' ? [] : [{ field: 'type', from: 'key', to: 'absent' }]
    if (have.type === 'link') return [{ field: 'type', from: 'link', to: 'key' }]
    if (have.type === 'absent') return [{ field: 'type', from: 'absent', to: 'key' }]
    const mode = `600:${owner}:${owner}`
    return [
      ...(have.mode === mode ? [] : [{ field: 'mode', from: have.mode, to: mode }]),
      ...(record === undefined || have.record === 'its own' ? [] : [{ field: 'record', from: have.record, to: 'its own' }]),
    ]
  },

  apply: ({ path, type, owner, from = path, record, absent }) =>
    absent
      ? sh`${asOwner(owner)}
as_owner rm -f -- ${path} ${record === undefined ? [] : [record]}`
      : sh`
umask 077
${trustedWay}
${asOwner(owner)}
key=${path}
if [ -L "$key" ]; then printf '%s is a link to %s, and a key is a file: remove it\n' "$key" "$(readlink -- "$key")" >&2; exit 1; fi
trusted_way ${dirname(path)}
if [ ! -e "$key" ]; then
  made=$provision/key
  rm -rf -- "$made"
  mkdir -p -m 0700 -- "$made"
  if [ -s ${from} ]; then cp -- ${from} "$made/new"
  else ${type === 'rsa' ? sh`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$made/new"` : sh`openssl ecparam -name secp384r1 -genkey -noout -out "$made/new"`}; fi
  openssl pkey -in "$made/new" -noout
  put 0600 "$key" < "$made/new"
  rm -rf -- "$made"
fi
# The folder is entered once, and is its own from then on, whatever its name is given to; a link that is there now changes by itself alone.
( cd -P -- ${dirname(path)}; chown -h ${`${owner}:${owner}`} ${`./${basename(path)}`} )
as_owner chmod 0600 -- "$key"
${
  record === undefined
    ? sh``
    : sh`
openssl pkey -in "$key" -noout
said=$(openssl pkey -in "$key" -pubout -outform DER | base64 -w 0)
printf 'v=DKIM1; k=rsa; p=%s' "$said" | put 0640 ${record}`
}`,
})

/** sh: `as_owner COMMAND…`, and `put MODE FILE`, which writes what comes on stdin beside its place and renames it, with the owner's rights. */
const asOwner = (owner: string): Sh => sh`
as_owner() {
  if [ "$(id -un)" = ${owner} ]; then "$@"; else runuser -u ${owner} -- "$@"; fi
}
put() {
  as_owner sh -c 'umask 077; rm -f -- "$3"; set -C; cat > "$3" && chmod "$1" "$3" && mv -T -- "$3" "$2"' sh "$1" "$2" "\${2%/*}/.\${2##*/}.provision"
}`
