import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { storageHome } from '../../../src/rehearsal/internet/services/storage.ts'
import { installBorg } from '../../../src/rehearsal/platform.ts'
import { sh } from '../../../src/sh.ts'
import { command, edit, told } from '../../support/harness.ts'
import type { Installed } from '../../support/install.ts'
import { archives, backup } from './on.ts'

/** The host only adds; what is old goes from the operator's side. */
export function appendOnlyTests(it: () => Installed): void {
  test('append only: a host that prunes itself is not pruned from here', async () => {
    const run = await backup(it(), 'prune', '--yes')
    assert.equal(run.code, 1, told(run))
    assert.match(run.stderr, /the host prunes its backups itself/)
  })

  test('append only: with the lines that “backup key” prints, backups are made, and what the host deletes takes no room away', async () => {
    const { operator, rehearsal, host } = it()
    edit(operator, (document) => document.setIn(['backup', 'append_only'], true))
    const keys = await backup(it(), 'key')
    assert.equal(keys.code, 0, told(keys))
    const lines = keys.stdout.replaceAll('PATH', `${storageHome}/backup`)
    assert.match(
      lines,
      /^command="borg serve --restrict-to-path \S+ --append-only",restrict ssh-ed25519 .*\ncommand="borg serve --restrict-to-path \S+",restrict ssh-ed25519 /,
    )
    writeFileSync(join(rehearsal.internet.root, storageHome, '.ssh/authorized_keys'), lines)
    await it().correct()
    for (const _ of [1, 2]) assert.equal((await backup(it(), 'now')).code, 0)
    const room = async () => Number(await rehearsal.internet.must(sh`du -s ${storageHome}/backup | cut -f1`))
    const before = await room()
    const [first] = await archives(it())
    await host.must(sh`provision-backup borg delete ${`::${first}`}; provision-backup borg compact`)
    assert.ok((await room()) >= before)
  })

  test('append only: what is old is removed from here, and its room is free', async () => {
    await installBorg(() => undefined)
    const before = await archives(it())
    const run = await command(it().operator, ['backup', 'prune', '--yes'])
    assert.equal(run.code, 0, told(run))
    for (const one of before) assert.match(run.stdout, new RegExp(`^${one}$`, 'm'))
    assert.deepEqual((await archives(it())).at(-1), before.at(-1))
    const check = await backup(it(), 'check')
    assert.equal(check.code, 0, told(check))
  })
}
