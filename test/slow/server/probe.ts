import assert from 'node:assert/strict'
import { heard, messages } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { type Sh, sh } from '../../../src/sh.ts'
import type { Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

/** What is broken on the host, how it is mended, and what is reported. */
interface Fault {
  readonly title: string
  readonly plant: Sh
  readonly mend: Sh
  /** The title or text of the message that comes. */
  readonly says: RegExp
  /** Whether the probe restarts maddy, and whether that helps. */
  readonly restarts: 'and it helps' | 'and it does not help' | 'never'
}

const dropIn = '/run/systemd/system/maddy.service.d/zz-broken.conf'

const faults: readonly Fault[] = [
  {
    title: 'a maddy that hangs',
    plant: sh`kill -STOP "$(systemctl show -P MainPID maddy)"`,
    mend: sh`:`,
    says: /mail was stuck, and works again: maddy was restarted/,
    restarts: 'and it helps',
  },
  {
    title: 'a maddy that dies at each start',
    plant: sh`mkdir -p "$(dirname ${dropIn})"; printf '[Service]\nExecStart=\nExecStart=/bin/false\n' > ${dropIn}; systemctl daemon-reload; systemctl restart --no-block maddy; until [ "$(systemctl show -P SubState maddy)" = auto-restart ]; do sleep 0.2; done`,
    mend: sh`rm ${dropIn}; systemctl daemon-reload; systemctl restart maddy`,
    says: /nobody can read mail over 993: .*maddy\.service dies at each start/,
    restarts: 'never',
  },
  {
    title: 'a database that somebody else has locked',
    plant: sh`systemd-run -q --unit=locker sh -c "{ echo 'PRAGMA busy_timeout=10000; BEGIN IMMEDIATE; UPDATE users SET id = id;'; sleep infinity; } | sqlite3 /var/lib/maddy/imapsql.db"
until ! sqlite3 -cmd '.timeout 100' /var/lib/maddy/imapsql.db 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null; do sleep 0.2; done`,
    mend: sh`systemctl stop locker`,
    says: /nobody can read mail over 993: database is locked.*\(sqlite3, process \d+, holds its database\)/,
    restarts: 'never',
  },
  {
    title: 'a port that does not answer',
    plant: sh`nft add table inet broken; nft add chain inet broken in '{ type filter hook input priority -20; }'; nft add rule inet broken in tcp dport 587 drop`,
    mend: sh`nft delete table inet broken`,
    says: /587 does not answer as it should: /,
    restarts: 'and it does not help',
  },
  {
    title: 'a Caddy that is stopped',
    plant: sh`systemctl stop caddy`,
    mend: sh`systemctl start caddy`,
    says: /https:\/\/\S+ does not answer: /,
    restarts: 'never',
  },
]

/** The probe as its timer starts it, with nothing waiting for its minute; the timer is off while these tests run. */
const look = (it: Installed, pause = 1): Promise<string> =>
  it.host.must(sh`PROVISION_PROBE_PAUSE=${pause} PROVISION_PROBE_LIMIT=8 provision-probe`)
const restartsOf = async (it: Installed): Promise<string> =>
  (await it.host.must(sh`cat /run/provision/watch/probe.restarts 2>/dev/null || :`)).trim()
const works = async (it: Installed): Promise<boolean> =>
  (
    await it.host.run(
      sh`[ "$(sed -n 's/^works //p' /run/provision/watch/probe)" = "$(sed -n 's/^at //p' /run/provision/watch/probe)" ]`,
    )
  ).code === 0

/** Mail and web, as the host itself sees them each minute. */
export function probeTests(server: Server): void {
  for (const fault of faults)
    on(server, `probe: ${fault.title} is reported once when it comes and once when it is over`, async (it) => {
      const topic = it.inventory.server.ntfy!.topic
      await it.host.must(sh`systemctl stop provision-probe.timer; systemctl stop provision-probe.service
rm -rf /run/provision/watch/probe* /var/lib/provision/watch/probe-told`)
      try {
        await look(it)
        assert.equal(await works(it), true)
        const before = (await messages(it.rehearsal, topic)).length
        await it.host.must(fault.plant)
        // A site is given five minutes.
        const looks = /https/.test(fault.says.source) ? 5 : 1
        for (let i = 0; i < looks; i++) await look(it)
        const news = async () => (await messages(it.rehearsal, topic)).slice(before)
        await heard(it.rehearsal, topic, ({ title, message }) => fault.says.test(`${title}\n${message}`))
        assert.equal((await news()).length, 1, JSON.stringify(await news()))
        assert.equal((await restartsOf(it)) !== '', fault.restarts !== 'never')
        if (fault.restarts !== 'and it helps') {
          if (!/https/.test(fault.says.source)) assert.equal(await works(it), false, 'the heartbeat would be sent')
          await look(it)
          assert.equal((await news()).length, 1, 'it is reported once')
          const once = await restartsOf(it)
          assert.ok(once.split('\n').length <= 1, 'no second restart within minutes')
          await it.host.must(fault.mend)
          await look(it)
          const over = (await news()).slice(1)
          assert.equal(over.length, 1, JSON.stringify(over))
          assert.match(over[0]!.title, /all that was reported is over/)
        }
        assert.equal(await works(it), true)
      } finally {
        await it.host.run(fault.mend)
        await it.host.must(sh`systemctl start provision-probe.timer`)
      }
    })

  on(server, 'probe: while a run is in progress nothing is restarted and nothing reported; afterwards it is', async (it) => {
    const topic = it.inventory.server.ntfy!.topic
    await it.host.must(sh`systemctl stop provision-probe.timer provision-probe.service
rm -rf /run/provision/watch/probe* /var/lib/provision/watch/probe-told
systemd-run -q --unit=holder flock /run/provision/work sleep infinity
until ! flock -n /run/provision/work true; do sleep 0.1; done
kill -STOP "$(systemctl show -P MainPID maddy)"`)
    try {
      const before = (await messages(it.rehearsal, topic)).length
      await look(it)
      assert.equal((await messages(it.rehearsal, topic)).length, before)
      assert.equal(await restartsOf(it), '')
      await it.host.must(sh`systemctl stop holder`)
      await look(it)
      assert.match((await messages(it.rehearsal, topic)).at(-1)!.title, /maddy was restarted/)
    } finally {
      await it.host.run(sh`systemctl stop holder; systemctl restart maddy; systemctl start provision-probe.timer`)
    }
  })

  on(server, 'probe: it leaves no mail, is no stranger to a run, and its lines in the journal are few', async (it) => {
    const held = sh`exec 9> /run/provision/probe.lock; flock 9
sqlite3 -readonly /var/lib/maddy/imapsql.db "SELECT count(*) FROM msgs JOIN mboxes ON mboxes.id = mboxId JOIN users ON users.id = uid WHERE username LIKE 'provision-probe%'"`
    const since = (await it.host.must(sh`sleep 1; date '+%F %T'`)).trim()
    await look(it)
    assert.equal(await it.host.must(held), '0\n')
    const lines = await it.host.must(
      sh`journalctl --sync; journalctl -q -o cat --since ${since} -u maddy -u caddy -u provision-probe | wc -l`,
    )
    assert.ok(Number(lines) <= 20, `${lines} lines in a look or two`)
    await it.settled()
  })
}
