import { defineKind } from '../../engine/kind.ts'
import type { Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'
import { unread } from '../sh/reads.ts'
import { keepStamp, stampOf } from '../sh/stamp.ts'
import { wanted } from '../wanted.ts'

export interface BasicAuth {
  /** The file that a site's `basic_auth` imports: one line, user and hash. */
  readonly path: `/${string}`
  readonly user: string
  readonly password: Secret
  /** The key of the stamps: see stamp.ts. */
  readonly stampKey: Secret
}

interface State {
  readonly digest: string
  readonly user: string
  readonly mode: string
  readonly stamp: string
}

/** A user of a site with its password, hashed on the host by Caddy itself, and known to be the declared one by its stamp. */
export const basicAuth = defineKind<BasicAuth, State>({
  name: 'basic-auth',
  wants: { path: wanted.path, user: wanted.name, password: wanted.secret, stampKey: wanted.secret },
  key: ({ path }) => path,

  probe: (all) => sh`
for f in ${all.map(({ path }) => path)}; do
  if [ -f "$f" ]; then
    printf 'file %s %s %s %s\n' "$f" "$(sha256sum < "$f" | cut -c1-64)" "$(stat -c %a:%U:%G -- "$f")" "$(cut -d' ' -f1 -- "$f")"
  else printf 'absent %s\n' "$f"; fi
  printf 'stamp %s %s\n' "$f" "$(cat "$provision/stamp/basic-auth-\${f##*/}" 2>/dev/null)"
done`,

  parse: (output, all) =>
    new Map(
      all.flatMap(({ path }): [string, State][] => {
        const rows = output.split('\n').map((line) => line.split(' '))
        const get = (type: string) => rows.find((row) => row[0] === type && row[1] === path)
        const [file, stamp] = [get('file'), get('stamp')]
        if (stamp === undefined || (file === undefined && get('absent') === undefined)) return []
        const [, , digest = '', mode = '', user = ''] = file ?? []
        return [[path, { digest, mode, user, stamp: stamp.slice(2).join(' ') }]]
      }),
    ),

  diff: ({ user, password, stampKey }, have) => {
    if (have.digest === '') return [{ field: 'type', from: 'absent', to: 'file' }]
    return [
      ...(have.user === user ? [] : [{ field: 'user', from: have.user, to: user }]),
      ...(have.mode === '640:root:caddy' ? [] : [{ field: 'mode', from: have.mode, to: '640:root:caddy' }]),
      ...(have.stamp === `${stampOf(password, stampKey)} ${have.digest}`
        ? []
        : [{ field: 'password', from: 'other', to: 'as declared' }]),
    ]
  },

  apply: ({ path, user, password, stampKey }) => sh`
tmp=${`${path}.provision`}
trap 'rm -f -- "$tmp"' EXIT
hash=$(printf '%s\n' ${password} | /usr/local/bin/caddy hash-password)
[ -n "$hash" ]
( umask 077; printf '%s %s\n' ${user} "$hash" > "$tmp" )
chown root:caddy "$tmp"
chmod 0640 "$tmp"
${unread(path)}
mv -T -- "$tmp" ${path}
${keepStamp(`basic-auth-${path.split('/').at(-1)!}`, stampOf(password, stampKey), sh`sha256sum < ${path} | cut -c1-64`)}`,
})
