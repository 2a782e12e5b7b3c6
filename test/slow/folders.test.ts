import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BorgHere, borgHere } from '../../src/backup/borg-here.ts'
import { fetch, placeServer } from '../../src/backup/restore-scripts.ts'
import { declaredFolders, loadInventory } from '../../src/inventory/inventory.ts'
import type { Layer } from '../../src/rehearsal/image/image.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { installBorg } from '../../src/rehearsal/platform.ts'
import { compareFolders } from '../../src/rehearsal/proof/compare-folders.ts'
import { sh } from '../../src/sh.ts'
import { command, edit, type Operator, operatorOf, provision, ready, stage, told, untilOn } from '../support/harness.ts'

/** What is declared is in the archive wherever it is, and comes back: on a small host, with a real repository at a storage box. */

const borg: Layer = { name: 'borg', packages: ['borgbackup'] }
let rehearsal: Rehearsal
let it: Operator
let here: BorgHere
let folders: readonly string[]

before(async () => {
  rehearsal = await stage('e2e-folders')
  it = await operatorOf(rehearsal, await rehearsal.addHost('host', [...ready(bare), borg]), {
    change: (document) => {
      document.setIn(
        ['sites'],
        [
          { domain: 'static.xoyize.xyz', root: '/data/static' },
          { domain: 'cinay.eu', root: '/var/www/cinay' },
          { domain: 'ouestline.xyz', root: '/moved/ouestline' },
          { domain: 'xoyize.xyz' },
        ],
      )
      document.setIn(['backup', 'keep'], { daily: 1, weekly: 0, monthly: 0 })
    },
  })
  const run = await provision(it, ['--yes', '--only', 'access,fail2ban,borg'])
  assert.equal(run.code, 0, told(run))
  const { server, store } = await loadInventory(it.inventory, 'xoyize.xyz')
  await store.open()
  await installBorg(() => undefined)
  here = borgHere(server.backup!, server.backup!.key)
  folders = declaredFolders(server)
  // One below a folder that is a link, one that is a link itself; and just enough of maddy for a restore.
  await it.host.must(sh`
mkdir -p /data/static/deep /var/www/cinay /disk/ouestline /disk/site /var/caddy/www /sharenfs/xoyize
ln -s /disk /moved; ln -s /disk/site /var/caddy/www/xoyize.xyz
echo static > '/data/static/deep/a b'; ln /data/static/deep/a\ b /data/static/again; ln -s deep/a\ b /data/static/link
echo cinay > /var/www/cinay/index.html; echo line > /disk/ouestline/index.html; echo site > /disk/site/index.html
echo shared > /sharenfs/xoyize/file; chown -R xouser /sharenfs/xoyize
useradd -r maddy; mkdir /var/lib/maddy
sqlite3 /var/lib/maddy/imapsql.db 'CREATE TABLE t (a)'
fail2ban-client set sshd banip 192.0.2.66`)
})

after(async () => {
  here?.close()
  await rehearsal?.stop()
})

const run = () => command(it, ['backup', 'now'])
const last = async () => (await here.run(['list', '--short', '--last', '1'])).trim()
const compared = async () =>
  (await compareFolders(here, await last(), folders, it.host)).map(
    ({ what, where, differs }) => `${what}, ${where}${differs === '' ? '' : `: ${differs}`}`,
  )
const all = ['/data/static', '/moved/ouestline', '/sharenfs/xoyize', '/var/caddy/www/xoyize.xyz', '/var/www/cinay']
const whole = [3, 1, 1, 1, 1].map((n, i) => `${n} files of a declared folder, ${all[i]}`)

test('folders: sites and exports are in the archive wherever they are, also where a link leads elsewhere', async () => {
  const made = await run()
  assert.equal(made.code, 0, told(made))
  assert.doesNotMatch(made.stdout, /not in it/)
  assert.deepEqual(folders, all)
  assert.deepEqual(await compared(), whole)
})

test('folders: what the archive has and the host has no more, or otherwise, is named', async () => {
  await it.host.must(sh`
rm /data/static/link; echo other > /disk/site/index.html; mv /sharenfs/xoyize /sharenfs/away`)
  assert.deepEqual(
    (await compared()).filter((line) => /: /.test(line)),
    [
      `${whole[0]}: 1 are not there as they were: link`,
      `${whole[2]}: 1 are not there as they were: file`,
      `${whole[3]}: 1 are not there as they were: index.html`,
    ],
  )
  await it.host.must(sh`mv /sharenfs/away /sharenfs/xoyize`)
})

test('folders: all of it comes back, with owners and links, and who was banned', async () => {
  const archive = await last()
  await it.host.must(sh`
systemctl stop fail2ban.service
rm -rf /data /moved /disk /sharenfs /var/www /var/caddy /var/lib/fail2ban/fail2ban.sqlite3`)
  // A disk of its own is there before its content.
  await it.host.must(sh`mkdir -p /sharenfs/xoyize; mount -t tmpfs none /sharenfs/xoyize`)
  await it.host.must(fetch(archive, []))
  await it.host.must(placeServer(archive, folders))
  assert.deepEqual(await compared(), whole)
  assert.equal(
    await it.host.must(
      sh`stat -c '%U %a' /sharenfs/xoyize/file /data; stat -c %h /data/static/again; readlink /var/caddy/www/xoyize.xyz`,
    ),
    'xouser 644\nroot 755\n2\n/disk/site\n',
  )
  assert.equal(await it.host.must(sh`cat /moved/ouestline/index.html`), 'line\n')
  await it.host.must(sh`systemctl start fail2ban.service`)
  await untilOn(it.host, 'the ban', 30_000, sh`fail2ban-client get sshd banip | grep -qF 192.0.2.66`)
})

test('folders: one that is not there is reported, the rest is archived, and nothing old is removed', async () => {
  await it.host.must(sh`umount /sharenfs/xoyize; rmdir /sharenfs/xoyize`)
  const archives = async () => (await here.run(['list', '--short'])).trim().split('\n')
  const before = await archives()
  const made = await run()
  assert.equal(made.code, 0, told(made))
  assert.match(made.stdout, /^not in it: \/sharenfs\/xoyize is declared, and there is no such folder$/m)
  assert.match(made.stdout, /^Nothing old was removed, as it may be the only copy\.$/m)
  const now = await archives()
  assert.ok(before.every((one) => now.includes(one)) && now.length === before.length + 1, now.join(' '))
  assert.match(
    (await compared()).join('\n'),
    /^0 files of a declared folder, \/sharenfs\/xoyize: the archive has no such folder$/m,
  )
})

test('folders: what is excluded is in no archive, and nothing is reported of it', async () => {
  edit(it, (document) => document.setIn(['backup', 'exclude'], ['/sharenfs']))
  const corrected = await provision(it, ['--yes', '--only', 'borg'])
  assert.equal(corrected.code, 0, told(corrected))
  const made = await run()
  assert.equal(made.code, 0, told(made))
  assert.doesNotMatch(made.stdout, /not in it/)
})
