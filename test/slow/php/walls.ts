import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { answered, requestFromHost } from '../../../src/rehearsal/proof/web.ts'
import { sh } from '../../../src/sh.ts'
import { edit, provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { page, root, site } from './pages.ts'

/** A second site with PHP, whose pages own its folder, and what nobody but it may read. */
const other = 'cinay.eu'
const others = `/var/caddy/www/${other}`

/** The page that tries to get out of its site. */
const climb = readFileSync(new URL('climb.php', import.meta.url), 'utf8')

/** The walls between the sites, and around all of them: a page of one tries to climb them. */
export function wallTests(it: () => Installed): void {
  /** What the page has reached. `closed`: PHP's own walls are up. */
  async function reached(closed: boolean): Promise<readonly string[]> {
    const secrets = await it().host.must(sh`
ls -d /var/lib/caddy/caddy/certificates/*/${site}/${`${site}.key`} /var/lib/caddy/caddy/certificates/*/${other}/${`${other}.key`}
printf '%s\n' /var/lib/caddy /var/lib/maddy /var/lib/maddy/credentials.db /etc/provision /etc/provision/borg/passphrase /var/lib/provision
printf '%s\n' /var/lib/certificates /etc/caddy /etc/caddy/Caddyfile /etc/shadow /etc/msmtprc /etc/nebula/host.key /etc/maddy/maddy.conf /var/log /home/xouser
printf '%s\n' ${others} ${`${others}/config.php`} ${`${others}/picture.txt`} ${`/var/lib/php/sites/${other}`} ${`/var/lib/php/sites/${other}/sess_victim`}
printf '%s\n' /proc/1/environ /proc/1/cmdline /root/.ssh /etc/ssh/ssh_host_ed25519_key
${closed ? sh`printf '%s\n' /etc/passwd /etc/hostname / /tmp /proc/self/environ` : sh``}`)
    const form = new URLSearchParams({
      secrets: Buffer.from(secrets.trim()).toString('base64'),
      ...(closed ? { closed: '1' } : {}),
    })
    const { status, body } = await requestFromHost(it().rehearsal, {
      url: `${site}/climb.php`,
      method: 'POST',
      body: form.toString(),
    })
    assert.equal(status, 200, body)
    const [user, ...lines] = body.split('\n')
    assert.equal(user, 'web-ouestline-xyz')
    return lines.filter((line) => line !== '')
  }

  test('walls: two sites with PHP have a user, a folder and a cache of sessions each, and Caddy shows both', async () => {
    edit(it().operator, (document) => {
      document.setIn(['sites', 2, 'php'], true)
      document.setIn(['sites', 2, 'owner'], 'caddy')
    })
    await it().correct()
    await it().host.must(sh`
cd ${others}
printf '%s' ${'<?php $password = "hunter2"; echo "run by ", posix_getpwuid(posix_geteuid())["name"];'} > config.php
echo 'a picture' > picture.txt
cp config.php index.php
chown -R web-cinay-eu: .
printf '%s' 'who|s:5:"alice";' > ${`/var/lib/php/sites/${other}/sess_victim`}
chown web-cinay-eu: ${`/var/lib/php/sites/${other}/sess_victim`}
mkdir -p ${`${root}/writable`}`)
    await page(it(), 'climb.php', climb)
    await it().host.must(sh`chown web-ouestline-xyz: ${`${root}/writable`}`)
    assert.equal((await answered(it().rehearsal, { url: `${other}/config.php` })).body, 'run by web-cinay-eu')
    assert.equal((await requestFromHost(it().rehearsal, { url: `${other}/picture.txt` })).body, 'a picture\n')
    assert.equal(
      await it().host.must(
        sh`stat -c '%a %U:%G' ${root} ${others} ${`/var/lib/php/sites/${site}`} ${`/var/lib/php/sites/${other}`}`,
      ),
      '750 xouser:web-ouestline-xyz\n750 web-cinay-eu:web-cinay-eu\n700 web-ouestline-xyz:web-ouestline-xyz\n700 web-cinay-eu:web-cinay-eu\n',
    )
    await it().settled()
  })

  test('walls: a page that is broken into reaches nothing of what is not its own', async () => {
    assert.deepEqual(await reached(true), [])
  })

  test('walls: nor does it where PHP’s own walls have fallen: those of the kernel stand', async () => {
    const pool = '/etc/php/8.2/fpm/pool.d/www.conf'
    await it().host.must(sh`
sed -i '/open_basedir\|disable_functions\|ffi.enable\|opcache.validate/d' ${pool}
systemctl reload php8.2-fpm.service`)
    try {
      assert.deepEqual(await reached(false), ['is not held by PHP'])
    } finally {
      await it().correct('--overwrite')
    }
  })

  test('walls: what the pages of a site leave in it is shown, and neither run nor followed out of it', async () => {
    await it().host.must(sh`
cd ${root}
mkdir -p uploads
for f in a.php a.phtml a.php5 a.phar a.PhP; do printf '%s' '<?php echo "run";' > "uploads/$f"; cp "uploads/$f" writable/; done
chown -R web-ouestline-xyz: uploads writable`)
    for (const name of [
      'uploads/a.php',
      'uploads/a.phtml',
      'uploads/a.phar',
      'uploads/a.PhP',
      'writable/a.phtml',
      'writable/a.php5',
      'writable/a.phar',
    ])
      assert.equal((await requestFromHost(it().rehearsal, { url: `${site}/${name}` })).status, 404, name)
    assert.doesNotMatch((await requestFromHost(it().rehearsal, { url: `${site}/writable/a.PhP` })).body, /run|<\?php/)
  })

  test('walls: a host on which one user ran the pages of all sites: what that one owned goes to the user of each', async () => {
    const state = `/var/lib/php/sites/${site}`
    await it().host.must(sh`
cd ${root}
mkdir -p old/deep
echo x > old/deep/file; echo x > old/twice; echo x > theirs
ln old/twice /root/twice
ln -s /etc/hostname old/link
chown -hR caddy:caddy old ${state}
chown root: theirs
chown xouser:xouser .
chmod 755 .`)
    const run = await provision(it().operator, ['--check'])
    assert.equal(run.code, 2, told(run))
    assert.ok(run.events.some(({ event, id }) => event === 'change' && id === `contents:${root}`))
    const changed = await it().correct()
    for (const id of [`contents:${root}`, `directory:${state}`, `directory:${root}`])
      assert.ok(changed.includes(id), changed.join())
    assert.equal(
      await it().host.must(sh`cd ${root}; stat -c '%U %n' old old/deep old/deep/file old/link old/twice theirs /etc/hostname`),
      'web-ouestline-xyz old\nweb-ouestline-xyz old/deep\nweb-ouestline-xyz old/deep/file\nweb-ouestline-xyz old/link\ncaddy old/twice\nroot theirs\nroot /etc/hostname\n',
    )
    await it().host.must(sh`rm -r ${`${root}/old`} /root/twice`)
    await it().settled()
  })

  test('walls: without “php: true” a site’s folder is Caddy’s again, and its sources are shown to nobody', async () => {
    edit(it().operator, (document) => {
      document.deleteIn(['sites', 2, 'php'])
      document.setIn(['sites', 2, 'owner'], 'admin')
    })
    const changed = await it().correct()
    assert.ok(changed.includes(`directory:${others}`), changed.join())
    assert.equal((await answered(it().rehearsal, { url: `${other}/picture.txt` })).body, 'a picture\n')
    assert.equal((await requestFromHost(it().rehearsal, { url: `${other}/config.php` })).status, 404)
    await it().settled()
  })
}
