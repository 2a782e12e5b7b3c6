import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Document } from 'yaml'
import { loadInventory, type Server } from '../../src/inventory/inventory.ts'
import {
  arrived,
  fromPeer,
  isThere,
  type Mailbox,
  newSubject,
  reachedPeer,
  recipientAnswer,
  submit,
  trusting,
  withMailbox,
} from '../../src/rehearsal/proof/mail.ts'
import { sh } from '../../src/sh.ts'
import { edit, provision } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'
import { deliver, dialogue } from '../support/smtp.ts'

let it: Installed
let server: Server

/** Changes the inventory and runs; returns what was corrected. */
async function changed(change: (document: Document) => void, ...flags: readonly string[]): Promise<readonly string[]> {
  edit(it.operator, change)
  const ids = await it.correct(...flags)
  server = (await loadInventory(it.operator.inventory, 'xoyize.xyz')).server
  await it.settled()
  return ids
}

const of = (address: string, login = address): Mailbox => ({ address: login, password: it.secret(`mail/${address}`) })
const at = (mailbox: Mailbox, subject: string) => arrived(it.rehearsal, server, mailbox, subject)
const there = (mailbox: Mailbox, subject: string) => isThere(it.rehearsal, server, mailbox, subject)
const folders = (mailbox: Mailbox) =>
  withMailbox(it.rehearsal, server, mailbox, async (client) => (await client.list()).map(({ path }) => path).toSorted())
const mode = (value: string) => (document: Document) => document.setIn(['mail', 'mode'], value)

before(async () => {
  it = await install('e2e-mail')
  const ids = await changed((document) => {
    // Logins that have to fail would have us banned.
    document.setIn(['fail2ban', 'ignore'], document.createNode([`${it.rehearsal.addresses.operator.v4}/32`]))
    document.setIn(['domains', 0, 'catch_all'], 'xoyi')
    document.addIn(['domains', 1, 'aliases'], document.createNode({ address: 'team', to: ['ouest', 'friend@peer.example'] }))
    // As its own account, and somewhere else.
    document.addIn(['domains', 2, 'aliases'], document.createNode({ address: 'away', to: 'yack@peer.example' }))
  })
  assert.deepEqual(ids.slice(2), [
    'file:/etc/maddy/aliases',
    'file:/etc/maddy/maddy.conf',
    // Networks that are never banned are not counted either.
    'file:/etc/nftables.d/provision.nft',
    'service:provision-outgoing.service',
    'nft-table:provision',
    'service:maddy.service',
  ])
})

after(() => it?.stop())

test('catch-all: its domain’s mail for nobody, and nobody else’s', async () => {
  const subject = await fromPeer(it.rehearsal, 'whoever@xoyize.xyz')
  await at(of('xoyi@xoyize.xyz'), subject)
  const other = await fromPeer(it.rehearsal, 'xouser@xoyize.xyz')
  await at(of('xouser@xoyize.xyz'), other)
  assert.equal(await there(of('xoyi@xoyize.xyz'), other), false)
  assert.match(await recipientAnswer(it.rehearsal, 'whoever@cinay.eu'), /^550 5\.1\.1/)
})

test('tags: user+tag is user, and so is a tag behind an alias', async () => {
  for (const [to, who] of [
    ['xouser+shop@xoyize.xyz', 'xouser@xoyize.xyz'],
    ['vpn+work@cinay.eu', 'yack@cinay.eu'],
  ] as const)
    await at(of(who), await fromPeer(it.rehearsal, to))
})

test('postmaster and abuse have a reader in every domain', async () => {
  for (const { name, accounts } of server.domains)
    for (const part of ['postmaster', 'abuse'])
      await at(of(accounts[0]!.address), await fromPeer(it.rehearsal, `${part}@${name}`))
})

test('an alias with several targets reaches all of them, and one that leaves is told in the plan', async () => {
  const subject = await submit(it.rehearsal, server, of('xoyi@xoyize.xyz'), { to: 'team@ouestline.xyz' })
  await at(of('ouest@ouestline.xyz'), subject)
  await reachedPeer(it.rehearsal, subject)
  const { events } = await provision(it.operator, ['--check'])
  const notes = events.filter(({ event, id }) => event === 'note' && id === 'file:/etc/maddy/aliases').map(({ why }) => why)
  assert.match(notes.join('\n'), /^team@ouestline\.xyz goes on to friend@peer\.example, .*\naway@cinay\.eu goes on to/)
})

test('an account sends as itself and as its aliases, and as nobody else', async () => {
  const yack = of('yack@cinay.eu')
  for (const from of ['yack@cinay.eu', 'vpn@cinay.eu'])
    await at(yack, await submit(it.rehearsal, server, yack, { from, to: 'yack@cinay.eu' }))
  for (const from of ['cwwk@rnmkcy.eu', 'yack@ouestline.xyz', 'yack@peer.example'])
    await assert.rejects(submit(it.rehearsal, server, yack, { from, to: 'yack@cinay.eu' }), /553|501/)
})

/** Who is refused at the second mail server's port 25. */
async function refusedOutwards(): Promise<readonly string[]> {
  const users = ['root', 'xouser', 'caddy', 'maddy']
  const tries = users.map(async (user) => {
    const { code } = await it.host.run(
      sh`timeout 5 runuser -u ${user} -- bash -c ': < "/dev/tcp/$1/25"' bash ${it.rehearsal.addresses.roles.peer.v4}`,
    )
    return code === 0 ? [] : [user]
  })
  return (await Promise.all(tries)).flat()
}

test('the host’s own mail: cron’s words reach postmaster, and only who is in the group may send', async () => {
  const reader = of('xoyi@xoyize.xyz')
  const word = newSubject('cron').split(' ')[1]!
  await it.host.must(sh`printf '* * * * * root echo %s\n' ${word} > /etc/cron.d/e2e`)
  const ofAdmin = newSubject('of the admin')
  await it.host.must(sh`echo words | runuser -u xouser -- mail -s ${ofAdmin} root`)
  await at(reader, ofAdmin)
  const forged = newSubject('forged')
  await it.host.must(sh`printf 'From: boss@peer.example\nTo: root\nSubject: %s\n\n' ${forged} | sendmail -f boss@peer.example -t`)
  await at(reader, forged)
  const from = await withMailbox(it.rehearsal, server, reader, async (client) => {
    await client.mailboxOpen('INBOX')
    const found = await client.search({ subject: forged })
    return ((await client.fetchOne(String((found || [])[0]), { envelope: true })) || undefined)?.envelope?.from?.[0]?.address
  })
  assert.equal(from, 'system@xoyize.xyz')
  assert.notEqual((await it.host.run(sh`echo words | runuser -u caddy -- mail -s stranger root`)).code, 0)
  assert.equal((await it.host.run(sh`runuser -u caddy -- cat /etc/msmtprc`)).stdout, '')
  await at(reader, await fromPeer(it.rehearsal, 'system@xoyize.xyz'))
  await arrived(it.rehearsal, server, reader, word, 90_000)
  await it.host.must(sh`rm /etc/cron.d/e2e`)
  await it.settled()
})

test('port 25 outwards is maddy’s alone: after ufw has reloaded, after a flush, after a reboot', async () => {
  const others = ['root', 'xouser', 'caddy']
  assert.deepEqual(await refusedOutwards(), others)
  await it.host.must(sh`ufw reload`)
  assert.deepEqual(await refusedOutwards(), others)
  await it.host.must(sh`nft delete table inet provision`)
  assert.deepEqual(await refusedOutwards(), [])
  assert.deepEqual(await it.correct(), ['nft-table:provision'])
  await it.host.must(sh`nft add rule inet provision outgoing tcp dport 26 accept`)
  assert.deepEqual(await it.correct(), ['nft-table:provision'])
  await it.host.reboot()
  assert.deepEqual(await refusedOutwards(), others)
  await it.settled()
})

test('same credentials: one password, a mailbox in every domain, and what was there stays', async () => {
  const kept = await submit(it.rehearsal, server, of('yack@cinay.eu'), { to: 'yack@cinay.eu' })
  await at(of('yack@cinay.eu'), kept)
  const ids = await changed(mode('same_credentials'))
  const names = ['xoyi', 'xouser', 'ouest', 'yack', 'yanfi', 'claudine', 'cwwk'].map((name) => `mail-account:${name}`)
  const files = ['file:/etc/maddy/check.conf', 'file:/etc/maddy/maddy.conf']
  assert.deepEqual(ids, [...files, 'service:maddy.service', ...names, 'mail-account:provision-probe', 'mail-account:system'])
  const ofHost = newSubject('of the host')
  await it.host.must(sh`echo words | mail -s ${ofHost} root`)
  await at(of('xoyi@xoyize.xyz'), ofHost)
  const home = of('yack@cinay.eu')
  const elsewhere = of('yack@cinay.eu', 'yack@ouestline.xyz')
  assert.equal(await there(home, kept), true)
  assert.deepEqual(await folders(elsewhere), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
  const subject = await fromPeer(it.rehearsal, 'yack@ouestline.xyz')
  await at(elsewhere, subject)
  assert.equal(await there(home, subject), false)
  for (const from of ['yack@rnmkcy.eu', 'vpn@cinay.eu'])
    await at(home, await submit(it.rehearsal, server, elsewhere, { from, to: 'yack@cinay.eu' }))
  await assert.rejects(submit(it.rehearsal, server, elsewhere, { from: 'ouest@ouestline.xyz', to: 'yack@cinay.eu' }), /553/)
  const talk = await dialogue(it.host.address, 465, {
    tls: trusting(it.rehearsal, server.mail.hostname),
    login: { user: 'yack@ouestline.xyz', password: home.password, by: 'LOGIN' },
  })
  const byLogin = newSubject('login')
  const letter = `From: yack@rnmkcy.eu\r\nTo: yack@cinay.eu\r\nSubject: ${byLogin}\r\n\r\nHello.\r\n`
  assert.match(await deliver(talk, 'yack@rnmkcy.eu', ['yack@cinay.eu'], letter), /^250/)
  talk.close()
  await at(home, byLogin)
  for (const login of ['yack', 'yack@peer.example'])
    await assert.rejects(there(of('yack@cinay.eu', login), subject), `${login} may not log in`)
})

test('same mailbox: one password and one mailbox for all of its addresses', async () => {
  await changed(mode('same_mailbox'))
  const yack = of('yack@cinay.eu', 'yack')
  assert.deepEqual(await folders(yack), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
  for (const to of ['yack@cinay.eu', 'yack@rnmkcy.eu', 'yack+tag@ouestline.xyz', 'vpn@cinay.eu']) {
    const subject = await fromPeer(it.rehearsal, to)
    for (const login of ['yack', 'yack@cinay.eu', 'yack@yanfi.net'])
      assert.match(await at(of('yack@cinay.eu', login), subject), /INBOX|Junk/)
  }
  for (const from of ['yack@rnmkcy.eu', 'yack@xoyize.xyz'])
    await at(yack, await submit(it.rehearsal, server, yack, { from, to: 'yack@cinay.eu' }))
  await assert.rejects(submit(it.rehearsal, server, yack, { from: 'ouest@ouestline.xyz', to: 'yack@cinay.eu' }), /553/)
  await assert.rejects(there(of('yack@cinay.eu', 'yack@peer.example'), newSubject('none')))
  await at(of('xoyi@xoyize.xyz'), await fromPeer(it.rehearsal, 'whoever@xoyize.xyz'))
  assert.match(await recipientAnswer(it.rehearsal, 'whoever@cinay.eu'), /^550 5\.1\.1/)
})

test('same mailbox: an alias that leaves for a namesake elsewhere goes there', async () => {
  const yack = of('yack@cinay.eu', 'yack')
  const subject = await submit(it.rehearsal, server, yack, { from: 'yack@cinay.eu', to: 'away@cinay.eu' })
  await reachedPeer(it.rehearsal, subject)
  assert.equal(await there(yack, subject), false)
})

test('what is not declared is told, stays, and goes with --prune after a copy', async () => {
  const list = sh`sqlite3 -readonly /var/lib/maddy/imapsql.db 'SELECT username FROM users ORDER BY 1'`
  await it.host.must(
    sh`umask 077; touch /var/lib/maddy/dkim_keys/gone.example_default.key; chown maddy: /var/lib/maddy/dkim_keys/*`,
  )
  const { code, events } = await provision(it.operator, ['--check'])
  assert.equal(code, 0)
  const notes = events.filter(({ event, id }) => event === 'note' && id === 'undeclared-mail:maddy').map(({ why }) => why!)
  for (const expected of [
    'undeclared account yack@cinay.eu: --prune removes it',
    'undeclared mailbox yack@cinay.eu: --prune removes it, and keeps a copy',
    'undeclared mailbox yack@ouestline.xyz: --prune removes it, and keeps a copy',
    'undeclared domain gone.example: --prune puts its DKIM keys away',
  ])
    assert.ok(notes.includes(expected), notes.join('\n'))
  const count = await it.host.must(
    sh`sqlite3 -readonly /var/lib/maddy/imapsql.db "SELECT count(*) FROM msgs JOIN mboxes ON mboxes.id = mboxId JOIN users ON users.id = uid WHERE username = 'yack@cinay.eu'"`,
  )
  assert.ok(Number(count) > 5, count)
  // The image's drop-in for sshd is third-party as well.
  assert.deepEqual(await it.correct('--prune'), ['service:ssh.service', 'undeclared-mail:maddy'])
  assert.equal(
    await it.host.must(list),
    ['claudine', 'cwwk', 'ouest', 'provision-probe', 'xouser', 'xoyi', 'yack', 'yanfi', ''].join('\n'),
  )
  const kept = await it.host.must(sh`cd /var/lib/provision/kept/mail/yack@cinay.eu.*
find . -name '*.eml' | wc -l
cat */*.eml | grep -c '^Subject: '
find /var/lib/provision/kept/mail /var/lib/provision/kept/dkim -perm /077`)
  assert.equal(kept, `${count}${count}`)
  const yack = of('yack@cinay.eu', 'yack')
  await at(yack, await fromPeer(it.rehearsal, 'yack@cinay.eu'))
  await it.settled()
})

test('every database of maddy stays its own', async () => {
  const seen = await it.host.must(sh`find /var/lib/maddy -perm /007 -o ! -user maddy`)
  assert.equal(seen, '')
})
