import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answered } from '../../../src/rehearsal/proof/web.ts'
import { sh } from '../../../src/sh.ts'
import { edit, provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { answer, archive, makeArchive, newer, signBy } from './archive.ts'
import { page, site } from './pages.ts'

/** PHP from a source of somebody else's, which Debian's updates do not depend on. An archive of our own plays Sury's. */
export function suryTests(it: () => Installed): void {
  const version = async (name: string) => (await it().host.must(sh`dpkg-query -W -f '\${Version}' ${name}`)).trim()
  /** What the timers start each day. */
  const daily = () =>
    it().host.must(sh`
rm -f /var/lib/apt/periodic/*
systemctl start apt-daily.service
systemctl start apt-daily-upgrade.service`)
  const older = sh`apt-get -q -y --allow-downgrades install tzdata=$(apt-cache madison tzdata | awk '{ print $3 }' | sort -V | head -n 1)`
  let newest = ''

  test('sury: a source that has another key than the declared one is not used, and nothing of it is on the host', async () => {
    await makeArchive(it().rehearsal)
    // Past the cache of Debian's packages, which is all that a rehearsal has else.
    await it().host.must(sh`printf 'Acquire::http::Proxy::%s "DIRECT";\n' ${archive.host} > /etc/apt/apt.conf.d/95sury`)
    edit(it().operator, (document) => {
      document.set(
        'php',
        document.createNode({
          source: 'sury',
          modules: ['cli', 'mysql'],
          upload: '1M',
          sury: { url: archive.url, key: `${archive.url}apt.gpg`, fingerprint: 'A'.repeat(40) },
        }),
      )
    })
    assert.match(await it().fails(), /there is not the key A{40}, but: [0-9A-F]{40}/)
    await it().host.must(sh`! ls /etc/apt/sources.list.d/provision-sury.sources /etc/apt/keyrings/provision-sury.gpg`)
  })

  test('sury: PHP 8.3 comes from it, and nothing else that Debian has; its key is good for it alone', async () => {
    const fingerprint = await makeArchive(it().rehearsal)
    edit(it().operator, (document) => document.setIn(['php', 'sury', 'fingerprint'], fingerprint))
    const tree = await version('tree')
    const changed = await it().correct()
    for (const id of ['archive-key:/etc/apt/keyrings/provision-sury.gpg', 'packages:php', 'service:php8.3-fpm.service'])
      assert.ok(changed.includes(id), `${id} in ${changed.join(' ')}`)
    assert.equal(await version('php8.3-fpm'), '8.3.99')
    assert.equal(await version('php-common'), '2:95')
    assert.equal(await version('libonlythere'), '1')
    assert.equal(await version('tree'), tree)
    assert.match(await it().host.must(sh`apt-cache policy tree`), new RegExp(`Candidate: ${tree}$`, 'm'))
    assert.equal(await it().host.must(sh`ls /etc/apt/trusted.gpg.d | grep -c sury || :`), '0\n')
    assert.match(await it().host.must(sh`systemctl is-active php8.2-fpm.service || :`), /^inactive/)
    await page(it(), 'which.php', '<?php echo file_get_contents("/proc/self/cmdline") ?: "php";')
    assert.equal((await answered(it().rehearsal, { url: `${site}/which.php` })).body, 'php')
    await it().settled()
  })

  test('sury: its updates come by themselves, too', async () => {
    newest = await version('tzdata')
    await it().host.must(older)
    assert.notEqual(await version('tzdata'), newest)
    await newer(it().rehearsal.internet, '8.3.100')
    await daily()
    assert.equal(await version('tzdata'), newest)
    assert.equal(await version('php8.3-cli'), '8.3.100')
  })

  test('sury: while it does not answer, Debian’s updates are installed, though it has promised one', async () => {
    await newer(it().rehearsal.internet, '8.3.101')
    await it().host.must(sh`apt-get -q update`)
    await it().host.must(older)
    await answer(it().rehearsal, false)
    await daily()
    assert.equal(await version('tzdata'), newest)
    assert.equal(await version('php8.3-cli'), '8.3.100')
    assert.match(
      await it().host.must(sh`cat /var/log/unattended-upgrades/unattended-upgrades.log`),
      /Package php8\.3-cli is kept back/,
    )
  })

  test('sury: while it does not answer, a run upgrades the system and installs what else is declared, and says so', async () => {
    await it().host.must(sh`rm -f /var/lib/provision/stamp/upgrade-first /var/lib/provision/stamp/apt-lists`)
    edit(it().operator, (document) => document.set('packages', document.createNode(['rsync', 'curl', 'tree', 'jq', 'ed'])))
    const run = await provision(it().operator, ['--yes', '--verbose'])
    assert.equal(run.code, 0, told(run))
    const { events } = await provision(it().operator, ['--check', '--only', 'base'])
    assert.ok(
      events.some(({ event, why }) => event === 'note' && /^a source besides Debian does not answer .*8099/.test(why ?? '')),
    )
    assert.equal((await it().host.run(sh`command -v ed`)).code, 0)
    await it().settled()
    // What it has promised, and cannot be fetched, does not stop the upgrade either.
    assert.equal(await version('php8.3-cli'), '8.3.100')
  })

  test('sury: signed by another key, nothing of it is believed, and Debian’s updates are installed', async () => {
    await answer(it().rehearsal, true)
    await signBy(it().rehearsal.internet, 'other')
    await it().host.must(sh`rm -f /var/lib/provision/stamp/apt-lists`)
    edit(it().operator, (document) => document.set('packages', document.createNode(['rsync', 'curl', 'tree', 'jq', 'ed', 'bc'])))
    await it().correct()
    await it().host.must(older)
    await daily()
    assert.equal(await version('tzdata'), newest)
    await signBy(it().rehearsal.internet, 'ours')
    await daily()
    assert.equal(await version('php8.3-cli'), '8.3.101')
  })

  test('sury: back to Debian’s PHP, the other one is off and its source is told', async () => {
    edit(it().operator, (document) => {
      document.set('php', document.createNode({ source: 'debian', upload: '1M' }))
      document.delete('packages')
    })
    const run = await provision(it().operator, ['--yes'])
    assert.equal(run.code, 0, told(run))
    assert.match(await it().host.must(sh`systemctl is-active php8.2-fpm.service php8.3-fpm.service || :`), /^active\ninactive/)
    assert.ok(
      run.events.some(
        ({ event, why }) => event === 'note' && why?.startsWith('of somebody else: http://apt.internet.example:8099'),
      ),
    )
    assert.equal((await answered(it().rehearsal, { url: `${site}/which.php` })).body, 'php')
    await it().settled()
  })
}
