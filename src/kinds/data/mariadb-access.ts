import { type Change, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { mariadbRows, mariadbRun, mariadbText, readRows } from './mariadb.ts'

export interface MariadbAccess {
  readonly server: 'mariadb'
  /** Who is declared: of others who may log in it is told, and they stay. */
  readonly users: readonly string[]
}

interface State {
  readonly listening: string
  /** How root logs in, for each host that it may come from. */
  readonly root: ReadonlyMap<string, string>
  /** From where somebody without a name may log in. */
  readonly anonymous: readonly string[]
  /** A database called test: gone, there and empty, or there with somebody's tables. */
  readonly test: 'absent' | 'empty' | 'in use'
  readonly others: readonly string[]
}

/**
 * Who may reach MariaDB: this host alone, root by the socket alone, nobody without a name, and no database for everybody. What
 * mysql_secure_installation(1) asks, as a state.
 */
export const mariadbAccess = defineKind<MariadbAccess, State>({
  name: 'mariadb-access',
  key: ({ server }) => server,
  probe: () => mariadbRows,

  parse: (output, all) => {
    const rows = readRows(output)
    if (rows === undefined) return new Map()
    const named = rows('user').filter(([user]) => user !== '')
    const known = new Set(['root', 'mysql', 'mariadb.sys', 'PUBLIC', ...all.flatMap(({ users }) => users)])
    const test = rows('database').find(([name]) => name === 'test')
    const state: State = {
      listening: rows('setting').find(([name]) => name === 'bind_address')?.[1] ?? 'nobody',
      root: new Map(
        named
          .filter(([user]) => user === 'root')
          .map(([, host = '', plugin = '', or]) => [host, or === '1' ? `${plugin} or another way` : plugin]),
      ),
      anonymous: rows('user')
        .filter(([user]) => user === '')
        .map(([, host]) => host ?? ''),
      test: test === undefined ? 'absent' : test[1] === '0' ? 'empty' : 'in use',
      others: named
        .filter(([user = '', host]) => !known.has(user) || (host !== 'localhost' && user !== 'root'))
        .map(
          ([user, host, plugin, , , digest]) =>
            `${user}@${host}${plugin === 'mysql_native_password' && digest === nothing ? ', without a password' : ''}`,
        ),
    }
    return new Map(all.map(({ server }) => [server, state]))
  },

  diff: (_, { listening, root, anonymous, test }): readonly Change[] => [
    ...(listening === '127.0.0.1' ? [] : [{ field: 'listening', from: listening, to: '127.0.0.1' }]),
    ...(root.get('localhost') === 'unix_socket'
      ? []
      : [{ field: 'root', from: root.get('localhost') ?? 'absent', to: 'unix_socket' }]),
    ...[...root.keys()]
      .filter((host) => host !== 'localhost')
      .map((host) => ({ field: 'root', from: `from ${host}`, to: 'absent' })),
    ...anonymous.map((host) => ({ field: 'without a name', from: `from ${host}`, to: 'absent' })),
    ...(test === 'empty' ? [{ field: 'database test', from: 'empty', to: 'absent' }] : []),
  ],

  // Only a restart makes it listen elsewhere, on what its configuration says.
  apply: (_, { root, anonymous, test }, changes) => sh`
${mariadbRun}
${changes.some(({ field }) => field === 'listening') ? sh`systemctl restart mariadb.service` : sh``}
printf '%s\n' ${[
    "ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket;",
    ...[...root.keys()].filter((host) => host !== 'localhost').map((host) => `DROP USER 'root'@${mariadbText(host)};`),
    ...anonymous.map((host) => `DROP USER ''@${mariadbText(host)};`),
    "DELETE FROM mysql.db WHERE User = '';",
    ...(test === 'empty' ? ['DROP DATABASE IF EXISTS test;'] : []),
    'FLUSH PRIVILEGES;',
  ]} | mariadb_run`,

  notes: (_, { others, test }) => [
    ...others.map((who) => `may log in, and is not declared: ${who}`),
    ...(test === 'in use' ? ['a database called test has tables in it: it stays'] : []),
  ],
})

/** The digest of an empty text. */
const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
