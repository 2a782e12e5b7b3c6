import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Machine } from '../../../src/rehearsal/machine/machine.ts'
import { sh } from '../../../src/sh.ts'
import { edit, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { archives, backup, fails } from './on.ts'

/** Declares a database, and fills it and one that nobody declared with what is hard to carry. */
export async function withDatabases({ operator, host, correct }: Installed): Promise<void> {
  edit(operator, (document) => document.set('mariadb', document.createNode({ databases: [{ name: 'my_blog' }] })))
  await correct()
  await host.must(sh`printf '%s\n' ${rows} | mariadb --default-character-set=utf8mb4`)
}

const rows =
  String.raw`CREATE OR REPLACE TABLE my_blog.letters (n INT PRIMARY KEY AUTO_INCREMENT, words TEXT, at DATETIME(3), bytes LONGBLOB);
INSERT INTO my_blog.letters (words, at, bytes) VALUES ('grüße 漢字 🙂', '2026-11-21 02:10:00.123', UNHEX('00FF0D0A1A27225C')), (NULL, NULL, NULL), ('it''s "quoted" \\ -- no comment', NOW(), '');
INSERT INTO my_blog.letters (words, bytes) VALUES ('big', REPEAT(UNHEX('00FF'), 10000000));
DELETE FROM my_blog.letters WHERE n = 2;
CREATE OR REPLACE TABLE my_blog.answers (n INT PRIMARY KEY, letter INT, FOREIGN KEY (letter) REFERENCES my_blog.letters (n));
INSERT INTO my_blog.answers VALUES (1, 3);
CREATE OR REPLACE VIEW my_blog.short AS SELECT n, LEFT(words, 3) AS words FROM my_blog.letters;
CREATE OR REPLACE TRIGGER my_blog.later BEFORE INSERT ON my_blog.answers FOR EACH ROW SET NEW.n = NEW.n + 100;
CREATE OR REPLACE FUNCTION my_blog.twice (n INT) RETURNS INT DETERMINISTIC RETURN 2 * n;
CREATE DATABASE IF NOT EXISTS \`of nobody’s\`;
CREATE OR REPLACE TABLE \`of nobody’s\`.t (n INT) ENGINE=MyISAM;
INSERT INTO \`of nobody’s\`.t VALUES (1), (2);
`.replaceAll('\\`', '`')

/** All that is in the databases, to compare two hosts. */
export const databasesOn = async (host: Machine): Promise<string> =>
  host.must(sh`for name in my_blog 'of nobody’s'; do provision-backup sql "$name" | grep -v '^--' | sha256sum; done
mariadb -N --default-character-set=utf8mb4 -e ${contents}`)

const contents = `SELECT n, words, at, SHA1(bytes), my_blog.twice(n) FROM my_blog.letters;
SELECT * FROM my_blog.short;
SELECT * FROM \`of nobody’s\`.t;
SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'my_blog' AND auto_increment IS NOT NULL`

/** The databases of MariaDB in a backup. */
export function databaseTests(it: () => Installed): void {
  test('backup: each database of MariaDB is in it as a dump, whoever made it, and none as live files', async () => {
    const run = await backup(it(), 'now')
    assert.equal(run.code, 0, told(run))
    const archive = (await archives(it())).at(-1)!
    const paths = (await it().host.must(sh`provision-backup borg list --short ${`::${archive}`}`)).split('\n')
    const dumps = 'var/lib/provision/backup/dump/mariadb'
    assert.deepEqual(paths.filter((path) => path.startsWith(`${dumps}/`)).toSorted(), [
      `${dumps}/my_blog.sql`,
      `${dumps}/of nobody’s.sql`,
    ])
    assert.deepEqual(
      paths.filter((path) => path.startsWith('var/lib/mysql')),
      [],
    )
  })

  test('backup: a dump is of one moment, while somebody writes', async () => {
    // Each writer moves one from a to b: in every moment their sum is 1000.
    const { host } = it()
    await host.must(sh`mariadb -e 'CREATE OR REPLACE TABLE my_blog.a (n INT); CREATE OR REPLACE TABLE my_blog.b (n INT); INSERT INTO my_blog.a VALUES (1000); INSERT INTO my_blog.b VALUES (0)'
systemd-run -q --unit=writer sh -c 'while :; do echo "BEGIN; UPDATE a SET n = n - 1; UPDATE b SET n = n + 1; COMMIT;"; done | mariadb my_blog'`)
    try {
      for (let i = 0; i < 5; i++) {
        const sums = await host.must(
          sh`provision-backup sql my_blog | grep -A1 -E '^INSERT INTO .(a|b). VALUES' | grep -oE -- '-?[0-9]+' | awk '{ sum += $1 } END { print sum }'`,
        )
        assert.equal(sums, '1000\n')
      }
    } finally {
      await host.must(sh`systemctl stop writer; mariadb -e 'DROP TABLE my_blog.a, my_blog.b'`)
    }
  })

  test('fault: MariaDB does not answer: said, and no archive is made without its databases', async () => {
    const before = await archives(it())
    await it().host.must(sh`systemctl stop mariadb.service`)
    try {
      assert.match(await fails(it(), 'now'), /dump: MariaDB: ERROR 2002 .*Can't connect/)
    } finally {
      await it().host.must(sh`systemctl start mariadb.service`)
    }
    assert.deepEqual(await archives(it()), before)
  })
}
