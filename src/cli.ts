import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { Io } from './commands/io.ts'
import { Interrupted, ProvisionError, UnknownHost } from './errors.ts'
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
  /** False with --no-apply. */
  readonly apply?: boolean
  readonly answers?: string
  readonly accounts?: string
  readonly catchAll?: string
  readonly web?: string
  readonly dmarc?: string
  readonly mtaSts?: string
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

program
  .command('init [name]')
  .description('makes an inventory by questions')
  .option('--inventory <dir>', 'where inventories are (default: $PROVISION_INVENTORY, ./inventory)')
  .option('--debug', 'stacks')
  .action(act(async (flags, io, [name]) => (await import('./commands/init.ts')).init(flags, io, name)))

const domain = program.command('domain').description('the mail domains of an inventory: add [DOMAIN], remove DOMAIN')
changing(domain.command('add [domain]').description('one more, by questions, flags or a file; then its records are printed'))
  .option('--accounts <name,…>', 'its mailboxes')
  .option('--catch-all <name>', 'the account that gets what nobody else gets')
  .option('--web <where>', 'here, bare (no site), or the addresses of another host')
  .option('--dmarc <policy>', 'none, quarantine or reject')
  .option('--mta-sts <mode>', 'none, testing or enforce')
  .option('--answers <file>', 'all of it, as in an inventory')
  .action(act(async (flags, io, [name]) => (await import('./commands/domain.ts')).domainAdd(change(flags), io, name)))
changing(domain.command('remove <domain>').description('takes one out, with the site of its name')).action(
  act(async (flags, io, [name = '']) => (await import('./commands/domain.ts')).domainRemove(change(flags), io, name)),
)

const account = program.command('account').description('the mailboxes of an inventory: add, remove, password ADDRESS')
for (const [verb, name, about] of [
  ['add', 'accountAdd', 'one more; its password is made up'],
  ['remove', 'accountRemove', 'takes one out'],
  ['password', 'accountPassword', 'a new password: typed, from stdin, or made up'],
] as const) {
  changing(account.command(`${verb} <address>`).description(about)).action(
    act(async (flags, io, [address = '']) => (await import('./commands/account.ts'))[name](change(flags), io, address)),
  )
}

const alias = program.command('alias').description('the aliases of an inventory: add ADDRESS TARGET…, remove ADDRESS')
changing(alias.command('add <address> <target...>').description('one more, for one or several addresses')).action(
  act(async (flags, io, [address = '', ...to]) =>
    (await import('./commands/account.ts')).aliasAdd(change(flags), io, address, to),
  ),
)
changing(alias.command('remove <address>').description('takes one out')).action(
  act(async (flags, io, [address = '']) => (await import('./commands/account.ts')).aliasRemove(change(flags), io, address)),
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
  process.exitCode = await tell(error)
}
// A login that nobody waits for any more, behind an error that was told, does not keep the operator waiting.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve))
process.exit()

async function applyAction(flags: Flags, io: Io): Promise<number> {
  if (flags.host === undefined) {
    process.stdout.write(program.helpInformation())
    return 0
  }
  const { apply } = await import('./commands/apply.ts')
  const { check = false, diff = false, yes = false, only } = flags
  const run = (host: string) => apply({ ...flags, host, check, diff, yes, only }, io)
  try {
    return await run(flags.host)
  } catch (error) {
    if (!(error instanceof UnknownHost) || io.ask === undefined) throw error
    io.report.error(error)
    if (!(await io.ask.confirm('Make one now, by some questions?'))) return 1
    const made = await (await import('./commands/init.ts')).makeInventory(flags, io, flags.host)
    return made === undefined ? 1 : run(made)
  }
}

/** What a command that changes an inventory goes by. */
function change(flags: Flags) {
  return { ...needsHost(flags), yes: flags.yes === true, apply: flags.apply !== false }
}

/** Runs an action with the process's own streams; what it throws is told as this command tells things. */
function act(action: Action): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command
    const flags = command.optsWithGlobals<Flags>()
    const io = await streams(flags.json === true)
    try {
      process.exitCode = await action(flags, io, command.args)
    } catch (error) {
      process.exitCode = await tell(error, io, flags.debug === true)
    }
  }
}

/** Not loaded for --help: it brings all that a plan is told with. */
async function streams(json: boolean): Promise<Io> {
  return (await import('./commands/io.ts')).processIo({ json })
}

/** The one place that tells an error. Returns the exit code. */
async function tell(error: unknown, given?: Io, debug = false): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
  const io = given ?? (await streams(false))
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

function changing(command: Command): Command {
  return reaching(command)
    .option('--no-apply', 'writes the inventory, and leaves the host as it is')
    .option('--yes', 'no question')
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
