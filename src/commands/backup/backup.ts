import { setTimeout as pause } from 'node:timers/promises'
import { ProvisionError } from '../../errors.ts'
import { publicLine } from '../../secrets/ed25519.ts'
import type { Io } from '../../session/io.ts'
import { type Opened, open } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { type Sh, sh } from '../../sh.ts'
import type { Connection } from '../../ssh/options.ts'
import { backedUp } from './backed-up.ts'
import { keepRepositoryKey } from './repository-key.ts'

type Print = (line: string) => void

/** Makes a backup now, saying how far it is. Returns the exit code. Throws ProvisionError when it fails, with why. */
export const backupNow = (options: OpenOptions, io: Io, out: Print): Promise<number> =>
  overThere(options, io, async (opened) => {
    await follow(opened.connection, 'provision-backup.service', io, out)
    await keepRepositoryKey(opened, (line) => io.report.say(line))
  })

/** Has the repository checked, all of it. Returns the exit code. Throws ProvisionError when it is damaged. */
export const backupCheck = (options: OpenOptions, io: Io, out: Print): Promise<number> =>
  overThere(options, io, ({ connection }) => follow(connection, 'provision-backup-check.service', io, out))

/** Prints the archives, the oldest first, and what the repository takes. Returns the exit code. */
export const backupList = (options: OpenOptions, io: Io, out: Print): Promise<number> =>
  overThere(options, io, async ({ connection }) => {
    const said = await mustPrint(
      connection,
      sh`list=$(provision-backup borg --lock-wait 60 list --format '{archive}  {start}{NL}')
printf '%s\n' "\${list:-no archive yet}"
provision-backup borg --lock-wait 60 info | sed -n 's/^All archives: *\(.* [kMGT]*B\) *\(.* [kMGT]*B\) *\(.* [kMGT]*B\)$/\nin all \1, and \3 in the repository/p'`,
    )
    for (const line of said.trim().split('\n')) {
      const [, name, start] = /^(\S+) {2}(.+)$/.exec(line) ?? []
      if (name !== undefined) io.report.event({ event: 'archive', name, start })
      out(line)
    }
  })

/** Removes the lock that a dead run has left in the repository. Returns the exit code. Throws ProvisionError while one is alive. */
export const backupUnlock = (options: OpenOptions, io: Io, out: Print): Promise<number> =>
  overThere(options, io, async ({ connection }) => {
    await mustPrint(
      connection,
      sh`exec 8> /run/provision/backup.lock
if ! flock -n 8; then echo 'a backup or a check is running on this host: its lock is not a dead one' >&2; exit 1; fi
provision-backup borg break-lock`,
    )
    out('the repository is not locked any more')
  })

/** Prints the line for the storage's authorized_keys. Returns the exit code. */
export async function backupKey(options: OpenOptions, io: Io, out: Print): Promise<number> {
  const { inventory, backup } = await backedUp(options)
  const keys = backup.append_only ? [backup.key, backup.prune_key] : [backup.key]
  await inventory.store.ensure(keys, (line) => io.report.say(line))
  for (const [i, key] of keys.entries()) {
    const line = publicLine(key.reveal(), `${inventory.server.hostname}${i === 0 ? '' : ' (prune)'}`)
    if (line === undefined) throw new ProvisionError(key.name, 'is no private SSH key in OpenSSH’s format')
    const serve = `borg serve --restrict-to-path PATH${backup.append_only && i === 0 ? ' --append-only' : ''}`
    const whole = backup.append_only ? `command="${serve}",restrict ${line}` : line
    io.report.event({ event: 'key', id: key.name, line: whole })
    out(whole)
  }
  if (!backup.append_only)
    io.report.say('before it, where the storage allows it: command="borg serve --restrict-to-path PATH",restrict')
  else io.report.say('PATH is where the repository is, seen from there')
  return 0
}

async function overThere(options: OpenOptions, io: Io, work: (opened: Opened) => Promise<void>): Promise<number> {
  await backedUp(options)
  const opened = await open({ ...options, only: [] }, io)
  try {
    await mustPrint(
      opened.connection,
      sh`command -v provision-backup >/dev/null || { echo 'no backups are set up there yet: provision --host X does it' >&2; exit 1; }`,
    )
    await work(opened)
    return 0
  } finally {
    await opened.close()
  }
}

/** What it printed. Throws ProvisionError, with the end of what it said, when it fails. */
export async function mustPrint(connection: Connection, script: Sh): Promise<string> {
  const { code, stdout, stderr } = await connection.run(script)
  if (code === 0) return stdout
  throw new ProvisionError('backup', (stderr.trim() || stdout.trim() || `exit code ${code}`).split('\n').slice(-8).join('\n'))
}

/** Starts a unit, or joins the run that is going on, and tells its phases. It goes on without us when we are gone. */
async function follow(connection: Connection, unit: `${string}.service`, io: Io, out: Print): Promise<void> {
  const began = await mustPrint(
    connection,
    sh`if [ "$(systemctl show -p ActiveState --value -- ${unit})" = activating ]; then
  systemctl show --timestamp=unix -p InactiveExitTimestamp --value -- ${unit} | tr -d @
else
  date +%s
  systemctl reset-failed -- ${unit} 2>/dev/null || :
  systemctl start --no-block -- ${unit}
fi`,
  )
  let last = ''
  for (;;) {
    const seen = await mustPrint(connection, look(unit))
    const [, state = '', result = '', since = '', progress = ''] = /^(.*)\n(.*)\n@?(.*)\n([\s\S]*)$/.exec(seen) ?? []
    const line = progress.trim()
    if (line !== '' && line !== last) io.report.say(line)
    last = line
    // Not begun yet, or not ended.
    if (state === 'activating' || Number(since) < Number(began)) {
      await pause(200)
      continue
    }
    const journal = sh`journalctl --sync; journalctl -q -o cat -t provision-backup --since ${`@${since}`} | tail -n 12`
    const said = (await mustPrint(connection, journal)).trim()
    if (result !== 'success') throw new ProvisionError(unit, said || `it ended: ${result}`)
    for (const one of said.split('\n')) out(one)
    return
  }
}

/** State, result and the time of its beginning, and how far it is, as soon as that has changed or a second is over. */
const look = (unit: string): Sh => sh`
tries=0
while [ $tries -lt 5 ] && [ "$(systemctl show -p ActiveState --value -- ${unit})" = activating ]; do tries=$((tries + 1)); sleep 0.2; done
systemctl show -p ActiveState --value -- ${unit}
systemctl show -p Result --value -- ${unit}
systemctl show --timestamp=unix -p InactiveExitTimestamp --value -- ${unit}
if [ -r /run/provision/backup.phase ]; then
  printf '%s ' "$(cat /run/provision/backup.phase)"
  tr '\r' '\n' < /run/provision/backup.said 2>/dev/null | grep -E ' O .* N |%' | tail -n 1
fi`
