import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface AuthorizedKeys {
  readonly user: string
  /** Public keys, as lines of authorized_keys(5). */
  readonly keys: readonly string[]
  /** What becomes of keys that are not declared: another operator's key is not ours to remove, unless the run says so. */
  readonly others: 'keep' | 'remove'
}

type State = { readonly type: 'absent' } | { readonly type: 'user'; readonly safe: boolean; readonly lines: readonly string[] }

/** The keys a user may log in with, in ~/.ssh/authorized_keys, which sshd only reads when nobody else can write it. */
export const authorizedKeys = defineKind<AuthorizedKeys, State>({
  name: 'authorized-keys',
  wants: { user: wanted.name, keys: wanted.listOf(wanted.text), others: wanted.oneOf('keep', 'remove') },
  key: ({ user }) => user,

  // One getent and one stat for them all; the lines are read by the shell itself.
  probe: (all) => sh`
entries=$(getent passwd -- ${all.map(({ user }) => user)}) || [ $? -eq 2 ]
set --
while IFS=: read -r u _ _ _ _ home _; do
  [ -n "$home" ] || continue
  printf 'user %s %s\n' "$u" "$home"
  for path in "$home/.ssh" "$home/.ssh/authorized_keys"; do [ ! -e "$path" ] || set -- "$@" "$path"; done
  if [ -f "$home/.ssh/authorized_keys" ]; then
    while read -r line || [ -n "$line" ]; do printf 'key %s %s\n' "$u" "$line"; done < "$home/.ssh/authorized_keys"
  fi
done <<END
$entries
END
[ $# -eq 0 ] || stat -c 'stat %a:%U %n' -- "$@"
printf 'end\n'`,

  parse: (output, all) => {
    const rows = output.split('\n').map((row) => row.split(' '))
    if (!rows.some(([type]) => type === 'end')) return new Map()
    const modes = new Map(rows.filter(([type]) => type === 'stat').map(([, mode, ...path]) => [path.join(' '), mode]))
    return new Map(
      all.map(({ user }): [string, State] => {
        const home = rows
          .find(([type, name]) => type === 'user' && name === user)
          ?.slice(2)
          .join(' ')
        if (home === undefined) return [user, { type: 'absent' }]
        const lines = rows.filter(([type, name]) => type === 'key' && name === user).map((row) => row.slice(2).join(' ').trim())
        const safe = modes.get(`${home}/.ssh`) === `700:${user}` && modes.get(`${home}/.ssh/authorized_keys`) === `600:${user}`
        return [user, { type: 'user', safe, lines: lines.filter((line) => line !== '' && !line.startsWith('#')) }]
      }),
    )
  },

  diff: ({ keys, others }, have) => {
    if (have.type === 'absent') return [{ field: 'user', from: 'absent', to: `with ${keys.length} keys` }]
    return [
      ...keys
        .filter((key) => !have.lines.some((line) => blob(line) === blob(key)))
        .map((key) => ({ field: 'key', from: 'absent', to: name(key) })),
      ...(others === 'remove' ? undeclared(keys, have.lines) : []).map((key) => ({
        field: 'key',
        from: name(key),
        to: 'absent',
      })),
      ...(have.safe ? [] : [{ field: 'mode', from: 'other', to: '0600 in a directory 0700, both its own' }]),
    ]
  },

  apply: ({ user, keys, others }, have) => {
    const stay = have.type === 'user' && others === 'keep' ? undeclared(keys, have.lines) : []
    return sh`
home=$(getent passwd ${user} | cut -d: -f6)
group=$(id -gn ${user})
install -d -m 0700 -o ${user} -g "$group" -- "$home/.ssh"
tmp=$home/.ssh/.authorized_keys.provision
trap 'rm -f -- "$tmp"' EXIT
rm -f -- "$tmp"
( umask 077; set -C; printf '%s\n' ${[...keys, ...stay]} > "$tmp" )
chown ${user}:"$group" "$tmp"
chmod 0600 "$tmp"
mv -T -- "$tmp" "$home/.ssh/authorized_keys"`
  },

  notes: ({ keys, others }, have) =>
    have.type === 'user' && others === 'keep'
      ? undeclared(keys, have.lines).map((key) => `undeclared key ${name(key)}: --prune removes it`)
      : [],
})

const blob = (key: string): string => /(?:ssh-|ecdsa-|sk-)\S+ (\S+)/.exec(key)?.[1] ?? key
const name = (key: string): string =>
  `${blob(key).slice(-12)}${/ (\S+)$/.exec(key)?.[1] === blob(key) ? '' : ` (${key.split(' ').at(-1)})`}`
const undeclared = (keys: readonly string[], lines: readonly string[]) =>
  lines.filter((line) => !keys.some((key) => blob(key) === blob(line)))
