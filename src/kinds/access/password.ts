import { defineKind } from '../../engine/kind.ts'
import type { Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'
import { keepStamp, stampOf } from '../sh/stamp.ts'
import { wanted } from '../wanted.ts'

export interface Password {
  readonly user: string
  readonly password: Secret
  /** The key of the stamps: see stamp.ts. */
  readonly stampKey: Secret
}

interface State {
  /** The digest of the user's row in /etc/shadow now, and the stamp: what was set, and the digest it gave then. */
  readonly row: string
  readonly stamp: string
}

/** The password of a Unix account, known to be the declared one by the stamp of when it was set. */
export const password = defineKind<Password, State>({
  name: 'password',
  wants: { user: wanted.name, password: wanted.secret, stampKey: wanted.secret },
  key: ({ user }) => user,
  probe: (all) => sh`
for u in ${all.map(({ user }) => user)}; do
  printf 'row %s %s\n' "$u" "$(getent shadow "$u" | cut -d: -f1,2 | sha256sum | cut -c1-64)"
  printf 'stamp %s %s\n' "$u" "$(cat "$provision/stamp/password-$u" 2>/dev/null)"
done`,
  parse: (output, all) =>
    new Map(
      all.flatMap(({ user }): [string, State][] => {
        const rows = output.split('\n').map((line) => line.split(' '))
        const get = (type: string) =>
          rows
            .find((row) => row[0] === type && row[1] === user)
            ?.slice(2)
            .join(' ')
        const [row, stamp] = [get('row'), get('stamp')]
        return row === undefined || stamp === undefined ? [] : [[user, { row, stamp }]]
      }),
    ),
  diff: ({ password, stampKey }, { row, stamp }) =>
    stamp === `${stampOf(password, stampKey)} ${row}` ? [] : [{ field: 'password', from: 'other', to: 'as declared' }],
  // chpasswd(8) takes a line for each user: a second line of a password would be somebody's password.
  apply: ({ user, password, stampKey }) => sh`
if [ "$(printf %s ${password} | wc -l)" -ne 0 ]; then printf 'it has more than one line\n' >&2; exit 1; fi
printf '%s:%s\n' ${user} ${password} | chpasswd
${keepStamp(`password-${user}`, stampOf(password, stampKey), sh`getent shadow ${user} | cut -d: -f1,2 | sha256sum | cut -c1-64`)}`,
})
