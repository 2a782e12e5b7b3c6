import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadInventory } from '../../../src/inventory/inventory.ts'
import { answered, requestFromHost } from '../../../src/rehearsal/proof/web.ts'
import { sh } from '../../../src/sh.ts'
import { provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'

/** The site whose pages are run. */
export const site = 'ouestline.xyz'
/** Its folder. */
export const root = `/var/caddy/www/${site}`

/** The password of a database's user, as the store has it now. */
export async function passwordOf({ inventory: { dir, name } }: Installed, user: string): Promise<string> {
  const { store } = await loadInventory(dir, name)
  await store.open()
  return store.value(`mariadb/${user}`) ?? assert.fail(`there is no password of ${user}`)
}

/** Puts a page there, as the admin would. */
export const page = ({ host }: Installed, path: string, php: string): Promise<string> =>
  host.must(sh`
mkdir -p "$(dirname ${`${root}/${path}`})"
printf '%s' ${php} > ${`${root}/${path}`}
chown -R xouser:xouser ${`${root}/`}*`)

/** Pages that PHP makes. */
export function pageTests(it: () => Installed): void {
  const body = async (path: string) => (await answered(it().rehearsal, { url: `${site}/${path}` })).body

  test('php: declared, it is installed with a database, and a second run has nothing to do', async () => {
    await it().correct()
    await it().host.must(sh`systemctl is-active mariadb.service php8.2-fpm.service`)
    await it().settled()
  })

  test('php: a page shows over HTTPS what it has read from MariaDB', async () => {
    await it().host.must(
      sh`mariadb --default-character-set=utf8mb4 my_blog -e "DROP TABLE IF EXISTS letters; CREATE TABLE letters (n INT PRIMARY KEY, words TEXT); INSERT INTO letters VALUES (1, 'grüße 漢字 🙂')"`,
    )
    const login = `'localhost', 'my_blog', base64_decode('${Buffer.from(await passwordOf(it(), 'my_blog')).toString('base64')}'), 'my_blog'`
    await page(
      it(),
      'letter.php',
      `<?php $db = new mysqli(${login}); $db->set_charset('utf8mb4'); echo PHP_VERSION, ' ', $db->query('SELECT words FROM letters')->fetch_row()[0];`,
    )
    assert.match(await body('letter.php'), /^8\.2\.\d+ grüße 漢字 🙂$/)
  })

  test('php: index.php answers for its folder, and for what is no file', async () => {
    await page(it(), 'program/index.php', '<?php echo "asked for ", $_SERVER["REQUEST_URI"];')
    assert.equal(await body('program/'), 'asked for /program/')
    await page(it(), 'index.php', '<?php echo "the front, for ", $_SERVER["REQUEST_URI"];')
    assert.equal(await body('a/b/c'), 'the front, for /a/b/c')
    // What nobody has is not run with the rest of the address as its argument.
    await page(it(), 'picture.jpg', '<?php echo "run";')
    assert.doesNotMatch(await body('picture.jpg/x.php'), /^run/)
    assert.match(await body('picture.jpg'), /^<\?php/)
  })

  test('php: dot files are not served, what was uploaded is not run, and what is too big is refused', async () => {
    await page(it(), '.env', 'password')
    await page(it(), '.hidden/a.php', '<?php echo "run";')
    await page(it(), 'uploads/2026/a.php', '<?php echo "run";')
    await page(it(), 'uploads/a.txt', 'shown')
    for (const path of ['.env', '.hidden/a.php', 'uploads/2026/a.php', 'uploads/2026/a.PHP'])
      assert.equal((await requestFromHost(it().rehearsal, { url: `${site}/${path}` })).status, 404, path)
    assert.equal(await body('uploads/a.txt'), 'shown')
    await page(it(), 'take.php', '<?php echo strlen(file_get_contents("php://input"));')
    const post = (length: number) =>
      requestFromHost(it().rehearsal, { url: `${site}/take.php`, method: 'POST', body: 'x'.repeat(length) })
    assert.equal((await post(500_000)).body, '500000')
    // Caddy answers before it has read all, and closes: where that reaches us while we write, the answer is lost, and asked for again.
    await answered(it().rehearsal, { url: `${site}/take.php`, method: 'POST', body: 'x'.repeat(2_000_000) }, 413)
  })

  test('php: a page that is broken into reads nothing but its own site, and starts nothing', async () => {
    await page(
      it(),
      'broken.php',
      `<?php foreach (['/etc/passwd', '/var/caddy/www/xoyize.xyz', '/var/lib/caddy/caddy', '/tmp'] as $path) echo @file_exists($path) ? "sees $path\\n" : '';
foreach (['exec', 'system', 'passthru', 'shell_exec', 'popen', 'proc_open'] as $f) echo function_exists($f) ? "has $f\\n" : '';
session_start(); $_SESSION['n'] = 1; session_write_close();
echo get_current_user(), ' ', ini_get('display_errors') ? 'tells errors' : 'tells none', ' ', file_exists(session_save_path() . '/sess_' . session_id()) ? 'session' : 'none';`,
    )
    assert.equal(await body('broken.php'), 'xouser tells none session')
    const { headers } = await requestFromHost(it().rehearsal, { url: `${site}/broken.php` })
    assert.equal(headers['x-powered-by'], undefined)
    assert.match(String(headers['set-cookie']), /; secure; HttpOnly/)
    assert.equal(
      await it().host.must(sh`stat -c '%a %U:%G' ${`/run/php/${site}.sock`} ${`/var/lib/php/sites/${site}`}`),
      '600 caddy:caddy\n700 web-ouestline-xyz:web-ouestline-xyz\n',
    )
    assert.equal((await it().host.must(sh`ps -o user:32= -C php-fpm8.2 | sort -u`)).trim(), 'root\nweb-ouestline-xyz')
  })

  test('php: what Debian lacks is told at every run', async () => {
    const run = await provision(it().operator, ['--check', '--only', 'php'])
    assert.equal(run.code, 0, told(run))
    const notes = run.events.filter(({ event, id }) => event === 'note' && id?.includes('pool.d')).map(({ why }) => why)
    assert.equal(notes.length, 1)
    assert.match(notes[0]!, /Debian has no smbclient for PHP 8\.2/)
  })

  test('php: a pool that somebody has edited is told, and corrected when that is wanted; one that is bad never gets there', async () => {
    const pool = '/etc/php/8.2/fpm/pool.d/www.conf'
    await it().host.must(sh`sed -i 's/^pm.max_children.*/pm.max_children = 99/' ${pool}`)
    assert.match(await it().fails(), /was edited on the host/)
    assert.deepEqual(await it().correct('--overwrite'), [`file:${pool}`, 'service:php8.2-fpm.service'])
    assert.match(await it().host.must(sh`cat ${pool}`), /^pm\.max_children = 10$/m)
    await it().host.must(sh`systemctl stop php8.2-fpm.service`)
    assert.deepEqual(await it().correct(), ['service:php8.2-fpm.service'])
    assert.match(await body('letter.php'), /^8\.2/)
    await it().settled()
  })
}
