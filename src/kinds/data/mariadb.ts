import type { Secret } from '../../secret.ts'
import { type Sh, sh } from '../../sh.ts'

/** The privileges that make up all that may be done in a database, but handing them on. */
const privileges =
  'Select Insert Update Delete Create Drop References Index Alter Create_tmp_table Lock_tables Create_view Show_view Create_routine Alter_routine Execute Event Trigger Delete_history'

const allOfThem = privileges
  .split(' ')
  .map((name) => `${name}_priv`)
  .join(', ')

/** Hashes of passwords do not leave the host, digests of them do. */
const query = `SELECT 'setting', 'bind_address', IF(@@skip_networking, '127.0.0.1', IFNULL(@@bind_address, '*'));
SELECT 'database', schema_name, (SELECT COUNT(*) FROM information_schema.tables t WHERE t.table_schema = schema_name) FROM information_schema.schemata;
SELECT 'user', User, Host, IFNULL(JSON_VALUE(Priv, '$.plugin'), ''), IFNULL(JSON_COMPACT(JSON_EXTRACT(Priv, '$.auth_or')), '[{}]') <> '[{}]', IFNULL(JSON_VALUE(Priv, '$.access'), 0), SHA2(IFNULL(JSON_VALUE(Priv, '$.authentication_string'), ''), 256) FROM mysql.global_priv WHERE NOT JSON_EXISTS(Priv, '$.is_role');
SELECT 'grant', User, Host, Db, IF(CONCAT(${allOfThem}) LIKE '%N%', 'some', 'all') FROM mysql.db;
SELECT 'end';`

/** sh: `mariadb_run` runs what is piped to it as root, by the socket: nothing of it is in argv. */
export const mariadbRun: Sh = sh`mariadb_run() { mariadb --no-defaults --protocol=socket --batch --skip-column-names; }`

/**
 * sh: what MariaDB says of itself, one row a line, its fields between tabs: `setting`, `database`, `user`, `grant`, and at last
 * `end`; `absent` where it is not installed.
 */
export const mariadbRows: Sh = sh`
${mariadbRun}
if command -v mariadbd >/dev/null; then printf '%s\n' ${query} | mariadb_run; else printf 'absent\n'; fi`

/** What `mariadbRows` printed: row by row, by their first field. Nothing when it did not end. */
export function readRows(output: string): ((type: string) => readonly (readonly string[])[]) | undefined {
  const rows = output.split('\n').map((line) => line.split('\t').map((field) => field.replaceAll('\\\\', '\\')))
  if (!rows.some(([type]) => type === 'end' || type === 'absent')) return undefined
  return (type) => rows.filter((row) => row[0] === type).map(([, ...fields]) => fields)
}

/** A text in SQL. */
export const mariadbText = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/** A secret in SQL. */
export const sqlSecret = (value: Secret): Secret => value.map(mariadbText)

/** A database as GRANT takes it: there _ and % would stand for others as well. */
export const exactly = (name: string): string => `\`${name.replaceAll(/[_%]/g, '\\$&')}\``
