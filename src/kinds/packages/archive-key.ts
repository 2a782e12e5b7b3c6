import { basename, dirname } from 'node:path/posix'
import { changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface ArchiveKey {
  /** The keyring that a source names as its `Signed-By`: this key and no other is in it. */
  readonly path: `/${string}`
  /** Where the key is; who answers there is proved by the fingerprint. */
  readonly url: string
  /** 40 hexadecimal digits, in capitals. */
  readonly fingerprint: string
}

type State =
  | { readonly type: 'absent' }
  | {
      readonly type: 'key'
      /** Of what stands there, while it is what we wrote. */
      readonly fingerprint: string
      readonly mode: string
      /** The day on which it ends, once that is near or over. */
      readonly ends: string
    }

/** The key of an archive of packages, fetched by the host and believed by its fingerprint alone: see apt-secure(8). */
export const archiveKey = defineKind<ArchiveKey, State>({
  name: 'archive-key',
  wants: { path: wanted.path, url: wanted.name, fingerprint: wanted.name },
  key: ({ path }) => path,

  probe: (all) => sh`
for k in ${all.map(({ path }) => path)}; do
  if [ ! -f "$k" ]; then printf 'absent %s\n' "$k"; continue; fi
  fingerprint= digest= ends=
  { read -r fingerprint digest ends < "$provision/stamp/archive-key-\${k##*/}"; } 2>/dev/null || :
  [ "$digest" = "$(sha256sum < "$k" | cut -c1-64)" ] || fingerprint=other ends=
  near=-
  if [ -n "$ends" ] && [ "$ends" -lt $(($(date +%s) + 30 * 86400)) ]; then near=$(date -u -d "@$ends" +%F); fi
  printf 'key %s %s %s %s\n' "$fingerprint" "$(stat -c %a:%U:%G -- "$k")" "$near" "$k"
done`,

  parse: (output) =>
    new Map<string, State>([
      ...[...output.matchAll(/^absent (\/.*)$/gm)].map(([, path]) => [path!, { type: 'absent' }] as const),
      ...[...output.matchAll(/^key (\S+) (\S+) (\S+) (\/.*)$/gm)].map(
        ([, fingerprint, mode, ends, path]) =>
          [path!, { type: 'key', fingerprint: fingerprint!, mode: mode!, ends: ends === '-' ? '' : ends! }] as const,
      ),
    ]),

  diff: ({ fingerprint }, have) =>
    have.type === 'absent'
      ? [{ field: 'type', from: 'absent', to: `the key ${fingerprint.slice(-16)}` }]
      : changedFields({ fingerprint, mode: '644:root:root' }, have),

  // Whatever else stands at that address stays out of the keyring.
  apply: ({ path, url, fingerprint }) => sh`
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
if ! curl -fsSL --max-time 60 --max-filesize 1000000 -o "$tmp/got" -- ${url}; then
  printf '%s could not be fetched: nothing of that source is used until it can be\n' ${url} >&2
  exit 1
fi
export GNUPGHOME="$tmp"
gpg --batch --quiet --no-autostart --import "$tmp/got" 2>/dev/null || :
gpg --batch --quiet --no-autostart --export ${fingerprint} > "$tmp/key" 2>/dev/null
gpg --batch --quiet --no-autostart --with-colons --show-keys "$tmp/key" > "$tmp/shown" 2>/dev/null || :
if [ "$(awk -F: '$1 == "fpr" { print $10; exit }' "$tmp/shown")" != ${fingerprint} ]; then
  found=$(gpg --batch --quiet --no-autostart --with-colons --list-keys 2>/dev/null | awk -F: '$1 == "fpr" { printf " %s", $10 }')
  printf 'at %s there is not the key %s, but:%s\n' ${url} ${fingerprint} "\${found:- no key}" >&2
  exit 1
fi
ends=$(awk -F: '$1 == "pub" { print $7; exit }' "$tmp/shown")
install -m 0644 -- "$tmp/key" ${`${dirname(path)}/.${basename(path)}.provision`}
mkdir -p -m 0700 -- "$provision/stamp"
printf '%s %s %s\n' ${fingerprint} "$(sha256sum < "$tmp/key" | cut -c1-64)" "$ends" > "$provision/stamp/.new"
mv -T -- ${`${dirname(path)}/.${basename(path)}.provision`} ${path}
mv -T -- "$provision/stamp/.new" "$provision/stamp/"${`archive-key-${basename(path)}`}`,

  notes: ({ path }, have) =>
    have.type === 'key' && have.ends !== ''
      ? [
          `ends on ${have.ends}, and with it the updates it signs: remove ${path} on the host, and the next run fetches it renewed`,
        ]
      : [],
})
