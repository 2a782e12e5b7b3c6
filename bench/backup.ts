import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadInventory } from '../src/inventory.ts'
import type { Machine } from '../src/rehearsal/machine.ts'
import { fetch, restorePlace } from '../src/restore.ts'
import { type Sh, sh } from '../src/sh.ts'
import { install } from '../test/e2e/install.ts'

/**
 * A backup and a restore of a large store of messages, beside plain `borg create` and `borg extract` of the same files into and out
 * of a repository of their own at the same storage. MESSAGES says how many; 100,000 when left out.
 */
const messages = Number(process.env.MESSAGES ?? 100_000)
const installed = await install('bench-backup')
try {
  const { host } = installed
  await loadInventory(installed.operator.inventory, installed.inventory.name)
  fill(join(host.root, 'var/lib/maddy/messages'), messages)
  await host.must(sh`chown -R maddy:maddy /var/lib/maddy/messages`)
  const plain = sh`
. /etc/provision/borg/plain
create() { borg create --compression auto,zstd --patterns-from /etc/provision/borg/patterns "::$1"; }`
  await host.must(sh`sed -n '/^export/p; /^settings=/p; /^state=/p' /usr/local/sbin/provision-backup > /etc/provision/borg/plain
echo 'export BORG_REPO="$BORG_REPO-plain"' >> /etc/provision/borg/plain
. /etc/provision/borg/plain
borg init --make-parent-dirs --encryption repokey-blake2`)
  const rows: [string, number, number][] = []
  rows.push(['first backup', await timed(host, sh`provision-backup run`), await timed(host, sh`${plain}\ncreate one`)])
  rows.push([
    'backup of what has not changed',
    await timed(host, sh`provision-backup run`),
    await timed(host, sh`${plain}\ncreate two`),
  ])
  const archive = (await host.must(sh`provision-backup borg list --last 1 --short`)).trim()
  rows.push([
    'getting it all back',
    await timed(host, fetch(archive, [])),
    await timed(host, sh`${plain}\nmkdir -p ${restorePlace}/plain\ncd ${restorePlace}/plain\nborg extract ::two`),
  ])
  console.log(`${messages} messages; | measured | provision | borg | ratio |`)
  for (const [what, ours, borg] of rows)
    console.log(`| ${what} | ${(ours / 1000).toFixed(1)} s | ${(borg / 1000).toFixed(1)} s | ${(ours / borg).toFixed(2)} |`)
} finally {
  await installed.stop()
}

async function timed(host: Machine, script: Sh): Promise<number> {
  const began = performance.now()
  await host.must(script)
  return performance.now() - began
}

/** Messages of 1 to 12 kB, half of which no compression makes smaller, as attachments are. */
function fill(directory: string, count: number): void {
  mkdirSync(directory, { recursive: true })
  for (let i = 0; i < count; i++) {
    const size = 500 + (i % 12) * 500
    writeFileSync(
      join(directory, `bench${i}`),
      `Subject: ${i}\r\n\r\n${randomBytes(size / 2).toString('base64')}${'all the same words. '.repeat(size / 20)}`,
    )
  }
}
