import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heard, messages } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../../src/sh.ts'
import { told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { archives, backup, fails, topic } from './on.ts'

/** What may go wrong with a backup: each ends with a message, and nothing is lost. */
export function faultTests(it: () => Installed): void {
  test('fault: the storage cannot be reached: said, told with high priority, and the next backup is made', async () => {
    const { rehearsal } = it()
    const before = await archives(it())
    await rehearsal.internet.must(sh`systemctl stop rehearsal-storage.service`)
    try {
      assert.match(await fails(it(), 'now'), /create: no archive was made: [\s\S]*Connection refused[\s\S]*could not be reached/)
      const { priority, message } = await heard(
        rehearsal,
        topic(it()),
        ({ title }) => title === 'xoyize.xyz: provision-backup.service has failed',
      )
      assert.equal(priority, 4)
      assert.match(message, /Connection refused/)
    } finally {
      await rehearsal.internet.must(sh`systemctl start rehearsal-storage.service`)
    }
    assert.equal((await backup(it(), 'now')).code, 0)
    assert.notEqual((await archives(it())).at(-1), before.at(-1))
  })

  test('fault: another machine answers there: it gets nothing', async () => {
    const { rehearsal } = it()
    await rehearsal.internet.must(sh`
cd /etc/rehearsal
mv storage_ed25519 kept; mv storage_ed25519.pub kept.pub
ssh-keygen -q -t ed25519 -N '' -f storage_ed25519
systemctl restart rehearsal-storage.service`)
    try {
      assert.match(await fails(it(), 'now'), /Host key verification failed[\s\S]*not the one whose key is pinned/)
    } finally {
      await rehearsal.internet.must(
        sh`cd /etc/rehearsal; mv kept storage_ed25519; mv kept.pub storage_ed25519.pub; systemctl restart rehearsal-storage.service`,
      )
    }
  })

  test('fault: no room for the dumps: said before anything is written, and the earlier dumps stay', async () => {
    const { host } = it()
    const dumps = sh`sha256sum /var/lib/provision/backup/dump/maddy/*`
    const before = await host.must(dumps)
    await host.must(sh`mount -t tmpfs -o size=16m tmpfs /var/lib/provision/backup`)
    try {
      assert.match(
        await fails(it(), 'now'),
        /dump: the dumps of the databases need \d+ kB below \/var\/lib\/provision\/backup, and \d+ are free/,
      )
      // Room enough, but for no more files: what a disk that fills up in the middle does.
      await host.must(
        sh`umount /var/lib/provision/backup; mount -t tmpfs -o size=256m,nr_inodes=5 tmpfs /var/lib/provision/backup`,
      )
      assert.match(
        await fails(it(), 'now'),
        /dump: the dump of \/var\/lib\/maddy\/\S+\.db: .*unable to open|dump: .*No space left/,
      )
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
      const { host, rehearsal } = it()
      const told0 = (await messages(rehearsal, topic(it()))).length
      // Once the program has begun, it and the script that started it are killed as the kernel kills.
      await host.must(sh`cat > /usr/local/sbin/${program} <<END
#!/bin/sh
case " \$* " in *${` ${verb} `.replaceAll('  ', ' ')}*) ;; *) exec /usr/bin/${program} "\$@" ;; esac
/usr/bin/${program} "\$@" &
# It may have ended already: sh takes its child away at the next that it waits for.
until [ -n "\$(ls /proc/\$!/fd 2>/dev/null)" ] || ! grep -q 'State:.[^Z]' /proc/\$!/status; do :; done
kill -9 \$!
kill -9 \$PPID
END
chmod 755 /usr/local/sbin/${program}`)
      try {
        await fails(it(), 'now')
        await heard(rehearsal, topic(it()), () => true)
      } finally {
        await host.must(sh`rm /usr/local/sbin/${program}`)
      }
      const failed = (await messages(rehearsal, topic(it()))).slice(told0).filter(({ title }) => / has failed$/.test(title))
      assert.equal(failed.length, 1)
      const before = await archives(it())
      const run = await backup(it(), 'now')
      assert.equal(run.code, 0, told(run))
      assert.notEqual((await archives(it())).at(-1), before.at(-1))
    })
  }

  test('fault: a wrong passphrase is told as that', async () => {
    const { host } = it()
    await host.must(sh`cd /etc/provision/borg; cp -p passphrase /root/passphrase; printf wrong > passphrase`)
    try {
      assert.match(await fails(it(), 'now'), /is incorrect[\s\S]*The passphrase in the secrets is not the one of this repository/)
    } finally {
      await host.must(sh`mv /root/passphrase /etc/provision/borg/passphrase`)
    }
  })

  test('fault: a lock that a dead run left is told, and removed by “backup unlock”', async () => {
    const { host, rehearsal } = it()
    await host.must(sh`sed -i 's/--lock-wait 60/--lock-wait 1/' /usr/local/sbin/provision-backup`)
    await rehearsal.internet.must(
      sh`runuser -u box -- sh -c 'cd /srv/storage/backup/borg/*/ && mkdir lock.exclusive && touch lock.exclusive/elsewhere@1.4242-0'`,
    )
    try {
      assert.match(await fails(it(), 'now'), /acquire the lock[\s\S]*backup unlock/)
    } finally {
      assert.equal((await backup(it(), 'unlock')).code, 0)
    }
    assert.equal((await backup(it(), 'now')).code, 0)
    await it().correct('--overwrite')
  })

  test('fault: a storage that keeps the line and says no more is given up, told, and the next backup is made', async () => {
    const { host, rehearsal } = it()
    await host.must(sh`sed -i 's/^patience=.*/patience=3/' /usr/local/sbin/provision-backup`)
    const silent = rehearsal.internet.must(sh`until pkill -STOP -u box -f 'borg serve'; do :; done`)
    try {
      assert.match(await fails(it(), 'now'), /create: [\s\S]*nothing has moved for 3 s[\s\S]*the next run tries again/)
      await silent
      await heard(rehearsal, topic(it()), ({ message }) => /nothing has moved/.test(message))
    } finally {
      await rehearsal.internet.must(sh`pkill -KILL -u box -f 'borg serve' || :`)
    }
    await it().correct('--overwrite')
    assert.equal((await backup(it(), 'now')).code, 0)
  })

  test('fault: a damaged segment is found by the check, and told, however much the storage has to say of it', async () => {
    const { rehearsal } = it()
    assert.equal((await backup(it(), 'check')).code, 0)
    const damage = sh`cd /srv/storage/backup/borg/*/data/0; f=$(ls -S | head -n 1); cp -p "$f" /root/segment; printf %s "$f" > /root/name
printf 'rotten' | dd of="$f" bs=1 seek=$(( $(stat -c %s "$f") / 2 )) conv=notrunc 2>/dev/null`
    await rehearsal.internet.must(damage)
    try {
      // borg reads no more once it has its answer: the closing line of the storage may be lacking, what is damaged may not.
      assert.match(
        await fails(it(), 'check'),
        /check: the repository is damaged[\s\S]*Data integrity error: [^\n]*segment \d+[\s\S]*Nothing was repaired/,
      )
      await heard(rehearsal, topic(it()), ({ title }) => title === 'xoyize.xyz: provision-backup-check.service has failed')
    } finally {
      await rehearsal.internet.must(sh`cd /srv/storage/backup/borg/*/data/0; cp -p /root/segment "$(cat /root/name)"`)
    }
    assert.equal((await backup(it(), 'check')).code, 0)
  })

  test('backup: nothing to do afterwards', () => it().settled())
}
