import { join } from 'node:path'
import { storageHome } from '../src/rehearsal/internet/services/storage.ts'
import { mailCounts } from '../src/rehearsal/proof/mail-counts.ts'
import { type Sh, sh } from '../src/sh.ts'
import { type Installed, install } from '../test/support/install.ts'
import { fill } from './mail-store.ts'
import { type Command, median, type Paired, ratio, run } from './measure.ts'
import { type Row, sources, time } from './noop.ts'

const messages = 100_000

/** A mailbox store of 100,000 messages into the repository and back, beside borg alone doing the same. */
export async function backup(times: number, say: (line: string) => void): Promise<readonly Row[]> {
  say('installing the reference server')
  const it = await install('bench-backup')
  try {
    const [account] = it.inventory.server.domains[0]!.accounts
    const mailbox = { address: account!.address, password: it.secret(account!.password.name) }
    say(`making ${messages} messages`)
    const bytes = await fill(it.host, mailbox.address, messages)
    const seen = (await mailCounts(it, it.inventory.server, [mailbox])).get(mailbox.address) ?? 0
    if (seen < messages) throw new Error(`maddy shows ${seen} messages`)
    const store = `${messages.toLocaleString('en')} messages (${(bytes / 1e9).toFixed(1)} GB)`

    const [ours, theirs] = [command(it, 'backup', 'now'), plain(it, create)]
    const first = await taken(times, say, 'a first backup', [ours, () => anew(it)], [theirs, () => plainAnew(it)])
    const again = await taken(times, say, 'a backup of what is unchanged', [ours], [plain(it, sh`${[create, tidy]}`)])
    const back = await taken(
      times,
      say,
      'a restore of the mail',
      [command(it, 'restore', '--only', 'mail', '--yes')],
      [plain(it, extract), () => it.host.must(sh`rm -rf /var/tmp/plain/*`)],
    )
    const left = (await mailCounts(it, it.inventory.server, [mailbox])).get(mailbox.address)
    if (left !== seen) throw new Error(`maddy shows ${left} messages after the restores, and ${seen} before`)
    return [
      row(`first backup of ${store}`, first),
      row('the same, nothing new; plain: create, prune, compact', again),
      row('restore --only mail, of these', back),
    ]
  } finally {
    await it.stop()
  }
}

/** Our command, as its operator runs it. */
const command = ({ operator: { home, inventory } }: Installed, ...args: readonly string[]): Command => ({
  name: args.join(' '),
  argv: [process.execPath, sources, ...args, '--host', 'xoyize.xyz', '--inventory', inventory],
  env: { HOME: home, NODE_OPTIONS: '' },
  cwd: home,
})

/** The same by hand: sh that stock OpenSSH brings there. */
function plain(it: Installed, script: Sh): Command {
  const {
    operator: { home, inventory },
    inventory: { server },
  } = it
  const ssh = [
    'ssh',
    '-F',
    'none',
    '-i',
    join(home, '.ssh/id_ed25519'),
    '-o',
    `UserKnownHostsFile=${join(inventory, 'known_hosts')}`,
  ]
  const there = ['-p', String(server.ssh.port), `${server.admin.user}@${server.address}`, 'sudo', 'sh', '-s']
  return { name: 'plain borg', argv: [...ssh, ...there], input: `${borg(it).text}\n${script.text}\n` }
}

/** borg with our key, passphrase and way to the storage, and with a repository, a cache and an exit code of its own. */
const borg = ({ inventory: { server } }: Installed): Sh => sh`
set -e
settings=/etc/provision/borg
export BORG_BASE_DIR=/var/tmp/plain-cache BORG_PASSCOMMAND="cat $settings/passphrase" LC_ALL=C.UTF-8
export BORG_REPO=${server.backup!.repository.replace(/[^/]*$/, 'plain')}
export BORG_RSH="ssh -F none -i $settings/id_ed25519 -o UserKnownHostsFile=$settings/known_hosts"
mkdir -p /var/tmp/plain`

const create = sh`borg create --compression auto,zstd --exclude-caches --patterns-from /etc/provision/borg/patterns "::$(date +%s%N)"`
const tidy = sh`borg prune --keep-daily 7 --keep-weekly 4 --keep-monthly 6
borg compact`
const extract = sh`cd /var/tmp/plain
borg extract "::$(borg list --short --last 1)" var/lib/maddy var/lib/provision/backup/dump`

/** Neither repository nor cache. */
const anew = async ({ rehearsal, host }: Installed): Promise<void> => {
  await rehearsal.internet.must(sh`cd ${storageHome}/backup/borg; find . -mindepth 1 -maxdepth 1 ! -name plain -exec rm -rf {} +`)
  await host.must(sh`rm -rf /var/lib/provision/backup/.cache /var/lib/provision/backup/.config; provision-backup init`)
}
const plainAnew = async (it: Installed): Promise<void> => {
  await it.rehearsal.internet.must(sh`rm -rf ${storageHome}/backup/borg/plain`)
  await it.host.must(sh`rm -rf /var/tmp/plain-cache
${borg(it)}
borg init --encryption repokey-blake2`)
}

type Timed = readonly [command: Command, before?: () => Promise<unknown>]

/** Both in turns, each with what it needs before. */
async function taken(times: number, say: (line: string) => void, what: string, ours: Timed, theirs: Timed): Promise<Paired> {
  const all: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] }
  const turn = [['ours', ours] as const, ['theirs', theirs] as const]
  for (let i = 0; i < times; i++) {
    for (const [name, [one, before]] of i % 2 === 0 ? turn : turn.toReversed()) {
      await before?.()
      const { ms } = await run(one)
      say(`${what}, ${name}: ${time(ms)}`)
      all[name].push(ms)
    }
  }
  return all
}

const row = (what: string, paired: Paired): Row => ({
  what,
  ours: time(median(paired.ours)),
  theirs: time(median(paired.theirs)),
  ratio: ratio(paired),
  detail: paired,
})
