import { loadInventory } from '../inventory/inventory.ts'
import type { Io } from '../session/io.ts'
import type { OpenOptions } from '../session/open-options.ts'
import { nextCommand } from '../ui/next-command.ts'
import { editSecrets, listSecrets, setSecret, showSecret } from './secrets.ts'

/** `provision secrets list|show|set|edit`, with the process's own streams. */
export async function secrets(
  verb: 'list' | 'show' | 'set' | 'edit',
  options: OpenOptions,
  io: Io,
  name = '',
  previous = 0,
): Promise<number> {
  const inventory = await loadInventory(options.inventory, options.host)
  const say = (line: string) => io.report.say(line)
  const streams = {
    stdin: process.stdin,
    say,
    out: io.print,
    command: (...words: readonly string[]) => nextCommand(words, options),
    newValue: async (question: string, fault: (typed: string) => string | undefined) =>
      (await import('../ui/ask.ts')).askNewPassword(question, fault),
  }
  if (verb === 'list') await listSecrets(inventory, { ...streams, event: io.report.event })
  else if (verb === 'show') await showSecret(inventory, name, streams, previous)
  else if (verb === 'set') await setSecret(inventory, name, streams)
  else await editSecrets(inventory, name === '' ? undefined : name, streams)
  return 0
}
