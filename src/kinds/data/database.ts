import { type Change, defineKind } from '../../engine/kind.ts'
import type { Secret } from '../../secret.ts'
import { sh } from '../../sh.ts'
import { keepStamp, stampOf } from '../sh/stamp.ts'
import { wanted } from '../wanted.ts'
import { exactly, mariadbRows, mariadbRun, mariadbText, readRows, sqlSecret } from './mariadb.ts'

export interface Database {
  readonly name: string
  /** Who may do everything in it and nothing else, from this host. */
  readonly user: string
  readonly password: Secret
  /** The key of the stamps: see stamp.ts. */
  readonly stampKey: Secret
}

interface State {
  readonly exists: boolean
  /** The digest of the hash of the user's password; empty when there is no such user, or it logs in by other means. */
  readonly credentials: string
  /** The databases that it may do something in, with `some` or `all`; `*` for all of them at once. */
  readonly grants: readonly string[]
  readonly stamp: string
}

/** A database of MariaDB and its user, whose password is proved by a login when it is set, and by its stamp afterwards. */
export const database = defineKind<Database, State>({
  name: 'database',
  wants: { name: wanted.name, user: wanted.name, password: wanted.secret, stampKey: wanted.secret },
  key: ({ name }) => name,

  probe: (all) => sh`
for u in ${all.map(({ user }) => user)}; do
  if [ -f "$provision/stamp/mariadb-$u" ]; then printf 'stamp\t%s\t%s\n' "$u" "$(cat "$provision/stamp/mariadb-$u")"; fi
done
${mariadbRows}`,

  parse: (output, all) => {
    const rows = readRows(output)
    if (rows === undefined) return new Map()
    return new Map(
      all.map(({ name, user }) => {
        const [, , plugin, or, access, digest] = rows('user').find(([is, host]) => is === user && host === 'localhost') ?? []
        const granted = rows('grant').filter(([is, host]) => is === user && host === 'localhost')
        const state: State = {
          exists: rows('database').some(([is]) => is === name),
          credentials: plugin === 'mysql_native_password' && or === '0' ? (digest ?? '') : '',
          grants: [
            ...((access ?? '0') === '0' ? [] : ['some of *']),
            ...granted.map(
              ([, , on = '', what]) => `${what} of ${on.replaceAll(/\\([_%])/g, '$1')}${exact(on) ? '' : ' and its like'}`,
            ),
          ],
          stamp: rows('stamp').find(([is]) => is === user)?.[1] ?? '',
        }
        return [name, state]
      }),
    )
  },

  diff: ({ name, user, password, stampKey }, have): readonly Change[] => [
    ...(have.exists ? [] : [{ field: 'database', from: 'absent', to: name }]),
    ...(have.credentials === ''
      ? [{ field: 'user', from: 'absent', to: user }]
      : have.stamp === `${stampOf(password, stampKey)} ${have.credentials}`
        ? []
        : [{ field: 'password', from: 'other', to: 'as declared' }]),
    ...(have.grants.join(', ') === `all of ${name}`
      ? []
      : [{ field: 'grants', from: have.grants.join(', ') || 'none', to: `all of ${name}` }]),
  ],

  // A file of options takes one line: a second one of the password would be an option.
  apply: ({ name, user, password, stampKey }) => sh`
if [ "$(printf %s ${password} | wc -l)" -ne 0 ]; then printf 'it has more than one line\n' >&2; exit 1; fi
${mariadbRun}
{
  printf '%s\n' ${[`CREATE DATABASE IF NOT EXISTS \`${name}\`;`, `CREATE USER IF NOT EXISTS ${mariadbText(user)}@'localhost';`]}
  # By itself, so that an error which repeats it is cleaned of it.
  printf "ALTER USER %s@'localhost' IDENTIFIED BY %s;\n" ${mariadbText(user)} ${sqlSecret(password)}
  printf '%s\n' ${[`REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${mariadbText(user)}@'localhost';`, `GRANT ALL PRIVILEGES ON ${exactly(name)}.* TO ${mariadbText(user)}@'localhost';`]}
} | mariadb_run
printf '[client]\npassword="%s"\n' ${password.map((text) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))} | mariadb --defaults-file=/dev/stdin --protocol=socket --user=${user} --execute='SELECT 1' -- ${name} > /dev/null
${keepStamp(`mariadb-${user}`, stampOf(password, stampKey), sh`printf '%s\n' ${`SELECT SHA2(JSON_VALUE(Priv, '$.authentication_string'), 256) FROM mysql.global_priv WHERE Host = 'localhost' AND User = ${mariadbText(user)}`} | mariadb_run`)}`,
})

/** Whether a grant names one database: a _ that is not escaped stands for any letter. */
const exact = (on: string): boolean => !/(?<!\\)[_%]/.test(on)
