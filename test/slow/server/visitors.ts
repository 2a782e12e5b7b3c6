import assert from 'node:assert/strict'
import { heard, messages } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../../src/sh.ts'
import { edit } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

const topic = 'yan_infos'
const count = async ({ rehearsal }: Installed) => (await messages(rehearsal, topic)).length

/** Changes the `watch` of the inventory, and runs. */
async function watching(it: Installed, watch: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  edit(it.operator, (document) => document.set('watch', document.createNode(watch)))
  const ids = await it.correct()
  await it.settled()
  return ids
}

/** Who came in, and who was kept out: told where the inventory says so. */
export function visitorTests(server: Server): void {
  on(
    server,
    'visitors: a login from a network that is not declared is told, once, and not one from a declared one',
    async (it) => {
      const look = sh`journalctl --sync; systemctl start provision-logins.service`
      const ids = await watching(it, { logins_from: [], bans: 'daily' })
      for (const id of [
        'file:/usr/local/sbin/provision-visitors',
        'service:provision-logins.timer',
        'service:provision-bans.timer',
      ])
        assert.ok(ids.includes(id), ids.join('\n'))
      // It may have told already, a minute after it began.
      await it.host.must(
        sh`systemctl stop provision-logins.timer; rm -f /run/provision/watch/logins-* /var/lib/provision/watch/logins-*`,
      )
      await it.host.must(look)
      const before = await count(it)
      await it.correct()
      await it.host.must(look)
      const network = `${it.rehearsal.addresses.operator.v4.replace(/\.\d+$/, '.0')}/24`
      const { priority } = await heard(
        it.rehearsal,
        topic,
        ({ title }) => title === `xoyize.xyz: xouser has logged in from ${network}`,
      )
      assert.deepEqual([priority, await count(it)], [4, before + 1])
      await it.correct()
      await it.host.must(look)
      assert.equal(await count(it), before + 1)
      await watching(it, { logins_from: [network], bans: 'daily' })
      await it.host.must(sh`rm /run/provision/watch/logins-told /var/lib/provision/watch/logins-told`)
      await it.settled()
      await it.host.must(look)
      assert.equal(await count(it), before + 1)
    },
  )

  on(server, 'visitors: bans are counted, by jail and by network, and none are no news', async (it) => {
    const look = sh`systemctl start provision-bans.service`
    await it.host.must(look)
    const before = await count(it)
    await it.host.must(look)
    assert.equal(await count(it), before)
    await it.host.must(sh`sleep 1.1
fail2ban-client set sshd banip 192.0.2.1 192.0.2.200
fail2ban-client set maddy-auth banip 2001:db8:2:3::4
until [ "$(sqlite3 -readonly /var/lib/fail2ban/fail2ban.sqlite3 "SELECT count(*) FROM bans WHERE ip LIKE '192.0.2.%' OR ip LIKE '2001:%'")" -eq 3 ]; do sleep 0.2; done
sleep 1.1`)
    await it.host.must(look)
    const { message, priority } = await heard(it.rehearsal, topic, ({ title }) => title.startsWith('xoyize.xyz: 3 bans since '))
    assert.deepEqual(
      [priority, message],
      [2, 'by jail: sshd (2), maddy-auth (1)\nmost from: 192.0.2.0/24 (2), 2001:db8:2::/48 (1)'],
    )
    await it.host.must(sh`fail2ban-client unban 192.0.2.1 192.0.2.200 2001:db8:2:3::4`)
    // A restart brings bans back, and those are not new ones.
    await it.host.must(sh`systemctl restart fail2ban.service`)
    await it.host.must(look)
    assert.equal(await count(it), before + 1)
  })

  on(server, 'visitors: what is not declared any more is off', async (it) => {
    const ids = await watching(it, {})
    for (const id of ['service:provision-logins.timer', 'service:provision-bans.timer'])
      assert.ok(ids.includes(id), ids.join('\n'))
  })
}
