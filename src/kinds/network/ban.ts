import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface Ban {
  /** Whom it must not hit. */
  readonly of: 'operator'
}

interface State {
  /** Where this connection comes from; empty when that cannot be seen. */
  readonly address: string
  readonly jails: readonly string[]
}

/**
 * fail2ban lets in the address that this run comes from, now. It is written nowhere: from elsewhere it would be drift. What counts
 * is SSH_CONNECTION of the login, which sudo drops, so it is looked for in the processes above. A fail2ban that has only just started
 * makes its tables one after the other: without that of the bans, nobody is banned. See fail2ban-client(1).
 */
export const ban = defineKind<Ban, State>({
  name: 'ban',
  key: ({ of }) => of,
  probe: () => sh`
pid=$$
address=
while [ "$pid" -gt 1 ] && [ -z "$address" ]; do
  address=$(sed -zn 's/^SSH_CONNECTION=\([0-9a-fA-F:.]*\) .*/\1/p' "/proc/$pid/environ")
  while read -r name value; do [ "$name" != PPid: ] || pid=$value; done < "/proc/$pid/status"
done
printf 'address %s\n' "$address"
bans=/var/lib/fail2ban/fail2ban.sqlite3
if [ -f "$bans" ] && command -v sqlite3 >/dev/null; then
  tables=$(sqlite3 -readonly -cmd '.timeout 5000' "$bans" .tables)
  case " $tables " in *[[:space:]]bips[[:space:]]*)
    sqlite3 -readonly -cmd '.timeout 5000' "$bans" "SELECT 'jail ' || jail FROM bips WHERE ip = '$address' AND timeofban + bantime > unixepoch()"
  esac
fi`,
  parse: (output) => {
    const address = /^address (.*)$/m.exec(output)?.[1]
    if (address === undefined) return new Map()
    return new Map([['operator', { address, jails: [...output.matchAll(/^jail (.*)$/gm)].map(([, jail]) => jail!) }]])
  },
  diff: (_, { address, jails }) => jails.map((jail) => ({ field: jail, from: `${address} banned`, to: 'let in' })),
  apply: (_, { address }) => sh`fail2ban-client unban ${address}`,
})
