import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { provider } from '../../../src/rehearsal/image/images.ts'
import { until } from '../../../src/rehearsal/local.ts'
import type { Machine } from '../../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../../src/rehearsal/open.ts'
import { arrived, fromPeer, submit, withMailbox } from '../../../src/rehearsal/proof/mail.ts'
import { sh } from '../../../src/sh.ts'
import { begin, command, edit, isSettled, type Operator, provision, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { databasesOn } from './databases.ts'
import { declaredOn } from './declared.ts'
import { backup } from './on.ts'

/** The machine burns, and the same server with the same mail is back in one command. */
export function restoreTests(it: () => Installed): void {
  let fresh: Operator
  let before: Server
  let there: Rehearsal

  test('restore: on a host that has mail already it is refused, before anything is changed', async () => {
    const run = await command(it().operator, ['restore', '--yes'])
    assert.equal(run.code, 1, told(run))
    assert.match(run.stderr, /there is mail on this host: it is no fresh one, and nothing was changed/)
  })

  test('restore: the server with mail of all domains is backed up and destroyed, and one command makes it anew elsewhere', async () => {
    const { rehearsal, host, inventory, operator } = it()
    const accounts = mailboxes(it())
    for (const one of accounts) {
      await arrived(rehearsal, inventory.server, one, await submit(rehearsal, inventory.server, one, { to: one.address }))
      await arrived(rehearsal, inventory.server, one, await fromPeer(rehearsal, one.address))
    }
    await host.must(sh`
echo 'a page of ours' > /var/caddy/www/cinay.eu/index.html
runuser -u xouser -- sh -c 'echo notes > /home/xouser/notes'`)
    const run = await backup(it(), 'now')
    assert.equal(run.code, 0, told(run))
    before = await serverOn(rehearsal, host, it())
    assert.ok(before.messages.length >= 2 * accounts.length)
    await host.kill()

    const machine = await rehearsal.addHost('fresh', provider)
    fresh = operatorOn(operator, machine)
    there = { ...rehearsal, host: machine, caBundle: rehearsal.caBundle }
    // The first attempt dies while it gets the archive, and the second finds what a death in the next phase would have left.
    const dying = begin(fresh, ['--text', 'restore', '--yes'])
    await until({ where: 'restore', what: 'the fetching', limit: 300_000, evidence: dying.said }, () =>
      dying.said().includes('out of the repository') ? true : undefined,
    )
    dying.kill('SIGKILL')
    await dying.ended
    await machine.must(sh`mkdir -p /var/lib/maddy; : > /var/lib/maddy/imapsql.db`)
    const restored = await command(fresh, ['restore', '--yes'])
    assert.equal(restored.code, 0, told(restored))
    assert.match(restored.stdout, new RegExp(`^ouestline\\.xyz\\. .* A ${machine.address.replaceAll('.', '[.]')}$`, 'm'))
    assert.match(restored.stdout, new RegExp(`PTR of ${machine.address} and of .*: mx1\\.xoyize\\.xyz\\.`))
  })

  test('restore: every message, DKIM key, certificate, ACME account, ssh host key, site, export, row of a database and ban is the same, and what rspamd has learned', async () => {
    const after = await serverOn(there, there.host, it())
    assert.deepEqual(after, before)
  })

  test('restore: afterwards there is nothing to do, over its old host keys, and it is backed up as before', async () => {
    const run = await provision(fresh, ['--yes'])
    assert.ok(isSettled(run), told(run))
    const made = await command(fresh, ['backup', 'now'])
    assert.equal(made.code, 0, told(made))
  })

  test('restore: mail that was deleted comes back with --only mail, and what came since is kept aside', async () => {
    const [one] = mailboxes(it())
    const { server } = it().inventory
    await withMailbox(there, server, one!, async (client) => {
      await client.mailboxOpen('INBOX')
      await client.messageDelete('1:*')
    })
    const gone = await serverOn(there, there.host, it())
    assert.ok(gone.messages.length < before.messages.length)
    const run = await command(fresh, ['restore', '--only', 'mail', '--yes'])
    assert.equal(run.code, 0, told(run))
    assert.deepEqual((await serverOn(there, there.host, it())).messages, before.messages)
    const kept = await there.host.must(sh`ls /var/lib/provision/kept | grep ^mail-`)
    assert.ok((await there.host.must(sh`ls /var/lib/provision/kept/${kept.trim()}/maddy`)).includes('imapsql.db'))
    const again = await provision(fresh, ['--yes'])
    assert.ok(isSettled(again), told(again))
  })

  test('restore: the hosts change places again', async () => {
    await it().rehearsal.removeHost('fresh')
    await it().host.start()
  })
}

/** What has to be the same afterwards. */
interface Server {
  readonly accounts: readonly string[]
  /** Address, folder, and the digest of the whole message. */
  readonly messages: readonly string[]
  readonly files: readonly string[]
  readonly databases: string
  readonly declared: string
}

async function serverOn(rehearsal: Rehearsal, host: Machine, on: Installed): Promise<Server> {
  const messages: string[] = []
  for (const one of mailboxes(on))
    await withMailbox({ ...rehearsal, host, caBundle: rehearsal.caBundle }, on.inventory.server, one, async (client) => {
      for (const { path } of await client.list()) {
        if ((await client.mailboxOpen(path, { readOnly: true })).exists === 0) continue
        for await (const { source, uid } of client.fetch('1:*', { source: true, uid: true }))
          messages.push(`${one.address} ${path} ${uid} ${createHash('sha256').update(source!).digest('hex')}`)
      }
    })
  const lines = async (text: Promise<string>) => (await text).trim().split('\n').toSorted()
  return {
    accounts: await lines(host.must(sh`sqlite3 -readonly /var/lib/maddy/credentials.db 'SELECT key, value FROM passwords'`)),
    messages: messages.toSorted(),
    databases: await databasesOn(host),
    declared: await declaredOn(host),
    files: await lines(
      host.must(sh`cd /
find var/lib/maddy/dkim_keys var/lib/acme var/lib/certificates var/caddy/www var/lib/caddy/caddy/acme var/lib/caddy/caddy/certificates \
  home/xouser/notes etc/ssh/ssh_host_*_key -type f -exec sha256sum {} + 2>/dev/null
find var/lib/maddy/dkim_keys var/lib/certificates -printf '%M %u:%g %p\n'`),
    ),
  }
}

/** Who has a mailbox, with its password. */
export const mailboxes = ({ inventory, secret }: Installed) =>
  inventory.server.domains.flatMap(({ accounts }) =>
    accounts.map(({ address, password: { name } }) => ({ address, password: secret(name) })),
  )

/** The same operator, with the inventory of the burnt host, its address changed to that of the fresh one. */
function operatorOn({ home, inventory }: Operator, host: Machine): Operator {
  const other = `${home}-fresh`
  rmSync(other, { recursive: true, force: true })
  cpSync(home, other, { recursive: true })
  const operator = { host, home: other, inventory: inventory.replace(home, other) }
  edit(operator, (document) => {
    document.setIn(['address'], host.address)
    document.setIn(['address6'], host.address6)
  })
  const dir = join(host.root, 'etc', 'ssh')
  const keys = readdirSync(dir).filter((file) => /^ssh_host_\w+_key\.pub$/.test(file))
  const lines = keys.map(
    (file) => `${host.address} ${readFileSync(join(dir, file), 'utf8').split(' ').slice(0, 2).join(' ').trim()}\n`,
  )
  writeFileSync(join(operator.inventory, 'known_hosts'), lines.join(''))
  return operator
}
