import type { Command } from 'commander'
import { act, needsHost, print } from './action.ts'
import { reaching } from './options.ts'

/** What is done with the zones of an inventory: `dns`. */
export function zones(program: Command): void {
  const dns = program.command('dns').description('the zones of an inventory: records, zone, check')
  for (const [verb, name, about] of [
    ['records', 'dnsRecords', 'what should be published'],
    ['zone', 'dnsZone', 'the same as whole zones'],
    ['check', 'dnsCheck', 'asks the zones’ own name servers; exit code 2 when something differs'],
  ] as const) {
    reaching(dns.command(verb).description(about))
      .option('--domain <domain>', 'this one only')
      .option('--offline', 'without the host, and so without its keys: no DKIM, no TLSA')
      .action(act(async (flags, io) => (await import('../commands/dns.ts'))[name](needsHost(flags), io, print)))
  }
}
