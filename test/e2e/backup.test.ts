import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { loadInventory } from '../../src/inventory.ts'
import { heard, messages } from '../../src/rehearsal/prove-ntfy.ts'
import { sh } from '../../src/sh.ts'
import { command, type Outcome, ours, told } from './harness.ts'
import { type Installed, install } from './install.ts'

let installed: Installed
before(async () => {
  installed = await install(process.env.PROVISION_TEST_KEEP || (await ours('e2e-backup')))
})
after(() => installed?.stop())

const topic = () => installed.inventory.server.ntfy!.topic

test('ntfy: what the host tells its operator is heard, with its priority', async () => {
  await installed.host.must(sh`provision-notify -p high 'first words' 'of the test'`)
  const { priority, message } = await heard(installed.rehearsal, topic(), ({ title }) => title === 'xoyize.xyz: first words')
  assert.deepEqual([priority, message], [4, 'of the test'])
})

test('ntfy: a token that is not taken is no reason to stay silent: it goes by mail, with why', async () => {
  const { host, rehearsal } = installed
  const before = (await messages(rehearsal, topic())).length
  await host.must(sh`cp -p /etc/provision/ntfy.curl /root/kept; sed -i 's/tk_/tk_x/' /etc/provision/ntfy.curl`)
  await host.must(sh`provision-notify 'by another way' 'all the same'; mv /root/kept /etc/provision/ntfy.curl`)
  assert.equal((await messages(rehearsal, topic())).length, before)
  await host.must(sh`journalctl -q -u maddy.service --since -1min | grep -q 'postmaster@xoyize.xyz'`)
})

test('ntfy: a renewal that fails is told, with what it said', async () => {
  const { host, rehearsal } = installed
  await host.must(sh`
sed 's#^ExecStart=.*#ExecStart=sh -c "echo the CA said no; exit 1"#' /etc/systemd/system/provision-certificates.service > /run/systemd/system/sabotage.service
systemctl daemon-reload
! systemctl start sabotage.service
rm /run/systemd/system/sabotage.service
systemctl daemon-reload`)
  const { priority, message } = await heard(
    rehearsal,
    topic(),
    ({ title }) => title === 'xoyize.xyz: sabotage.service has failed',
  )
  assert.equal(priority, 4)
  assert.match(message, /the CA said no/)
})

test('ntfy: nothing to do afterwards', () => installed.settled())

const archives = async (): Promise<readonly string[]> => {
  const run = await backup('list')
  assert.equal(run.code, 0, told(run))
  return [...run.stdout.matchAll(/^(\d{4}-\S+) /gm)].map(([, one]) => one!)
}
const backup = (...args: readonly string[]): Promise<Outcome> => command(installed.operator, ['backup', ...args])

/** A backup that has to fail: what it said, and that everything there is as it was. */
async function fails(...args: readonly string[]): Promise<string> {
  const run = await backup(...args)
  assert.equal(run.code, 1, told(run))
  return run.stderr
}

test('backup: one is made and listed, and its success is told with low priority', async () => {
  const run = await backup('now')
  assert.equal(run.code, 0, told(run))
  assert.match(run.stdout, /^\d{4}-\d\d-\d\d-\d\dh\d\d: \d+ files, .+ of files, .+ new in the repository, in \d+ s\n/)
  const { priority, message } = await heard(installed.rehearsal, topic(), ({ title }) => title === 'xoyize.xyz: backup done')
  assert.equal(priority, 2)
  assert.match(message, /\d+ files, .* in \d+ s/)
  assert.ok((await archives()).length > 0)
})

test('backup: the databases are in it as dumps that are whole, the messages and keys as files, and no live database', async () => {
  const { host } = installed
  const archive = (await archives()).at(-1)!
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
  const { host, inventory } = installed
  const { store } = await loadInventory(inventory.dir, inventory.name)
  await store.open()
  assert.match(store.value('backup/repository-key') ?? '', /^BORG_KEY /)
  const modes = await host.must(sh`cd /etc/provision/borg; stat -c '%a %n' . passphrase id_ed25519`)
  assert.equal(modes, '700 .\n600 passphrase\n600 id_ed25519\n')
  const run = await backup('key')
  assert.equal(
    run.stdout.split(' ').slice(0, 2).join(' '),
    (await host.must(sh`ssh-keygen -y -f /etc/provision/borg/id_ed25519`)).trim().split(' ').slice(0, 2).join(' '),
  )
})

test('fault: the storage cannot be reached: said, told with high priority, and the next backup is made', async () => {
  const { rehearsal } = installed
  const before = await archives()
  await rehearsal.internet.must(sh`systemctl stop rehearsal-storage.service`)
  try {
    assert.match(await fails('now'), /create: no archive was made: [\s\S]*Connection refused[\s\S]*could not be reached/)
    const { priority, message } = await heard(
      rehearsal,
      topic(),
      ({ title }) => title === 'xoyize.xyz: provision-backup.service has failed',
    )
    assert.equal(priority, 4)
    assert.match(message, /Connection refused/)
  } finally {
    await rehearsal.internet.must(sh`systemctl start rehearsal-storage.service`)
  }
  assert.equal((await backup('now')).code, 0)
  assert.notEqual((await archives()).at(-1), before.at(-1))
})

test('fault: another machine answers there: it gets nothing', async () => {
  const { rehearsal } = installed
  await rehearsal.internet.must(sh`
cd /etc/rehearsal
mv storage_ed25519 kept; mv storage_ed25519.pub kept.pub
ssh-keygen -q -t ed25519 -N '' -f storage_ed25519
systemctl restart rehearsal-storage.service`)
  try {
    assert.match(await fails('now'), /Host key verification failed[\s\S]*not the one whose key is pinned/)
  } finally {
    await rehearsal.internet.must(
      sh`cd /etc/rehearsal; mv kept storage_ed25519; mv kept.pub storage_ed25519.pub; systemctl restart rehearsal-storage.service`,
    )
  }
})

test('fault: no room for the dumps: said before anything is written, and the earlier dumps stay', async () => {
  const { host } = installed
  const dumps = sh`sha256sum /var/lib/provision/backup/dump/maddy/*`
  const before = await host.must(dumps)
  await host.must(sh`mount -t tmpfs -o size=16m tmpfs /var/lib/provision/backup`)
  try {
    assert.match(
      await fails('now'),
      /dump: the dumps of the databases need \d+ kB below \/var\/lib\/provision\/backup, and \d+ are free/,
    )
    // Room enough, but for no more files: what a disk that fills up in the middle does.
    await host.must(sh`umount /var/lib/provision/backup; mount -t tmpfs -o size=64m,nr_inodes=5 tmpfs /var/lib/provision/backup`)
    assert.match(await fails('now'), /dump: the dump of \/var\/lib\/maddy\/\S+\.db: .*unable to open|dump: .*No space left/)
    assert.equal((await host.must(sh`ls /var/lib/provision/backup`)).trim(), '')
  } finally {
    await host.must(sh`umount /var/lib/provision/backup`)
  }
  assert.equal(await host.must(dumps), before)
})

for (const [phase, program, verb] of [
  ['dump', 'sqlite3', ''],
  ['create', 'borg', 'create'],
  ['prune', 'borg', 'prune'],
  ['compact', 'borg', 'compact'],
] as const) {
  test(`fault: killed in the phase ${phase}: told, and the next backup is whole`, async () => {
    const { host, rehearsal } = installed
    const told0 = (await messages(rehearsal, topic())).length
    // Once the program has begun, it and the script that started it are killed as the kernel kills.
    await host.must(sh`cat > /usr/local/sbin/${program} <<END
#!/bin/sh
case " \$* " in *${` ${verb} `.replaceAll('  ', ' ')}*) ;; *) exec /usr/bin/${program} "\$@" ;; esac
/usr/bin/${program} "\$@" &
until [ -n "\$(ls /proc/\$!/fd 2>/dev/null)" ]; do :; done
kill -9 \$!
kill -9 \$PPID
END
chmod 755 /usr/local/sbin/${program}`)
    try {
      await fails('now')
      await heard(rehearsal, topic(), () => true)
    } finally {
      await host.must(sh`rm /usr/local/sbin/${program}`)
    }
    const failed = (await messages(rehearsal, topic())).slice(told0).filter(({ title }) => / has failed$/.test(title))
    assert.equal(failed.length, 1)
    const before = await archives()
    const run = await backup('now')
    assert.equal(run.code, 0, told(run))
    assert.notEqual((await archives()).at(-1), before.at(-1))
  })
}

test('fault: a wrong passphrase is told as that', async () => {
  const { host } = installed
  await host.must(sh`cd /etc/provision/borg; cp -p passphrase /root/passphrase; printf wrong > passphrase`)
  try {
    assert.match(await fails('now'), /is incorrect[\s\S]*The passphrase in the secrets is not the one of this repository/)
  } finally {
    await host.must(sh`mv /root/passphrase /etc/provision/borg/passphrase`)
  }
})

test('fault: a lock that a dead run left is told, and removed by “backup unlock”', async () => {
  const { host, rehearsal } = installed
  await host.must(sh`sed -i 's/--lock-wait 60/--lock-wait 1/' /usr/local/sbin/provision-backup`)
  await rehearsal.internet.must(
    sh`runuser -u box -- sh -c 'cd /srv/storage/backup/borg/*/ && mkdir lock.exclusive && touch lock.exclusive/elsewhere@1.4242-0'`,
  )
  assert.match(await fails('now'), /acquire the lock[\s\S]*backup unlock/)
  assert.equal((await backup('unlock')).code, 0)
  assert.equal((await backup('now')).code, 0)
  await installed.correct('--overwrite')
})

test('fault: a damaged segment is found by the check, and told', async () => {
  const { rehearsal } = installed
  assert.equal((await backup('check')).code, 0)
  const damage = sh`cd /srv/storage/backup/borg/*/data/0; f=$(ls -S | head -n 1); cp -p "$f" /root/segment; printf %s "$f" > /root/name
printf 'rotten' | dd of="$f" bs=1 seek=$(( $(stat -c %s "$f") / 2 )) conv=notrunc 2>/dev/null`
  await rehearsal.internet.must(damage)
  try {
    assert.match(await fails('check'), /check: the repository is damaged[\s\S]*errors found[\s\S]*Nothing was repaired/)
    await heard(rehearsal, topic(), ({ title }) => title === 'xoyize.xyz: provision-backup-check.service has failed')
  } finally {
    await rehearsal.internet.must(sh`cd /srv/storage/backup/borg/*/data/0; cp -p /root/segment "$(cat /root/name)"`)
  }
  assert.equal((await backup('check')).code, 0)
})

test('backup: nothing to do afterwards', () => installed.settled())
