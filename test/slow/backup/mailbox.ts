import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { arrived, submit, withMailbox } from '../../../src/rehearsal/proof/mail.ts'
import { sh } from '../../../src/sh.ts'
import { command, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { backup } from './on.ts'
import { mailboxes } from './restore.ts'

/** One mailbox, and one message of it, back into a server at work. */
export function mailboxTests(it: () => Installed): void {
  const owner = () => mailboxes(it())[0]!
  const open = <T>(act: Parameters<typeof withMailbox<T>>[3]) => withMailbox(it().rehearsal, it().inventory.server, owner(), act)
  const restore = (...args: readonly string[]) => command(it().operator, ['restore', '--mailbox', owner().address, ...args])
  const day = () => new Date().toISOString().slice(0, 10)
  const subjects: Record<string, string> = {}
  let before: readonly Seen[]

  /** What its owner sees, whole. */
  const all = () =>
    open(async (client) => {
      const seen: Seen[] = []
      for (const { path } of await client.list()) {
        if ((await client.mailboxOpen(path, { readOnly: true })).exists === 0) continue
        const asked = { uid: true, source: true, flags: true, internalDate: true, envelope: true } as const
        for await (const { uid, source, flags, internalDate, envelope } of client.fetch('1:*', asked))
          seen.push({
            path,
            uid,
            digest: createHash('sha256').update(source!).digest('hex'),
            flags: [...flags!].filter((flag) => flag !== '\\Recent').toSorted(),
            date: new Date(internalDate!).toISOString(),
            id: envelope!.messageId!,
            subject: envelope!.subject!,
          })
      }
      return seen
    })
  const named = (seen: readonly Seen[], which: string) => seen.filter(({ subject }) => subject === subjects[which])
  const content = ({ digest, flags, date }: Seen) => ({ digest, flags, date })
  const remove = (which: string) =>
    open(async (client) => {
      for (const { path, uid } of named(before, which)) {
        await client.mailboxOpen(path)
        await client.messageDelete(String(uid), { uid: true })
      }
    })

  test('mailbox: what it lost comes back into folders of its own, as it was, while it is in use', async () => {
    const { rehearsal, inventory } = it()
    const send = async (which: string) => {
      subjects[which] = await submit(rehearsal, inventory.server, owner(), { to: owner().address })
      await arrived(rehearsal, inventory.server, owner(), subjects[which])
    }
    for (const which of ['lost', 'filed', 'kept']) await send(which)
    await open(async (client) => {
      await client.mailboxOpen('INBOX')
      await client.messageFlagsAdd({ subject: subjects.lost! }, ['\\Seen', '\\Flagged', '$label'])
      await client.mailboxCreate(['Work', 'Our clients'])
      await client.messageMove({ subject: subjects.filed! }, 'Work.Our clients')
    })
    assert.equal((await backup(it(), 'now')).code, 0)
    before = await all()
    await remove('lost')
    await remove('filed')
    await send('new')
    const left = await all()

    const listed = await restore('--list')
    assert.equal(listed.code, 0, told(listed))
    assert.match(listed.stdout, new RegExp(`^  \\S+ \\S+  Work/Our clients  .*${subjects.filed}  <\\S+>$`, 'm'))
    assert.match(listed.stdout, new RegExp(`^✓ \\S+ \\S+  INBOX  .*${subjects.kept}  <\\S+>$`, 'm'))
    const run = await restore('--yes')
    assert.equal(run.code, 0, told(run))
    assert.match(run.stdout, /^2 back in the mailbox of \S+, below Restored\//m)

    const after = await all()
    const [lost] = named(after, 'lost')
    assert.equal(lost!.path, `Restored.${day()}.INBOX`)
    assert.deepEqual(lost!.flags, ['$label', '\\Flagged', '\\Seen'])
    assert.deepEqual(content(lost!), content(named(before, 'lost')[0]!))
    assert.equal(named(after, 'filed')[0]!.path, `Restored.${day()}.Work.Our clients`)
    assert.deepEqual(named(after, 'filed').map(content), named(before, 'filed').map(content))
    assert.deepEqual(
      after.filter(({ path }) => !path.startsWith('Restored')),
      left,
    )
    const again = await restore('--yes')
    assert.equal(again.code, 0, told(again))
    assert.match(again.stdout, /^nothing to do: \S+ still has every message of/m)
    assert.deepEqual(await all(), after)
  })

  test('mailbox: one message comes back where it was, by its Message-ID, and once', async () => {
    await remove('kept')
    const left = await all()
    const [kept] = named(before, 'kept')
    for (const words of [/^1 back in the mailbox of \S+, where they were/m, /^nothing to do: \S+ still has that message/m]) {
      const run = await restore('--message', kept!.id, '--yes')
      assert.equal(run.code, 0, told(run))
      assert.match(run.stdout, words)
    }
    const after = await all()
    assert.deepEqual(named(after, 'kept').map(content), [content(kept!)])
    assert.equal(named(after, 'kept')[0]!.path, 'INBOX')
    assert.deepEqual(
      after.filter(({ subject }) => subject !== subjects.kept),
      left,
    )
  })

  test('mailbox: after a run that ended half way only what is lacking still comes back', async () => {
    const came = named(await all(), 'lost')
    await open(async (client) => {
      await client.mailboxOpen(came[0]!.path)
      await client.messageDelete(String(came[0]!.uid), { uid: true })
    })
    const left = await all()
    const run = await restore('--yes')
    assert.equal(run.code, 0, told(run))
    assert.match(run.stdout, /^1 back in the mailbox of \S+, below Restored\/\S+; 2 were there again already$/m)
    const after = await all()
    assert.deepEqual(named(after, 'lost').map(content), came.map(content))
    assert.deepEqual(
      after.filter(({ subject }) => subject !== subjects.lost),
      left,
    )
  })

  test('mailbox: what is not there is said: the mailbox, the message', async () => {
    const nobody = await command(it().operator, ['restore', '--mailbox', 'nobody@xoyize.xyz', '--yes'])
    assert.equal(nobody.code, 1, told(nobody))
    assert.match(nobody.stderr, /--mailbox: \S+ has no mailbox nobody@xoyize\.xyz/)
    const nothing = await restore('--message', '<none@example>', '--yes')
    assert.equal(nothing.code, 1, told(nothing))
    assert.match(nothing.stderr, /--message: \S+ has no such message in the mailbox of/)
    assert.equal(await it().host.must(sh`ls -d /var/lib/provision/restore-mailbox 2>/dev/null || :`), '')
    await it().settled()
  })
}

interface Seen {
  readonly path: string
  readonly uid: number
  readonly digest: string
  readonly flags: readonly string[]
  readonly date: string
  readonly id: string
  readonly subject: string
}
