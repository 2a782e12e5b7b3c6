import { createHash } from 'node:crypto'
import { type BorgHere, borgHere } from '../../backup/borg-here.ts'
import { notifyHere } from '../../backup/notify-here.ts'
import { makeRoom, restorePlace } from '../../backup/restore-scripts.ts'
import { ProvisionError } from '../../errors.ts'
import { type Inventory, loadInventory } from '../../inventory/inventory.ts'
import { zonesOf } from '../../rehearsal/internet/zones.ts'
import { writeInventory } from '../../rehearsal/inventory.ts'
import type { Machine } from '../../rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../rehearsal/open.ts'
import { againAsRoot, installBorg } from '../../rehearsal/platform.ts'
import { compareArchive } from '../../rehearsal/proof/compare-archive.ts'
import type { Found } from '../../rehearsal/proof/found.ts'
import { startRehearsal, stopRehearsal } from '../../rehearsal/rehearsal.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { sh } from '../../sh.ts'
import { seconds } from '../../ui/report.ts'
import { giveRootPassword } from '../../util/environment.ts'
import { chosen, needSecrets } from './archives.ts'
import { backedUp } from './backed-up.ts'
import { restore } from './restore.ts'

/** What `provision restore --drill` may be told. */
export interface DrillOptions extends OpenOptions {
  readonly archive?: string | undefined
  /** Leaves the restored host running. */
  readonly keep?: boolean | undefined
  /** The verdict goes to ntfy too. */
  readonly notify?: boolean | undefined
}

/**
 * Restores an archive onto a disposable host on this machine, which reaches nothing outside it, and compares what is there with what
 * the archive holds. Returns the exit code: 2 when something differs. Throws ProvisionError when it cannot be restored.
 */
export async function drill(options: DrillOptions, io: Io, out: (line: string) => void): Promise<number> {
  const asRoot = await againAsRoot()
  if (asRoot !== undefined) return asRoot
  const began = performance.now()
  const say = (line: string) => io.report.say(line)
  const { inventory, backup } = await backedUp(options)
  await needSecrets(inventory)
  await installBorg(say)
  const name = `drill-${createHash('sha256').update(inventory.name).digest('hex').slice(0, 6)}`
  const borg = borgHere(backup, backup.key)
  try {
    const archive = chosen((await borg.run(['list', '--short'])).trim().split('\n').filter(Boolean), options.archive)
    await stopRehearsal(name)
    const rehearsal = await startRehearsal({
      name,
      mxname: inventory.server.mail.hostname,
      zones: zonesOf(inventory.server),
      onProgress: say,
    })
    try {
      const found = await compared(borg, archive, inventory, rehearsal, options, io)
      const bad = found.filter(({ differs }) => differs !== '').length
      const lines = found.map(
        ({ what, where, differs }) =>
          `${differs === '' ? '✓' : '✗'} ${what}${where === undefined ? '' : `, ${where}`}${differs === '' ? '' : `: ${differs}`}`,
      )
      const came = bad === 0 ? 'all of it came back' : `${bad === 1 ? '1 thing' : `${bad} things`} did not come back as it was`
      const verdict = `the drill of ${archive}: ${came} (${seconds(performance.now() - began)})`
      for (const one of found) io.report.event({ event: 'compared', ...one })
      for (const line of [...lines, verdict]) out(line)
      if (options.notify)
        await notifyHere(inventory.server, {
          title: bad === 0 ? 'restore drill passed' : 'restore drill failed',
          // No path and no address: who reads along there need not know who writes to whom.
          text: [verdict, ...found.map(({ what, differs }) => `${differs === '' ? '✓' : '✗'} ${what}`)].join('\n'),
          priority: bad === 0 ? 'low' : 'high',
        })
      return bad === 0 ? 0 : 2
    } catch (error) {
      if (options.notify && !(error instanceof ProvisionError && error.where.startsWith('http')))
        await notifyHere(inventory.server, {
          title: 'restore drill failed',
          text: error instanceof ProvisionError ? `${error.where}: ${error.message}` : 'see what it said on your machine',
          priority: 'high',
        })
      throw error
    } finally {
      if (!options.keep) await stopRehearsal(name)
    }
  } finally {
    borg.close()
  }
}

async function compared(
  borg: BorgHere,
  archive: string,
  inventory: Inventory,
  rehearsal: Rehearsal,
  { verbose, debug }: DrillOptions,
  io: Io,
): Promise<readonly Found[]> {
  const { host } = rehearsal
  const made = await writeInventory(inventory, rehearsal, () => undefined)
  // Whose passwords open the mailboxes is the archive's matter: they are those of the inventory.
  const ours = inventory.store.names().map((one) => [one, inventory.store.value(one)!] as const)
  await made.store.update((values) => new Map([...ours.filter(([one]) => !one.startsWith('backup/')), ...values]))
  giveRootPassword(rehearsal.rootPassword)
  const restored = { host: made.name, inventory: made.dir, verbose, debug, yes: true, mail: false }
  await restore(restored, io, {
    archive: async () => archive,
    fetch: async () => {
      await cutOff(host)
      await host.must(makeRoom)
      await borg.into(['export-tar', `::${archive}`, '-'], 'chroot', [host.root, 'tar', '-x', '-p', '-C', `${restorePlace}/tree`])
    },
  })
  return compareArchive(borg, archive, await loadInventory(made.dir, made.name), rehearsal)
}

/** What waits in maddy's queue is not delivered, nor returned to anybody: for maddy there is nobody out there. */
const cutOff = (host: Machine): Promise<string> =>
  host.must(sh`nft -f - <<'END'
table inet drill {
  chain out {
    type filter hook output priority -20; policy accept;
    meta skuid maddy ct state new oifname != "lo" drop
  }
}
END`)
