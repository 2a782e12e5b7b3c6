import { readFile, realpath, stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { createTwoFilesPatch } from 'diff'
import { ProvisionError } from '../../errors.ts'
import type { Edit, Edited } from '../../inventory/edit/edit.ts'
import { type Inventory, loadInventory } from '../../inventory/inventory.ts'
import type { Io } from '../../session/io.ts'
import type { OpenOptions } from '../../session/open-options.ts'
import { replaceFile, whileLocked } from '../../util/replace.ts'

/** An inventory that may be written to, and its text. */
export interface Writable {
  readonly inventory: Inventory
  readonly text: string
}

/** Shows what an edit makes of the inventory, asks if there is a question, and writes it. Returns what it is then; nothing when the operator says no. */
export async function rewrite(
  { inventory, text }: Writable,
  edit: Edit,
  question: string | undefined,
  options: OpenOptions,
  io: Io,
): Promise<Writable | undefined> {
  const { file } = inventory
  const edited = edit(file, text)
  io.report.diff(unified(near(file), text, edited.text))
  if (question !== undefined && !(await io.ask!.confirm(question))) {
    io.report.say('nothing was written')
    return undefined
  }
  await write(file, text, edited)
  io.report.say(`wrote ${near(file)}`)
  return { inventory: await loadInventory(options.inventory, options.host), text: edited.text }
}

/** A file as it is best shown: from here, when it is below. */
export function near(file: string): string {
  const path = relative('', file)
  return path.startsWith('..') ? file : path
}

/** A file before and after, as a unified diff. */
export function unified(file: string, before: string, after: string): readonly string[] {
  const lines = createTwoFilesPatch(file, file, before, after, '', '', { context: 3 }).trimEnd().split('\n')
  return lines.slice(lines.findIndex((line) => line.startsWith('--- ')))
}

/** Writes the file, unless it is no longer what was shown. */
export async function write(file: string, before: string, { text }: Edited): Promise<void> {
  const path = await realpath(file)
  await whileLocked(path, async () => {
    if ((await readFile(path, 'utf8')) !== before)
      throw new ProvisionError(file, 'it was changed in the meantime: nothing was written', 'run it again')
    await replaceFile(path, text, (await stat(path)).mode & 0o777)
  })
}
