import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { type Io, processIo } from './commands/io.ts'
import { Interrupted, ProvisionError } from './errors.ts'
import { root } from './text.ts'

interface Flags {
  readonly host?: string
  readonly inventory?: string
  readonly address?: string
  readonly hostKey?: string
  readonly check?: true
  readonly diff?: true
  readonly only?: readonly string[]
  readonly yes?: true
  readonly overwrite?: true
  readonly prune?: true
  readonly json?: true
  readonly verbose?: true
  readonly debug?: true
}

/** What a command does with its flags: an exit code. Each loads what it needs, and nothing before. */
type Action = (flags: Flags, io: Io, args: readonly string[]) => Promise<number>

const program = new Command('provision')
  .description('sets up and keeps a mail and web server on Debian 12, over SSH, from one inventory file')
  .version((JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }).version)
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(provision --help lists what there is)')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'provision: ')) })

reaching(program)
  .option('--check', 'plan only, writes nothing; exit code 2 when something differs')
  .option('--diff', 'the plan with the text that differs')
  .option('--only <id,…>', 'these playbooks or steps: maddy, access/harden-sshd', names)
  .option('--yes', 'no question')
  .option('--overwrite', 'what was edited on the host goes too; a copy is kept there')
  .option('--prune', 'what is on the host and not declared goes')
  .action(act(applyAction))

reaching(program.command('list').description('the ids and titles of playbooks and steps, in order')).action(
  act(async (flags, io) => (await import('./commands/list.ts')).list(needsHost(flags), io, print)),
)

reaching(program.command('adopt').description('what was edited on the host, and how to keep it')).action(
  act(async (flags, io) => (await import('./commands/adopt.ts')).adopt(needsHost(flags), io, print)),
)

const secrets = program.command('secrets').description('the secrets of an inventory: list, show NAME, set NAME, edit [NAME]')
for (const [verb, args, about] of [
  ['list', '', 'the names, and whether each has a value'],
  ['show', '<name>', 'one value'],
  ['set', '<name>', 'gives one a value, asked for or from stdin'],
  ['edit', '[name]', 'opens one, or all of them, in $EDITOR'],
] as const) {
  naming(secrets.command(`${verb} ${args}`.trim()).description(about)).action(
    act(async (flags, io, [name]) => (await import('./commands/secrets-cli.ts')).secrets(verb, needsHost(flags), io, name)),
  )
}

program
  .command('rehearse')
  .description('makes a disposable Debian 12 on this machine, provisions it, and sends a mail through it')
  .option('--host <name>', 'the inventory to rehearse (default: the embedded one)')
  .option('--inventory <dir>', 'where inventories are')
  .option('--fresh', 'begins anew with a new host')
  .option('--keep', 'leaves it running when something fails')
  .option('--stop', 'ends and removes it')
  .option('--json', 'events, one JSON object a line')
  .option('--verbose', 'the scripts that run')
  .option('--debug', 'stacks, and the SSH dialogue')
  .action(act(async (flags, io) => (await import('./commands/rehearse.ts')).rehearse(flags, io)))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = tell(error)
}

async function applyAction(flags: Flags, io: Io): Promise<number> {
  if (flags.host === undefined) {
    process.stdout.write(program.helpInformation())
    return 0
  }
  const { apply } = await import('./commands/apply.ts')
  return apply(
    {
      ...needsHost(flags),
      check: flags.check === true,
      diff: flags.diff === true,
      yes: flags.yes === true,
      overwrite: flags.overwrite,
      only: flags.only,
    },
    io,
  )
}

/** Runs an action with the process's own streams; what it throws is told as this command tells things. */
function act(action: Action): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command
    const flags = command.optsWithGlobals<Flags>()
    const io = processIo({ json: flags.json === true })
    try {
      process.exitCode = await action(flags, io, command.args)
    } catch (error) {
      process.exitCode = tell(error, io, flags.debug === true)
    }
  }
}

/** The one place that tells an error. Returns the exit code. */
function tell(error: unknown, io: Io = processIo({ json: false }), debug = false): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
  // inquirer throws this when the operator leaves a question with Ctrl-C.
  if (error instanceof Error && error.name === 'ExitPromptError') return 130
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  if (error instanceof ProvisionError) io.report.error(error)
  else
    io.report.error({
      where: 'provision',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      hint: 'this is a fault of provision: please report it',
    })
  return error instanceof Interrupted ? error.code : 1
}

function needsHost<T extends Flags>(flags: T): T & { readonly host: string } {
  if (flags.host === undefined)
    throw new ProvisionError('provision', '--host is missing', 'name an inventory: its file name, host name or address')
  return { ...flags, host: flags.host }
}

function naming(command: Command): Command {
  return command
    .option('--host <name>', 'the inventory whose file name, host name or address this is')
    .option('--inventory <dir>', 'where inventories are (default: $PROVISION_INVENTORY, ./inventory)')
    .option('--json', 'events, one JSON object a line')
    .option('--verbose', 'the scripts that run, secrets hidden')
    .option('--debug', 'stacks, and the SSH dialogue')
}

function reaching(command: Command): Command {
  return naming(command)
    .option('--address <address>', 'reach it there: A, A:PORT or [v6]:PORT')
    .option('--host-key <SHA256:…>', 'the host shows this key and no other', fingerprint)
}

function names(value: string): readonly string[] {
  return value.split(',').filter((name) => name !== '')
}

function fingerprint(value: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(value))
    throw new InvalidArgumentError('it looks like SHA256: and 43 characters, as ssh-keygen -lf prints it.')
  return value
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
