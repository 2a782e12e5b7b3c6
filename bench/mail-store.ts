import { createHash } from 'node:crypto'
import { chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Machine } from '../src/rehearsal/machine/machine.ts'
import { sh } from '../src/sh.ts'

/**
 * Puts so many messages into an account's INBOX as maddy would have: files, and rows that are like the row of a message which it took
 * itself. Nine of ten are a page of text, the tenth has 40 kB that do not compress. Returns how many bytes they are.
 */
export async function fill(host: Machine, account: string, count: number): Promise<number> {
  await host.must(sh`
printf 'Message-Id: <first@bench>\r\nFrom: a@bench.example\r\nSubject: first\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nfirst\r\n' |
  runuser -u maddy -- sh -c 'umask 0007; exec maddy imap-msgs add "$@"' maddy ${account} INBOX
systemctl stop maddy.service`)
  const state = join(host.root, 'var/lib/maddy')
  const { uid, gid } = statSync(join(state, 'messages'))
  const database = new DatabaseSync(join(state, 'imapsql.db'))
  const first = database
    .prepare(
      `SELECT m.*, u.id AS owner FROM msgs m JOIN mboxes b ON b.id = m.mboxId JOIN users u ON u.id = b.uid WHERE u.username = ? AND b.name = 'INBOX' ORDER BY msgId DESC LIMIT 1`,
    )
    .get(account) as Record<string, string | number>
  const key = database.prepare('INSERT INTO extKeys (id, uid, refs) VALUES (?, ?, 1)')
  const row = database.prepare(
    'INSERT INTO msgs (mboxId, msgId, date, bodyLen, bodyStructure, cachedHeader, extBodyKey, seen, compressAlgo, recent) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 0)',
  )
  let bytes = 0
  database.exec('BEGIN')
  for (let i = 1; i <= count; i++) {
    const id = createHash('sha256').update(`bench ${i}`).digest('hex').slice(0, 32)
    const header = { 'Message-Id': [`<${id}@bench>`], From: ['a@bench.example'], Subject: [`message ${i}`] }
    const text = `${Object.entries(header)
      .map(([name, [value]]) => `${name}: ${value}`)
      .join('\r\n')}\r\n\r\n${body(id, i)}`
    const file = join(state, 'messages', id)
    writeFileSync(file, text, { mode: 0o660 })
    chownSync(file, uid, gid)
    key.run(id, first.owner!)
    const structure = String(first.bodyStructure).replace(/"Size":\d+/, `"Size":${text.length}`)
    row.run(
      first.mboxId!,
      Number(first.msgId) + i,
      Number(first.date) - i,
      text.length,
      structure,
      JSON.stringify(header),
      id,
      first.compressAlgo!,
    )
    bytes += text.length
  }
  database
    .prepare('UPDATE mboxes SET uidnext = uidnext + ?, msgsCount = msgsCount + ? WHERE id = ?')
    .run(count, count, first.mboxId!)
  database.exec('COMMIT')
  database.close()
  await host.must(sh`chown maddy:maddy /var/lib/maddy/imapsql.db*; systemctl start maddy.service`)
  return bytes
}

/** Text that no other message has, from its number alone. */
function body(seed: string, i: number): string {
  const digest = (n: number) => createHash('sha512').update(`${seed} ${n}`).digest('base64')
  const words = Array.from(
    { length: 40 },
    (_, n) => `Line ${n} of a mail that says nothing new, but for ${digest(n).slice(0, 24)}.`,
  )
  const attached = i % 10 === 0 ? Array.from({ length: 450 }, (_, n) => digest(n + 40)) : []
  return `${[...words, ...attached].join('\r\n')}\r\n`
}
