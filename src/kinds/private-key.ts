import { basename, dirname } from 'node:path/posix'
import { defineKind } from '../kind.ts'
import { sh } from '../sh.ts'

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
  readonly type: 'absent' | 'key'
  readonly mode: string
  readonly record: 'absent' | 'its own' | 'another'
}

/** A private key that its owner alone reads, made on the host when it is not there. One that is there is never made anew. */
export const privateKey = defineKind<PrivateKey, State>({
  name: 'private-key',
  key: ({ path }) => path,

  probe: (all) => sh`
${all.map(
  ({ path, record = '' }) => sh`
key=${path} record=${record}
type=absent mode=- kept=absent
if [ -e "$key" ]; then type=key mode=$(stat -c '%a:%U:%G' -- "$key"); fi
if [ -n "$record" ] && [ -e "$record" ]; then
  kept=another
  if [ "$type" = key ] && [ "$(cat -- "$record")" = "v=DKIM1; k=rsa; p=$(openssl pkey -in "$key" -pubout -outform DER | base64 -w 0)" ]; then kept=its-own; fi
fi
printf 'key %s %s %s %s\n' "$type" "$mode" "$kept" "$key"`,
)}`,

  parse: (output) =>
    new Map(
      [...output.matchAll(/^key (absent|key) (\S+) (\S+) (\/.*)$/gm)].map(([, type, mode, record, path]) => [
        path!,
        { type: type as State['type'], mode: mode!, record: record!.replace('-', ' ') as State['record'] },
      ]),
    ),

  diff: ({ owner, record, absent }, have) => {
    if (absent) return have.type === 'absent' && have.record === 'absent' ? [] : [{ field: 'type', from: 'key', to: 'absent' }]
    if (have.type === 'absent') return [{ field: 'type', from: 'absent', to: 'key' }]
    const mode = `600:${owner}:${owner}`
    return [
      ...(have.mode === mode ? [] : [{ field: 'mode', from: have.mode, to: mode }]),
      ...(record === undefined || have.record === 'its own' ? [] : [{ field: 'record', from: have.record, to: 'its own' }]),
    ]
  },

  apply: ({ path, type, owner, from = path, record, absent }) =>
    absent
      ? sh`rm -f -- ${path} ${record === undefined ? [] : [record]}`
      : sh`
umask 077
key=${path}
tmp=${beside(path)}
if [ ! -e "$key" ]; then
  rm -f -- "$tmp"
  if [ -s ${from} ]; then cp -- ${from} "$tmp"
  else ${type === 'rsa' ? sh`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$tmp"` : sh`openssl ecparam -name secp384r1 -genkey -noout -out "$tmp"`}; fi
  openssl pkey -in "$tmp" -noout
  mv -T -- "$tmp" "$key"
fi
chown ${`${owner}:${owner}`} "$key"
chmod 0600 "$key"
${
  record === undefined
    ? sh``
    : sh`
openssl pkey -in "$key" -noout
said=$(openssl pkey -in "$key" -pubout -outform DER | base64 -w 0)
rm -f -- ${beside(record)}
printf 'v=DKIM1; k=rsa; p=%s' "$said" > ${beside(record)}
chown ${`${owner}:${owner}`} ${beside(record)}
chmod 0640 ${beside(record)}
mv -T -- ${beside(record)} ${record}`
}`,
})

const beside = (path: string): string => `${dirname(path)}/.${basename(path)}.provision`
