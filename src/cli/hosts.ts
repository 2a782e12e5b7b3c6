import type { Command } from 'commander'
import { ProvisionError, UnknownHost } from '../errors.ts'
import type { Io } from '../session/io.ts'
import { type Flags, needsHost, print, runAction } from './action.ts'
import { names, naming, positiveInteger, reaching } from './options.ts'

/** What is done with a host and its inventory: the plan and its correction, `list`, `adopt`. */
export function hosts(program: Command): void {
  reaching(program)
    .option('--check', 'plan only, writes nothing; exit code 2 when something differs')
    .option('--diff', 'the plan with the text that differs')
    .option('--only <id,…>', 'these playbooks or steps: maddy, access/harden-sshd', names)
    .option('--yes', 'no question')
    .option('--overwrite', 'what was edited on the host goes too; a copy is kept there')
    .option('--prune', 'what is on the host and not declared goes')
    .option('--publish', 'what differs in the zones is published too: provision dns publish')
    .option('--reboot', 'reboots the host when an upgrade needs it, and goes on')
    .option('--all', 'every inventory of the folder; --host takes several as well, with commas')
    .action(runAction((flags, io) => applyAction(program.helpInformation(), flags, io)))

  reaching(program.command('list').description('the ids and titles of playbooks and steps, in order')).action(
    runAction(async (flags, io) => (await import('../commands/plan/list.ts')).list(needsHost(flags), io, print)),
  )

  reaching(program.command('doctor').description('looks at the server from outside and from inside, and says what to do'))
    .option('--only <id,…>', 'these checks', names)
    .option('--resolver <address>', 'asks the DNS there (default: dns.lookup, else this machine’s)')
    .option('--html <file>', 'a page to keep or to send')
    .option('--since', 'only what has changed since the last look')
    .action(runAction(async (flags, io) => (await import('../commands/doctor.ts')).doctor(needsHost(flags), io, print)))

  reaching(program.command('history').description('what runs have changed on the host: who, when, what'))
    .option('--last <number>', 'the newest so many', positiveInteger)
    .action(runAction(async (flags, io) => (await import('../commands/plan/history.ts')).history(needsHost(flags), io, print)))

  reaching(
    program.command('upgrade <program>').description('moves maddy or caddy to another version, and back when it does not work'),
  )
    .requiredOption('--to <version>', 'which')
    .option('--yes', 'no question')
    .action(
      runAction(async (flags, io, [name = '']) => {
        const { upgradeProgram } = await import('../commands/upgrade.ts')
        return upgradeProgram({ ...needsHost(flags), yes: flags.yes === true, to: flags.to! }, io, name)
      }),
    )

  naming(program.command('outdated').description('which pinned programs have a newer release')).action(
    runAction(async (flags, io) => (await import('../commands/outdated.ts')).outdated(needsHost(flags), io, print)),
  )

  reaching(program.command('adopt').description('what was edited on the host, and how to keep it')).action(
    runAction(async (flags, io) => (await import('../commands/plan/adopt.ts')).adopt(needsHost(flags), io, print)),
  )
}

async function applyAction(help: string, flags: Flags, io: Io): Promise<number> {
  const { check = false, diff = false, yes = false, only } = flags
  const several = names(flags.host ?? '')
  if (flags.all === true || several.length > 1) {
    if (flags.all && several.length > 0)
      throw new ProvisionError('--all', 'is every host, and --host names some', 'say one of them')
    return (await import('../commands/plan/fleet.ts')).fleet({ ...flags, hosts: several, check, diff, yes, only }, io)
  }
  if (flags.host === undefined) {
    process.stdout.write(help)
    return 0
  }
  const { apply } = await import('../commands/plan/apply.ts')
  const run = (host: string) => apply({ ...flags, host, check, diff, yes, only }, io)
  try {
    return await run(flags.host)
  } catch (error) {
    if (!(error instanceof UnknownHost) || io.ask === undefined) throw error
    io.report.error(error)
    if (!(await io.ask.confirm('Make one now, by some questions?'))) return 1
    const made = await (await import('../commands/inventory/init.ts')).makeInventory(flags, io, flags.host)
    return made === undefined ? 1 : run(made)
  }
}
