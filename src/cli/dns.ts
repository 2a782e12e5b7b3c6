import { type Command, InvalidArgumentError } from 'commander'
import type { Io } from '../session/io.ts'
import { type Flags, needsHost, print, runAction } from './action.ts'
import { naming, reaching } from './options.ts'

/** What is done with the zones of an inventory: `dns`, and with the keys that they name: `dkim`, `tlsa`. */
export function zones(program: Command): void {
  const dns = program.command('dns').description('the zones of an inventory: records, zone, check, publish, lint FILE')
  for (const [verb, name, about] of [
    ['records', 'dnsRecords', 'what should be published'],
    ['zone', 'dnsZone', 'the same as whole zones'],
    ['check', 'dnsCheck', 'asks the zones’ own name servers; exit code 2 when something differs'],
  ] as const) {
    reaching(dns.command(verb).description(about))
      .option('--domain <domain>', 'this one only')
      .option('--offline', 'without the host, and so without its keys: no DKIM, no TLSA')
      .action(runAction(async (flags, io) => (await import('../commands/dns/dns.ts'))[name](needsHost(flags), io, print)))
  }
  naming(dns.command('lint <file>').description('what is wrong with a zone file; - is stdin'))
    .option('--domain <domain>', 'the zone’s name, where the file does not say it')
    .option('--offline', 'only what the text says by itself: no DS, no authorisation of reports')
    .action(
      runAction(async (flags, io, [file = '']) => (await import('../commands/dns/dns-lint.ts')).dnsLint(flags, io, print, file)),
    )
  reaching(
    dns.command('publish').description('writes what is missing or wrong where the zones are kept, and waits until it is seen'),
  )
    .option('--domain <domain>', 'this one only')
    .option('--offline', 'without the host, and so without its keys: no DKIM, no TLSA')
    .option('--yes', 'no question')
    .option('--prune', 'what is too much goes: a second MX, another CA')
    .option('--wait <seconds>', 'how long the name servers may take to show it (default: 600)', seconds)
    .action(
      runAction(async (flags, io) =>
        (await import('../commands/dns/dns-publish.ts')).dnsPublish({ ...needsHost(flags), yes: flags.yes === true }, io),
      ),
    )

  const goesOn = 'goes as far as it may, says when to go on, and goes on'
  rotating(
    program.command('dkim').description('the keys that mail is signed with: rotate'),
    `another key and selector: ${goesOn}`,
  )
    .option('--domain <domain>', 'of this one only')
    .option('--selector <name>', 'what it is called (default: s and the month)')
    .action(runAction((flags, io) => turned('dkim', { ...flags, named: flags.selector }, io)))
  rotating(program.command('tlsa').description('the key of the mail certificate: rotate'), `another key: ${goesOn}`)
    .option('--key <name>', 'what it is called (default: k and the month)')
    .action(runAction((flags, io) => turned('tlsa', { ...flags, named: flags.key }, io)))
}

async function turned(word: 'dkim' | 'tlsa', flags: Flags & { readonly named?: string | undefined }, io: Io): Promise<number> {
  const [{ rotate }, rotations] = await Promise.all([
    import('../commands/keys/rotate.ts'),
    import('../commands/keys/rotations.ts'),
  ])
  return rotate(rotations[word], { ...needsHost(flags), yes: flags.yes === true }, io)
}

const rotating = (command: Command, about: string): Command =>
  reaching(command.command('rotate').description(about)).option('--yes', 'no question')

function seconds(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError('it is a number of seconds.')
  return Number(value)
}
