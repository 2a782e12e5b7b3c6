import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadInventory } from '../../../src/inventory/inventory.ts'
import { heard } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../../src/sh.ts'
import { told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { archives, backup, topic } from './on.ts'

/** What a backup is. */
export function madeTests(it: () => Installed): void {
  test('backup: one is made and listed, and its success is told with low priority', async () => {
    const run = await backup(it(), 'now')
    assert.equal(run.code, 0, told(run))
    assert.match(run.stdout, /^\d{4}-\d\d-\d\d-\d\dh\d\d: \d+ files, .+ of files, .+ new in the repository, in \d+ s\n/)
    const { priority, message } = await heard(it().rehearsal, topic(it()), ({ title }) => title === 'xoyize.xyz: backup done')
    assert.equal(priority, 2)
    assert.match(message, /\d+ files, .* in \d+ s/)
    assert.ok((await archives(it())).length > 0)
  })

  test('backup: the databases are in it as dumps that are whole, the messages and keys as files, and no live database', async () => {
    const { host } = it()
    const archive = (await archives(it())).at(-1)!
    const paths = (await host.must(sh`provision-backup borg list --short ${`::${archive}`}`)).split('\n')
    for (const path of [
      'var/lib/provision/backup/dump/maddy/imapsql.db',
      'var/lib/provision/backup/dump/maddy/credentials.db',
      'var/lib/maddy/dkim_keys/xoyize.xyz_default.key',
      'etc/ssh/ssh_host_ed25519_key',
    ])
      assert.ok(paths.includes(path), path)
    assert.ok(paths.some((path) => path.startsWith('var/lib/certificates/mx1.xoyize.xyz/')))
    assert.deepEqual(
      paths.filter((path) => /^var\/lib\/maddy\/.*\.db|^etc\/provision\/borg/.test(path)),
      [],
    )
    await host.must(sh`
cd $(mktemp -d)
provision-backup borg extract ${`::${archive}`} var/lib/provision/backup/dump
for db in var/lib/provision/backup/dump/maddy/*.db; do [ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]; done`)
  })

  test('backup: passphrase and key are in the secrets, and so is the key of the repository; none is shown to others', async () => {
    const { host, inventory } = it()
    const { store } = await loadInventory(inventory.dir, inventory.name)
    await store.open()
    assert.match(store.value('backup/repository-key') ?? '', /^BORG_KEY /)
    const modes = await host.must(sh`cd /etc/provision/borg; stat -c '%a %n' . passphrase id_ed25519`)
    assert.equal(modes, '700 .\n600 passphrase\n600 id_ed25519\n')
    const run = await backup(it(), 'key')
    assert.equal(
      run.stdout.split(' ').slice(0, 2).join(' '),
      (await host.must(sh`ssh-keygen -y -f /etc/provision/borg/id_ed25519`)).trim().split(' ').slice(0, 2).join(' '),
    )
  })
}
