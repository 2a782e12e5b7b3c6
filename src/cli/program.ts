import { Command as Commander, CommanderError } from 'commander'
import { Interrupted, ProvisionError } from '../errors.ts'
import type { Io } from '../session/io.ts'
import { backupCommands } from './backups.ts'
import type { Command, Option } from './define.ts'
import { didYouMean } from './did-you-mean.ts'
import { zoneCommands } from './dns.ts'
import { hostCommands, localCommands } from './hosts.ts'
import { inventoryCommands } from './inventories.ts'
import { oneHost } from './options.ts'

/** The commands, by what they are about, in the order in which they are shown. */
export const sections: readonly { readonly title: string; readonly page: string; readonly commands: readonly Command[] }[] = [
  { title: 'The host', page: 'host', commands: hostCommands },
  { title: 'The inventory', page: 'inventory', commands: inventoryCommands },
  { title: 'DNS and keys', page: 'dns-and-keys', commands: zoneCommands },
  { title: 'Backups', page: 'backups', commands: backupCommands },
  { title: 'This machine', page: 'this-machine', commands: localCommands },
]

/** What the first word of a command of two words is about. */
export const groups: Readonly<Record<string, string>> = {
  domain: 'The mail domains of an inventory',
  account: 'The mailboxes of an inventory',
  alias: 'The aliases of an inventory',
  secrets: 'The secrets of an inventory',
  dns: 'The zones of an inventory',
  dkim: 'The keys that mail is signed with',
  tlsa: 'The key of the mail certificate',
  backup: 'The backups of a host',
}

/** The words of a command without its arguments: `domain add`. */
export const wordsOf = ({ name }: Command): string => name.replace(/ ?[<[].*$/, '')

/** The arguments of a command as they are written: `<address> <target...>`. */
export const argumentsOf = (command: Command): string => command.name.slice(wordsOf(command).length).trim()

/** The command line, built from the definitions; `act` is what is done with the one that was called. */
export function commandLine(
  version: string,
  act: (command: Command, given: never, help: () => string) => Promise<void>,
): Commander {
  const program = new Commander('provision')
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(provision --help lists what there is)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'provision: ')) })
  for (const command of sections.flatMap(({ commands }) => commands)) {
    const built = place(program, wordsOf(command)).description(command.about)
    if (argumentsOf(command) !== '') built.arguments(argumentsOf(command))
    for (const { flags, about, parse } of Object.values(command.options))
      if (parse === undefined) built.option(flags, about)
      else built.option(flags, about, parse)
    const examples = command.examples ?? []
    if (examples.length > 0) built.addHelpText('after', () => `\nExamples:\n${examples.map((one) => `  ${one}`).join('\n')}`)
    built.action(() => {
      refuse(program, built, command)
      return act(command, given(command, built) as never, () => built.helpInformation())
    })
  }
  // A word too many may be a command that was mistyped: “refuse” says which. After the commands, which would inherit it.
  return program.allowExcessArguments()
}

/** Runs a command with the process's own streams; what it throws is reported as this command reports things. */
export async function runCommand(command: Command, given: never, help: () => string): Promise<void> {
  const { json, debug } = given as { readonly json?: boolean; readonly debug?: boolean }
  const io = await streams(json === true)
  try {
    requireNeeded(command, given)
    const code = await command.run(given, io)
    if (code === 'help' && io.json) throw missing(oneHost)
    if (code === 'help') process.stdout.write(help())
    process.exitCode = code === 'help' ? 0 : code
  } catch (error) {
    process.exitCode = await tell(error, io, debug === true)
  }
  io.ended(Number(process.exitCode))
}

/** The one place that reports an error. Returns the exit code. */
export async function tell(error: unknown, given?: Io, debug = false): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : refused(error)
  const io = given ?? (await streams(false))
  // inquirer throws this when the operator leaves a question with Ctrl-C.
  if (error instanceof Error && error.name === 'ExitPromptError') return 130
  if (debug && error instanceof Error)
    process.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `${error.cause.stack}\n` : ''}`)
  if (error instanceof ProvisionError) io.report.error(error)
  else
    io.report.error({
      where: 'provision',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      hint: 'this is a fault of provision: please report it',
    })
  return error instanceof Interrupted ? error.code : 1
}

/** The command of these words, made together with the group that it is in. */
function place(program: Commander, words: string): Commander {
  const [first = '', second] = words.split(' ')
  if (first === '') return program
  if (second === undefined) return program.command(first)
  const group = program.commands.find((one) => one.name() === first) ?? program.command(first)
  const made = group.command(second)
  group.description(`${groups[first]}: ${group.commands.map((one) => one.name()).join(', ')}`)
  return made
}

/** Refuses what commander would overlook: a command that does not exist, and an option before a command that does not have it. */
function refuse(program: Commander, built: Commander, { options }: Command): void {
  const [word] = built === program ? built.args : []
  if (word !== undefined)
    program.error(
      `error: unknown command '${word}'${didYouMean(
        word,
        program.commands.map((one) => one.name()),
      )}`,
    )
  for (const option of program.options) {
    const key = option.attributeName()
    if (program.getOptionValueSource(key) === 'cli' && !(key in options)) built.error(`error: unknown option '${option.long}'`)
  }
}

/** What a command is given: its options, those before its words included, and its arguments. */
function given({ options }: Command, built: Commander): object {
  const seen = built.optsWithGlobals<Record<string, unknown>>()
  return Object.fromEntries([
    ...Object.entries(options).map(([key, { absent }]) => [key, seen[key] ?? absent]),
    ...built.registeredArguments.map((argument, i) => [argument.name(), built.processedArgs[i]]),
  ])
}

function requireNeeded({ options }: Command, given: Readonly<Record<string, unknown>>): void {
  const lacking = Object.entries<Option<unknown>>(options).find(
    ([key, option]) => option.needed !== undefined && given[key] === undefined,
  )?.[1]
  if (lacking !== undefined) throw missing(lacking)
}

const missing = ({ flags, needed }: Option<unknown>): ProvisionError =>
  new ProvisionError('provision', `${flags.replace(/ .*/, '')} is missing`, needed)

/** A command line that was not taken has been reported as text; a program that reads events is told as well. */
async function refused({ message }: CommanderError): Promise<number> {
  if (process.argv.includes('--json')) {
    const io = await streams(true)
    io.report.error({ where: 'provision', message: message.replace(/^error: /, '') })
    io.ended(1)
  }
  return 1
}

/** Not loaded for --help: it brings all that a plan is reported with. */
async function streams(json: boolean): Promise<Io> {
  return (await import('../session/io.ts')).processIo({ json })
}
