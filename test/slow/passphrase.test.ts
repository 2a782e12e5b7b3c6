import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadInventory } from '../../src/inventory/inventory.ts'
import type { Layer } from '../../src/rehearsal/image/image.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { publicLine } from '../../src/secrets/ed25519.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { command, isSettled, type Operator, type Outcome, operatorOf, provision, ready, stage, told } from '../support/harness.ts'

/** What opens the backups is never lost: on a small host, with a real repository at a storage box. */

const borg: Layer = { name: 'borg', packages: ['borgbackup'] }
const flags = ['--yes', '--only', 'access,borg']
let rehearsal: Rehearsal
let it: Operator

before(async () => {
  rehearsal = await stage('e2e-passphrase')
  it = await operatorOf(rehearsal, await rehearsal.addHost('host', [...ready(bare), borg]))
  await runs()
  await it.host.must(archive('first'))
})

after(() => rehearsal?.stop())

const archive = (name: string): Sh => sh`provision-backup borg create ${`::${name}`} /etc/hostname`
const archives = async () => (await it.host.must(sh`provision-backup borg list --short`)).trim().split('\n')
const store = async () => {
  const opened = await loadInventory(it.inventory, 'xoyize.xyz')
  await opened.store.open()
  return opened.store
}
const secret = async (name: string) => (await store()).value(name) ?? assert.fail(`there is no ${name}`)
const set = async (name: string, value: string) => (await store()).update((values) => new Map([...values, [name, value]]))

async function runs(): Promise<Outcome> {
  const run = await provision(it, flags)
  assert.equal(run.code, 0, told(run))
  return run
}
async function settled(): Promise<void> {
  const run = await provision(it, flags)
  assert.ok(isSettled(run), told(run))
}

/** Whether the repository opens with this passphrase, whatever the host uses. */
const opensWith = async (passphrase: string): Promise<boolean> =>
  (
    await it.host.run(sh`
umask 077
printf %s ${passphrase} > /run/tried
sed 's|^BORG_PASSCOMMAND=.*|BORG_PASSCOMMAND="cat /run/tried"|' /usr/local/sbin/provision-backup > /run/provision-backup
sh /run/provision-backup borg list`)
  ).code === 0

test('passphrase: a new one is given to the repository, every archive stays readable, and the one of before is kept', async () => {
  const old = await secret('backup/passphrase')
  const key = await secret('backup/repository-key')
  await set('backup/passphrase', 'a new one, it\'s "quoted" $x')
  const check = await provision(it, ['--check', '--only', 'borg'])
  assert.ok(
    check.events.some(({ event, id }) => event === 'change' && id?.startsWith('borg-repository:')),
    told(check),
  )
  await runs()
  assert.ok(await opensWith('a new one, it\'s "quoted" $x'))
  assert.ok(!(await opensWith(old)))
  assert.deepEqual(await archives(), ['first'])
  await settled()
  // Without the repository's key, and with a stale one without its passphrase, nobody reads it.
  assert.notEqual(await secret('backup/repository-key'), key)
  assert.deepEqual((await store()).previous('backup/repository-key'), [key])
  const shown = await command(it, ['secrets', 'show', 'backup/passphrase', '--previous'])
  assert.equal(shown.stdout, `${old}\n`, told(shown))
  assert.equal(await it.host.must(sh`cat /etc/provision/borg/passphrase.before`), old)
  assert.equal(await it.host.must(sh`cd /etc/provision/borg; stat -c %a * | sort -u`), '600\n644\n')
})

test('passphrase: one that the repository has been given elsewhere is taken as it is', async () => {
  await it.host.must(sh`BORG_NEW_PASSPHRASE=elsewhere provision-backup borg key change-passphrase`)
  await set('backup/passphrase', 'elsewhere')
  await runs()
  assert.deepEqual(await archives(), ['first'])
  await settled()
})

test('passphrase: while the storage cannot be reached nothing changes here, and the one of before goes on', async () => {
  const old = await secret('backup/passphrase')
  await rehearsal.internet.must(sh`systemctl stop rehearsal-storage.service`)
  await set('backup/passphrase', 'while it is away')
  try {
    const run = await provision(it, flags)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /could not be reached/)
    assert.equal(await it.host.must(sh`cat /etc/provision/borg/passphrase`), old)
  } finally {
    await rehearsal.internet.must(
      sh`systemctl start rehearsal-storage.service; until ss -Hltn sport = :23 | grep -q .; do :; done`,
    )
  }
  await it.host.must(archive('meanwhile'))
  await runs()
  assert.ok(await opensWith('while it is away'))
  assert.deepEqual(await archives(), ['first', 'meanwhile'])
  await settled()
})

test('passphrase: killed at any command of its change, the next run finishes it, and an archive is readable in between', async () => {
  const script = '/usr/local/sbin/provision-backup'
  // Before and after each that changes something, and while borg is at work.
  const deaths: readonly (readonly [where: string, edit: Sh])[] = [
    ['before borg changes it', sh`sed -i 's/^    borg_ key change-passphrase/    kill -9 $$ \$PPID; &/' ${script}`],
    [
      'after borg has changed it',
      sh`sed -i 's/^  borg_ info > .dev.null || fail .the repository does not.*/  kill -9 $$/' ${script}`,
    ],
    ['before the passphrase in use is replaced', sh`sed -i 's/^  prove passphrase/  kill -9 $$/' ${script}`],
    ['between the passphrase and the key', sh`sed -i 's/^  prove id_ed25519/  kill -9 $$/' ${script}`],
    ['while it is replaced', sh`sed -i 's/^  mv -T -- "$settings.$1.new".*/  kill -9 $$/' ${script}`],
  ]
  for (const [i, [where, edit]] of deaths.entries()) {
    await set('backup/passphrase', `the ${i}th`)
    // Its last step but one: what is declared is there, and nothing has been tried with it.
    const before = await provision(it, ['--yes', '--only', 'borg/configure-the-backup'])
    assert.equal(before.code, 0, told(before))
    await it.host.must(sh`cp -p ${script} /root/whole; ${edit}; ! cmp -s ${script} /root/whole`)
    const dead = await it.host.run(sh`${script} init`)
    assert.notEqual(dead.code, 0, where)
    await it.host.must(sh`mv /root/whole ${script}`)
    const open = [await opensWith(`the ${i}th`), await opensWith(i === 0 ? 'while it is away' : `the ${i - 1}th`)]
    assert.ok(open.includes(true), where)
    await runs()
    assert.ok(await opensWith(`the ${i}th`), where)
    await settled()
  }
  assert.deepEqual(await archives(), ['first', 'meanwhile'])
})

test('passphrase: one that nothing can be proved with changes nothing, and it is said where the one of before is', async () => {
  const old = await secret('backup/passphrase')
  await it.host.must(sh`printf wrong > /etc/provision/borg/passphrase`)
  await set('backup/passphrase', 'opens nothing')
  const run = await provision(it, flags)
  assert.equal(run.code, 1, told(run))
  assert.match(
    run.error,
    /neither the declared passphrase nor the one of before opens the repository[\s\S]*secrets show backup\/passphrase --previous/,
  )
  await set('backup/passphrase', old)
  await runs()
  assert.deepEqual(await archives(), ['first', 'meanwhile'])
  await settled()
})

test('key: one that the storage does not let in yet is not used, and the one of before goes on until it does', async () => {
  const { newKey } = await import('../../src/secrets/ed25519.ts')
  const [old, fresh] = [await secret('backup/key'), newKey()]
  await set('backup/key', fresh)
  const run = await provision(it, flags)
  assert.equal(run.code, 1, told(run))
  assert.match(run.error, /It does not take the key of this host/)
  await it.host.must(archive('with the key of before'))
  assert.equal(await it.host.must(sh`cat /etc/provision/borg/id_ed25519`), old)
  rehearsal.storage.admit(publicLine(fresh, 'host')!, { appendOnly: false })
  await runs()
  assert.equal(await it.host.must(sh`cat /etc/provision/borg/id_ed25519`), fresh)
  assert.ok((await archives()).includes('with the key of before'))
  await settled()
})

test('secrets: no value of before is in the file in clear', async () => {
  const text = readFileSync(join(it.inventory, 'xoyize.xyz.secrets.age'), 'utf8')
  assert.doesNotMatch(text, /previous|elsewhere/)
})
