import { Command, CommanderError } from 'commander'
import { backups } from '../../src/cli/backups.ts'
import { zones } from '../../src/cli/dns.ts'
import { hosts } from '../../src/cli/hosts.ts'
import { inventories } from '../../src/cli/inventories.ts'
import { rehearsals } from '../../src/cli/rehearsals.ts'

/** The command line as it is defined, with commands that do nothing. */
function program(): Command {
  const all = new Command('provision')
    .version('0')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined, outputError: () => undefined })
  for (const part of [hosts, inventories, zones, backups, rehearsals]) part(all)
  for (const command of commandsOf(all)) command.action(() => undefined)
  return all
}

const commandsOf = (command: Command): readonly Command[] =>
  command.commands.length === 0
    ? [command]
    : [...(command.parent === null ? [command] : []), ...command.commands.flatMap(commandsOf)]

/** What the command line says of these words; undefined when it takes them. */
export function refusal(words: readonly string[]): string | undefined {
  try {
    program().parse(words, { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? undefined : error.message
  }
}

/** Every command, with its words and its options: `dns check`, `--offline`. */
export const commands = (): readonly { readonly words: string; readonly options: readonly string[] }[] =>
  commandsOf(program()).map((command) => ({
    words: wordsOf(command),
    options: command.options.flatMap(({ long }) => long ?? []),
  }))

const wordsOf = (command: Command): string =>
  command.parent === null ? '' : `${wordsOf(command.parent)} ${command.name()}`.trim()
