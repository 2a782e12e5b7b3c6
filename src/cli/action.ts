import { type Command, CommanderError } from 'commander'
import { Interrupted, ProvisionError } from '../errors.ts'
import type { Io } from '../session/io.ts'

/** Every flag of every command, as commander gives them. */
export interface Flags {
  readonly host?: string
  readonly all?: true
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
  readonly to?: string
  readonly accounts?: string
  readonly catchAll?: string
  readonly web?: string
  readonly dmarc?: string
  readonly mtaSts?: string
  readonly domain?: string
  readonly offline?: true
  readonly keepRecords?: true
  readonly selector?: string
  readonly key?: string
  readonly wait?: number
  readonly archive?: string
  readonly drill?: true
  readonly mailbox?: string
  readonly message?: string
  readonly list?: string | true
  readonly inPlace?: true
  readonly keep?: true
  readonly notify?: true
  readonly overwrite?: true
  readonly prune?: true
  readonly publish?: true
  readonly reboot?: true
  readonly resolver?: string
  readonly html?: string
  readonly since?: true
  readonly last?: number
  readonly previous?: number | true
  readonly json?: true
  readonly verbose?: true
  readonly debug?: true
}

/** What a command does with its flags and arguments: an exit code. Each loads what it needs, and nothing before. */
export type Action = (flags: Flags, io: Io, args: readonly string[]) => Promise<number>

/** Runs an action with the process's own streams; what it throws is told as this command tells things. */
export function runAction(action: Action): (...args: unknown[]) => Promise<void> {
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

/** The one place that tells an error. Returns the exit code. */
export async function tell(error: unknown, given?: Io, debug = false): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1
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

/** The flags of a command that cannot do without a host. Throws ProvisionError. */
export function needsHost<T extends Flags>(flags: T): T & { readonly host: string } {
  if (flags.host === undefined)
    throw new ProvisionError('provision', '--host is missing', 'name an inventory: its file name, host name or address')
  return { ...flags, host: flags.host }
}

/** What a command that changes an inventory goes by. */
export function changeOptions(flags: Flags) {
  return { ...needsHost(flags), yes: flags.yes === true, apply: flags.apply !== false }
}

/** Prints one line of what a command is for. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Not loaded for --help: it brings all that a plan is told with. */
async function streams(json: boolean): Promise<Io> {
  return (await import('../session/io.ts')).processIo({ json })
}
