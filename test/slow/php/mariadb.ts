import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadInventory } from '../../../src/inventory/inventory.ts'
import { sh } from '../../../src/sh.ts'
import { provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { passwordOf } from './pages.ts'

/** MariaDB, for this host alone. */
export function mariadbTests(it: () => Installed): void {
  /** How a login by password ends: empty, or MariaDB’s words. */
  const login = async (user: string, password: string, database: string): Promise<string> => {
    const { stderr } = await it().host.run(
      sh`printf '[client]\npassword="%s"\n' ${password} | mariadb --defaults-file=/dev/stdin --user=${user} --host=127.0.0.1 -e 'SELECT 1' -- ${database}`,
    )
    return stderr.trim()
  }

  test('mariadb: 3306 is on the loopback alone, whatever another file of its configuration says', async () => {
    const { host } = it()
    const listening = async () => (await host.must(sh`ss -Hltn sport = :3306 | awk '{ print $4 }'`)).trim()
    assert.equal(await listening(), '127.0.0.1:3306')
    await host.must(sh`printf '[mariadbd]\nbind-address = 0.0.0.0\n' > /etc/mysql/mariadb.conf.d/99-open.cnf`)
    assert.deepEqual(await it().correct(), ['service:mariadb.service'])
    assert.equal(await listening(), '127.0.0.1:3306')
    // Started by hand with another address, it is brought back.
    await host.must(sh`
systemctl set-environment MYSQLD_OPTS=--bind-address=0.0.0.0
systemctl restart mariadb.service
systemctl unset-environment MYSQLD_OPTS`)
    assert.equal(await listening(), '0.0.0.0:3306')
    assert.match(await it().fails('--only', 'others'), /3306\/tcp is listened on by mariadbd, and not declared/)
    assert.deepEqual(await it().correct('--only', 'mariadb'), ['mariadb-access:mariadb'])
    assert.equal(await listening(), '127.0.0.1:3306')
    await host.must(sh`rm /etc/mysql/mariadb.conf.d/99-open.cnf`)
    await it().correct()
  })

  test('mariadb: nobody without a name or a password gets in, and root by the socket alone', async () => {
    const password = await passwordOf(it(), 'my_blog')
    assert.equal(await login('my_blog', password, 'my_blog'), '')
    for (const [user, tried] of [
      ['', ''],
      ['my_blog', ''],
      ['my_blog', 'x'],
      ['root', ''],
      ['root', 'invalid'],
      ['nobody', ''],
    ] as const)
      assert.match(await login(user, tried, 'my_blog'), /Access denied/, `${user}:${tried}`)
    assert.equal((await it().host.run(sh`runuser -u caddy -- mariadb -u root -e 'SELECT 1'`)).code, 1)
    assert.equal(await it().host.must(sh`mariadb -N -e 'SELECT CURRENT_USER()'`), 'root@localhost\n')
  })

  test('mariadb: what others teach is corrected: an anonymous user, root from anywhere, a password for it, a database called test', async () => {
    await it().host.must(sh`mariadb <<'END'
CREATE USER ''@'localhost';
CREATE USER 'root'@'%' IDENTIFIED BY 'root';
ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('root');
CREATE DATABASE test;
END`)
    assert.deepEqual(await it().correct(), ['mariadb-access:mariadb'])
    for (const [user, tried] of [
      ['', ''],
      ['root', 'root'],
    ] as const)
      assert.match(await login(user, tried, 'my_blog'), /Access denied/, user)
    await it().settled()
  })

  test('mariadb: a user may do everything in its database and nothing in one that is called alike', async () => {
    await it().host.must(sh`mariadb -e 'CREATE DATABASE myxblog; CREATE TABLE myxblog.t (n INT)'`)
    const password = await passwordOf(it(), 'my_blog')
    assert.match(await login('my_blog', password, 'myxblog'), /Access denied/)
    await it().host.must(sh`mariadb -e ${"GRANT SELECT ON myxblog.* TO 'my_blog'@'localhost'"}`)
    assert.deepEqual(await it().correct(), ['database:my_blog'])
    assert.match(await login('my_blog', password, 'myxblog'), /Access denied/)
    // What nobody declared stays.
    assert.equal(await it().host.must(sh`mariadb -N -e 'SHOW DATABASES' | grep -c myxblog`), '1\n')
  })

  test('mariadb: another password in the secrets is set, and one that was changed on the host is set back', async () => {
    const { inventory } = it()
    const { store } = await loadInventory(inventory.dir, inventory.name)
    await store.open()
    const hard = `it's "quoted" \\ % $x # ;é ${Date.now()}`
    await store.update((values) => new Map([...values, ['mariadb/my_blog', hard]]))
    const run = await provision(it().operator, ['--yes', '--verbose'])
    assert.equal(run.code, 0, told(run))
    assert.ok(run.events.some(({ id }) => id === 'database:my_blog'))
    assert.ok(!told(run).includes('quoted'), 'the password is shown')
    const proved = () =>
      it().host.run(
        sh`printf '%s\n' ${`[client]\npassword="${hard.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`} | mariadb --defaults-file=/dev/stdin --user=my_blog -e 'SELECT 1' my_blog`,
      )
    assert.equal((await proved()).code, 0)
    await it().host.must(sh`mariadb -e ${"ALTER USER 'my_blog'@'localhost' IDENTIFIED BY 'mine'"}`)
    assert.deepEqual(await it().correct(), ['database:my_blog'])
    assert.equal((await proved()).code, 0)
    await it().settled()
  })

  test('mariadb: stopped, it is not taken for absent, and is started', async () => {
    await it().host.must(sh`systemctl stop mariadb.service`)
    const run = await provision(it().operator, ['--check'])
    assert.equal(run.code, 1, told(run))
    assert.ok(
      run.events.some(({ event, id }) => event === 'unknown' && id === 'database:my_blog'),
      told(run),
    )
    assert.deepEqual(await it().correct(), ['service:mariadb.service'])
    await it().settled()
  })
}
