import { readFile } from 'node:fs/promises'
import { noTerminal, ProvisionError } from '../../errors.ts'
import type { Edit } from '../../inventory/edit/edit.ts'
import { type Inventory, loadInventory } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import { load } from '../../session/open.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { nextCommand } from '../../ui/next-command.ts'
import { recordLines } from '../dns/dns-lines.ts'
import { apply } from '../plan/apply.ts'
import { near, unified, type Writable, write } from './rewrite.ts'

export { near, type Writable } from './rewrite.ts'

/** What every command that changes an inventory may be told. */
export interface ChangeOptions extends OpenOptions {
  readonly yes: boolean
  /** Whether the host is corrected afterwards. */
  readonly apply: boolean
  /** The mail domain that it is about: its sites alone are waited for. */
  readonly domain?: string | undefined
}

/** What a change means beyond the inventory. */
export interface Concern {
  /** The playbooks that correct the host. */
  readonly concerns: readonly string[]
  readonly notes?: readonly string[]
  /** Its records are written by us: they are shown before the question. */
  readonly publishes?: boolean
  /** What is done to the zones once it is agreed to and before the file is written: nothing is written unless it returns 0. */
  readonly first?: { readonly lines: readonly string[]; readonly asks: string; run(): Promise<number> } | undefined
  /** Called once the file is written. */
  readonly written?: (() => Promise<void>) | undefined
  /** Corrects the host instead of those playbooks. */
  readonly then?: ((inventory: Inventory) => Promise<number>) | undefined
}

/** Reads what is going to be changed. Throws ProvisionError for the one that comes with us, and where nobody is there to ask. */
export async function writable({ inventory: given, host, yes }: ChangeOptions, io: Io): Promise<Writable> {
  if (!yes && io.ask === undefined) throw noTerminal('say --yes to write the inventory without a question')
  const inventory = await loadInventory(given, host)
  if (inventory.embedded)
    throw new ProvisionError(inventory.file, 'comes with provision and is never changed', 'copy it to ./inventory first')
  return { inventory, text: await readFile(inventory.file, 'utf8') }
}

/**
 * Shows what a change makes of the inventory, asks once, writes the file at once or not at all, says what has to be published,
 * and corrects the host: these playbooks, as ever. Returns the exit code: 1 when the operator says no.
 */
export async function changeInventory(
  found: Writable,
  edit: Edit,
  concern: Concern,
  options: ChangeOptions,
  io: Io,
): Promise<number> {
  const proposed = await proposeChange(found, edit, concern, options, io)
  if (options.yes || (await io.ask!.confirm(proposed.question))) return proposed.carryOut()
  io.report.say('nothing was written')
  return 1
}

/** A change that was shown, and waits for a yes. */
export interface ProposedChange {
  readonly question: string
  /** Writes the file and does the rest. Returns the exit code. */
  carryOut(): Promise<number>
}

/** Shows what a change makes of the inventory, and of the zones. Nothing is written yet. */
export async function proposeChange(
  { inventory, text }: Writable,
  edit: Edit,
  { concerns, notes = [], publishes = false, first, written, then }: Concern,
  options: ChangeOptions,
  io: Io,
): Promise<ProposedChange> {
  const { file, server: before, name } = inventory
  const edited = edit(file, text)
  const only = options.apply ? await known(concerns, options, io) : []
  const shown = near(file)
  io.report.diff(unified(shown, text, edited.text))
  const also = first?.asks ?? (publishes ? 'publish its records' : '')
  const records = recordLines(before, edited.server, publishes)
  if (publishes) io.report.diff(first?.lines ?? records)
  return {
    question: options.apply
      ? `Write this, ${also === '' ? 'and ' : ''}correct ${name} (${only.join(', ')})${also === '' ? '' : `, and ${also}`}?`
      : 'Write this?',
    carryOut: async () => {
      const code = (await first?.run()) ?? 0
      if (code !== 0) return code
      await write(file, text, edited)
      await written?.()
      io.report.say(`wrote ${shown}`)
      for (const note of notes) io.report.say(note)
      if (!publishes) io.report.diff(records)
      if (then !== undefined) return then(await loadInventory(options.inventory, options.host))
      if (options.apply) return correctHost(only, options, io, shown)
      io.report.say(`next, to correct the host:\n  ${nextCommand([], options)}`)
      return 0
    },
  }
}

/** Corrects these playbooks. When that fails the inventory is written all the same, which is said. */
export async function correctHost(only: readonly string[], options: ChangeOptions, io: Io, file: string): Promise<number> {
  try {
    return await apply({ ...options, check: false, diff: false, yes: true, only }, io)
  } catch (error) {
    io.report.say(`${file} is written; once the fault is mended, go on with:\n  ${nextCommand([], options)}`)
    throw error
  }
}

/** Those of these playbooks that there are: somebody's own may have others. */
export async function known(concerns: readonly string[], options: ChangeOptions, io: Io): Promise<readonly string[]> {
  const { playbooks } = await load(options, io, false)
  const there = concerns.filter((id) => playbooks.some((playbook) => playbook.id === id))
  return there.length > 0 ? there : playbooks.map(({ id }) => id)
}
