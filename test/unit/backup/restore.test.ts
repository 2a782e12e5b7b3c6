import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { knownHosts } from '../../../files/etc/provision/borg.ts'
import { bringBack, countMessages, fetchDump, listMessages } from '../../../src/backup/mailbox-scripts.ts'
import { becomeItself, fetch, ground, parseGround, placeMail, placeServer } from '../../../src/backup/restore-scripts.ts'
import { missingDays } from '../../../src/commands/backup/prune.ts'
import { before } from '../../../src/commands/backup/restore.ts'
import { dayOf, mailboxOf } from '../../../src/commands/backup/restore-mailbox.ts'
import { declaredFolders } from '../../../src/inventory/inventory.ts'
import { archivedLine, readable } from '../../../src/ui/archived.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

test('restore: what a host says of itself is read', () => {
  assert.deepEqual(parseGround(''), { mail: false, begun: false, placed: undefined })
  assert.deepEqual(parseGround('mail yes\nbegun yes\nplaced 2026-11-21-02h10\n'), {
    mail: true,
    begun: true,
    placed: '2026-11-21-02h10',
  })
})

test('restore: what has to be there before the data is there to be done, under these names', () => {
  const playbooks = referencePlaybooks(
    referenceServer((raw) =>
      Object.assign(raw, {
        php: { source: 'debian' },
        mariadb: { databases: [{ name: 'blog' }] },
        rspamd: {},
        sites: [{ domain: 'cinay.eu', php: true }],
      }),
    ),
  )
  const known = new Set(playbooks.flatMap(({ id, steps }) => [id, ...steps.map((step) => step.id)]))
  assert.deepEqual(
    before.filter((id) => !known.has(id)),
    [],
  )
  // Files that come back belong to users by name: whoever owns some has to be there before.
  const made = playbooks.flatMap(({ id, steps }) =>
    steps
      .filter((step) => before.includes(id) || before.includes(step.id))
      .flatMap(({ resources }) => resources.map((one) => one.id)),
  )
  for (const user of ['user:xouser', 'user:maddy', 'user:caddy', 'user:web-cinay-eu']) assert.ok(made.includes(user), user)
})

test('restore: what is declared is the folders of sites and of exports, each once, but for what a backup excludes', () => {
  const server = (more: Record<string, unknown>) =>
    referenceServer((raw) =>
      Object.assign(raw, {
        sites: [
          { domain: 'cinay.eu' },
          { domain: 'xoyize.xyz', root: '/data/www' },
          { domain: 'ouestline.xyz', root: '/data/www' },
        ],
        nfs: { exports: [{ path: '/sharenfs/a' }, { path: '/sharenfs/b' }] },
        ...more,
      }),
    )
  const all = ['/data/www', '/sharenfs/a', '/sharenfs/b', '/var/caddy/www/cinay.eu']
  assert.deepEqual(declaredFolders(server({})), all)
  assert.deepEqual(declaredFolders(server({ nfs: undefined })), ['/data/www', '/var/caddy/www/cinay.eu'])
  assert.deepEqual(declaredFolders(server({ backup: undefined })), all)
  const { repository } = server({}).backup!
  const excluding = (...exclude: readonly string[]) => declaredFolders(server({ backup: { repository, exclude } }))
  assert.deepEqual(excluding('/sharenfs', '/data/ww'), ['/data/www', '/var/caddy/www/cinay.eu'])
  assert.deepEqual(excluding('/data/www/cache'), all)
})

test('prune: the days without an archive are told, back to the first one and no further than dailies are kept', () => {
  const now = new Date('2026-11-21T12:00:00Z')
  assert.deepEqual(missingDays([], 7, now), [])
  assert.deepEqual(missingDays(['2026-11-21'], 7, now), [])
  assert.deepEqual(missingDays(['2026-11-18', '2026-11-20'], 7, now), ['2026-11-19'])
  assert.deepEqual(missingDays(['2026-01-01', '2026-11-20'], 3, now), ['2026-11-18', '2026-11-19'])
})

test('backup: a pinned host key is written as ssh looks it up, with its port unless that is 22', () => {
  const key = 'ssh-ed25519 AAAA comment'
  assert.equal(knownHosts('ssh://u@box.example:23/./x', [key, key]), '[box.example]:23 ssh-ed25519 AAAA\n'.repeat(2))
  assert.equal(knownHosts('ssh://u@box.example/./x', [key]), 'box.example ssh-ed25519 AAAA\n')
})

test('restore: every script of it is sh that dash takes', () => {
  const one = { mailbox: "o'b@example.org", message: "<it's@x>", below: 'Restored.2026-11-21' }
  const mailbox = [fetchDump('a'), listMessages(one.mailbox), countMessages(one), bringBack('a', one)]
  for (const { text } of [ground, fetch('a', []), placeServer('a', ['/data/www']), placeMail('/kept'), becomeItself, ...mailbox])
    assert.equal(spawnSync('dash', ['-n'], { input: text, encoding: 'utf8' }).stderr, '', text)
})

test('restore: a mailbox is called as maddy calls it, in each mode; what is not declared, as it is written', () => {
  const { mail, domains } = referenceServer()
  const of = (mode: typeof mail.mode, address: string) => mailboxOf({ mail: { ...mail, mode }, domains }, address)
  const { address } = domains[0]!.accounts[0]!
  const part = address.split('@')[0]!
  assert.equal(of('separate', address.toUpperCase()), address)
  assert.equal(of('same_credentials', `${part}@${domains[1]!.name}`), `${part}@${domains[1]!.name}`)
  assert.equal(of('same_mailbox', `${part}@${domains[1]!.name}`), part)
  assert.equal(of('separate', 'gone@example.org'), 'gone@example.org')
})

test('restore: the folder of an archive is its day, and never parted by a full stop', () => {
  assert.equal(dayOf('2026-11-21-02h10'), '2026-11-21')
  assert.equal(dayOf('by.hand'), 'by-hand')
})

test('restore: a message is listed as people read it, and cannot move the cursor', () => {
  assert.equal(readable('=?utf-8?q?caf=C3=A9_au?= =?UTF-8?B?IGxhaXQ=?= & co'), 'café au lait & co')
  assert.equal(readable('=?iso-8859-1*fr?Q?=E9t=E9?='), 'été')
  assert.equal(readable('=?x-unknown?Q?a?='), '=?x-unknown?Q?a?=')
  assert.equal(readable(null), '–')
  const row = { folder: 'Work.Clients', uid: 7, date: 1_795_248_000, id: null, from: 'a@b', subject: 'x\u001b[2Jy' }
  assert.equal(archivedLine({ ...row, gone: 1 }), '  2026-11-21 08:00  Work/Clients  a@b  x[2Jy  Work.Clients:7')
  assert.equal(archivedLine({ ...row, gone: 0, id: '<1@x>' }), '✓ 2026-11-21 08:00  Work/Clients  a@b  x[2Jy  <1@x>')
})
