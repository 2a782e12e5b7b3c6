import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { arrived, submit } from '../../../src/rehearsal/proof/mail.ts'
import { heard } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { listRehearsals } from '../../../src/rehearsal/rehearsal.ts'
import { sh } from '../../../src/sh.ts'
import { command, type Operator, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { backup, topic } from './on.ts'
import { mailboxes } from './restore.ts'

/** Where rehearsals are here: below a home in a rehearsal, the names of sockets would be too long. */
const state = { XDG_STATE_HOME: process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state') }

/** A drill makes a whole host, and compares it. */
const atLength = ({ operator }: Installed): Operator => ({ ...operator, limit: 900_000 })

/** Last night's archive on a disposable host, compared with what it holds. */
export function drillTests(it: () => Installed): void {
  test('drill: the archive is restored on a disposable host, all of it comes back, and the host goes', async () => {
    for (const one of mailboxes(it()).slice(0, 2))
      await arrived(
        it().rehearsal,
        it().inventory.server,
        one,
        await submit(it().rehearsal, it().inventory.server, one, { to: one.address }),
      )
    assert.equal((await backup(it(), 'now')).code, 0)
    const run = await command(atLength(it()), ['restore', '--drill', '--notify'], state)
    assert.equal(run.code, 0, told(run))
    assert.match(run.stdout, /^✓ [1-9]\d* messages$/m)
    assert.match(run.stdout, /^✓ 9 accounts, with their passwords$/m)
    assert.match(run.stdout, /^✓ \d+ DKIM keys$/m)
    assert.match(run.stdout, /^✓ [1-9]\d* messages read over IMAP by 7 accounts$/m)
    assert.match(run.stdout, /^✓ database my_blog of MariaDB$/m)
    assert.match(run.stdout, /^✓ database of nobody’s of MariaDB$/m)
    assert.match(run.stdout, /^✓ 2 files of a declared folder, \/data\/www\/ouestline$/m)
    assert.match(run.stdout, /^✓ 1 files of a declared folder, \/sharenfs\/xoyize$/m)
    assert.match(run.stdout, /^✓ [1-9]\d* bans$/m)
    assert.match(run.stdout, /^✓ 1 mails that rspamd has learned$/m)
    assert.match(run.stdout, /^the drill of \S+: all of it came back/m)
    const { priority } = await heard(it().rehearsal, topic(it()), ({ title }) => title === 'xoyize.xyz: restore drill passed')
    assert.equal(priority, 2)
    assert.ok(!listRehearsals().some((name) => name.startsWith('drill-')))
  })

  test('drill: an archive whose messages are not those of its databases is found out', async () => {
    // A message file goes before its backup: its database still names it, as after the wrong order.
    const { rehearsal, inventory } = it()
    const [account] = inventory.server.domains[0]!.accounts
    const mailbox = { address: account!.address, password: it().secret(account!.password.name) }
    await arrived(
      rehearsal,
      inventory.server,
      mailbox,
      await submit(rehearsal, inventory.server, mailbox, { to: mailbox.address }),
    )
    await it().host.must(sh`
mkdir /root/aside
key=$(sqlite3 -readonly /var/lib/maddy/imapsql.db 'SELECT extBodyKey FROM msgs ORDER BY mboxId DESC, msgId DESC LIMIT 1')
mv "/var/lib/maddy/messages/$key" /root/aside/`)
    assert.equal((await backup(it(), 'now')).code, 0)
    const run = await command(atLength(it()), ['restore', '--drill'], state)
    await it().host.must(sh`mv /root/aside/* /var/lib/maddy/messages/`)
    assert.equal(run.code, 2, told(run))
    assert.match(run.stdout, /^✗ \d+ messages of the database have their files: 1 have none/m)
  })
}
