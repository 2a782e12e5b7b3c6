import { CommanderError } from 'commander'
import type { Command } from '../../src/cli/define.ts'
import { commandLine } from '../../src/cli/program.ts'

/** What the command line makes of these words: a command with what it is given, or why it does not take them. */
export function called(words: readonly string[]): {
  readonly command?: Command
  readonly given?: object
  readonly refusal?: string
} {
  let taken: { readonly command: Command; readonly given: object } | undefined
  const program = commandLine('0', async (command, given) => {
    taken = { command, given }
  })
  for (const one of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
    one.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined, outputError: () => undefined })
  try {
    program.parse(words, { from: 'user' })
    return taken ?? {}
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? {} : { refusal: error.message }
  }
}
