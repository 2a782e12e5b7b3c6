import { Secret, secretText } from '../../secret.ts'
import { type Sh, sh } from '../../sh.ts'

/** `rows`: what maddy's databases say, as `credentials NAME DIGEST` and `mailbox NAME`; nothing before its first start. */
export const maddyAccounts: Sh = sh`
if [ -f /var/lib/maddy/credentials.db ] && [ -f /var/lib/maddy/imapsql.db ]; then
  sqlite3 -readonly -separator ' ' /var/lib/maddy/credentials.db "SELECT 'credentials', key, lower(hex(sha3(value, 256))) FROM passwords"
  sqlite3 -readonly -separator ' ' /var/lib/maddy/imapsql.db "SELECT 'mailbox', username FROM users"
fi`

/** `maddy_as`: maddy as its own user under its umask: as root it would leave databases that the daemon cannot read, or everybody can. */
export const maddyAs: Sh = sh`
maddy_as() { runuser -u maddy -- sh -c 'umask 0007; exec maddy "$@"' maddy "$@" 2>&1 | grep -v 'Failed to disable terminal output' || :; }`

/**
 * Verifies a configuration with a program, as maddy, whose files it makes, under its umask. The flag before the verb: after it,
 * maddy prints its usage and exits 0 (seen in 0.9.5). The configuration's path is a word of sh.
 */
export const verifyMaddy = (program: string, configuration: Sh): Sh => sh`
systemd-run -q --pipe --wait -p User=maddy -p UMask=0007 -p StateDirectory=maddy -p StateDirectoryMode=0750 -p RuntimeDirectory=maddy -p RuntimeDirectoryPreserve=yes -p WorkingDirectory=/var/lib/maddy ${program} --config ${configuration} verify-config`

/** `login URL LINE`: whether a server takes a login, the line being `loginLine`. */
export const tryLogin: Sh = sh`
login() { printf '%s\n' "$2" | curl -sS -o /dev/null --insecure --max-time 20 -K - --url "$1" -X NOOP; }`

/** A line of curl's configuration file, in which a quote and a backslash are escaped: curl(1), --config. */
export function loginLine(address: string, password: Secret): Secret {
  const quoted = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const escaped = new Secret(password.name, () => (password.known ? quoted(password.reveal()) : undefined))
  return secretText`user = "${quoted(address)}:${escaped}"`
}

/** A name as SQL text. */
export const sqliteText = (name: string): string => `'${name.replaceAll("'", "''")}'`
