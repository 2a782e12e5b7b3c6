import { defineKind } from '../kind.ts'
import { sh } from '../sh.ts'

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
  key: ({ user }) => user,

  probe: (all) => sh`
for u in ${all.map(({ user }) => user)}; do
  if ! home=$(getent passwd "$u" | cut -d: -f6) || [ -z "$home" ]; then printf 'absent %s\n' "$u"; continue; fi
  printf 'user %s %s %s\n' "$u" "$(stat -c %a:%U "$home/.ssh" 2>/dev/null)" "$(stat -c %a:%U "$home/.ssh/authorized_keys" 2>/dev/null)"
  if [ -f "$home/.ssh/authorized_keys" ]; then
    while read -r line || [ -n "$line" ]; do printf 'key %s %s\n' "$u" "$line"; done < "$home/.ssh/authorized_keys"
  fi
done`,

  parse: (output, all) =>
    new Map(
      all.flatMap(({ user }): [string, State][] => {
        const rows = output.split('\n').map((row) => row.split(' '))
        if (rows.some(([type, name]) => type === 'absent' && name === user)) return [[user, { type: 'absent' }]]
        const seen = rows.find(([type, name]) => type === 'user' && name === user)
        if (seen === undefined) return []
        const lines = rows.filter(([type, name]) => type === 'key' && name === user).map((row) => row.slice(2).join(' ').trim())
        const safe = seen[2] === `700:${user}` && seen[3] === `600:${user}`
        return [[user, { type: 'user', safe, lines: lines.filter((line) => line !== '' && !line.startsWith('#')) }]]
      }),
    ),

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
