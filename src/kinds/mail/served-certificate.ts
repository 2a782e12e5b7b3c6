import { defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'

export interface ServedCertificate {
  readonly name: string
  /** The file whose first certificate must be the one that is served. */
  readonly file: `/${string}`
  readonly ports: readonly { readonly port: number; readonly starttls?: 'smtp' | 'imap' }[]
  readonly unit: `${string}.service`
}

type State = { readonly served: ReadonlyMap<string, 'same' | 'another' | 'none'> }

/** What a daemon serves is what stands in the file: asked on loopback, on all its ports at once. */
export const servedCertificate = defineKind<ServedCertificate, State>({
  name: 'served-certificate',
  key: ({ name }) => name,
  probe: (all) => sh`
${compare(all)}
wait`,
  parse: (output, all) =>
    new Map(
      all.map(({ name }) => [
        name,
        {
          served: new Map(
            [...output.matchAll(/^(\S+) (\d+) (same|another|none)$/gm)]
              .filter(([, of]) => of === name)
              .map(([, , port, what]) => [port!, what as 'same']),
          ),
        },
      ]),
    ),
  diff: ({ ports }, { served }) =>
    ports
      .map(({ port }) => ({ field: `${port}/tcp`, from: served.get(String(port)) ?? 'none', to: 'same' }))
      .filter(({ from, to }) => from !== to),
  // maddy reads its certificates once a minute; a restart takes 0.15 s, so that is what a difference is worth.
  apply: (wanted) => sh`
systemctl restart -- ${wanted.unit}
tries=0
until [ "$( { ${compare([wanted])}
wait; } | grep -vc ' same$')" -eq 0 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || { printf 'the certificate is still not served after 20 tries\n' >&2; exit 1; }
  sleep 1
done`,
})

/** As PEM, which needs no further openssl; nobody is asked whether it is trusted, so the bundle of CAs is not read. */
const compare = (all: readonly ServedCertificate[]): Sh => sh`
first() { sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/{p; /^-----END/q;}'; }
served() {
  seen=$(timeout 5 openssl s_client -no-CAfile -no-CApath -no-CAstore -connect "127.0.0.1:$2" $3 </dev/null 2>/dev/null | first)
  if [ -z "$seen" ]; then printf '%s %s none\n' "$1" "$2"
  elif [ "$seen" = "$wanted" ]; then printf '%s %s same\n' "$1" "$2"
  else printf '%s %s another\n' "$1" "$2"; fi
}
${all.map(
  ({ name, file, ports }) => sh`wanted=$([ ! -r ${file} ] || first < ${file})
${ports.map(({ port, starttls }) => sh`served ${name} ${port} ${starttls === undefined ? '' : `-starttls ${starttls}`} &`)}`,
)}`
