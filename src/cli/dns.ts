import { InvalidArgumentError } from 'commander'
import type { Io } from '../session/io.ts'
import { defineCommand, flag, type Given, parsed, value } from './define.ts'
import { mayName, reaching, yes } from './options.ts'

const zones = {
  ...reaching,
  domain: value('--domain <domain>', 'this domain only'),
  offline: flag('--offline', 'do not ask the host; its DKIM and certificate keys are not known then'),
}

const rotating = { ...reaching, yes }

/** What is done with the zones of an inventory, `dns`, and with the keys that they name, `dkim` and `tlsa`. */
export const zoneCommands = [
  defineCommand({
    name: 'dns records',
    about: 'Print the records that should be published',
    options: zones,
    examples: ['provision dns records --domain example.org --host my.example.org'],
    run: async (given, io) => (await import('../commands/dns/dns.ts')).dnsRecords(given, io, io.print),
  }),
  defineCommand({
    name: 'dns zone',
    about: 'Print the same as whole zones',
    options: zones,
    examples: ['provision dns zone --domain example.org --host my.example.org'],
    run: async (given, io) => (await import('../commands/dns/dns.ts')).dnsZone(given, io, io.print),
  }),
  defineCommand({
    name: 'dns check',
    about: 'Ask the zones’ own name servers what is missing, wrong or too much',
    options: zones,
    exits: { 0: 'all is as it should be', 1: 'a name server could not be asked', 2: 'something differs' },
    examples: ['provision dns check --host my.example.org'],
    run: async (given, io) => (await import('../commands/dns/dns.ts')).dnsCheck(given, io, io.print),
  }),
  defineCommand({
    name: 'dns publish',
    about: 'Write what is missing or wrong where the zones are kept, and wait until it is seen',
    details: 'It waits until every name server shows it. How zones are reached: [DNS and keys](../../guides/dns-and-keys.md).',
    options: {
      ...zones,
      yes,
      prune: flag('--prune', 'remove what is too much: a second MX, a different CA'),
      wait: parsed('--wait <seconds>', 'how long the name servers may take to show it (default: 600)', seconds),
    },
    exits: { 2: 'a name server does not show it yet, or the question was declined' },
    examples: ['provision dns publish --domain example.org --host my.example.org'],
    run: async (given, io) => (await import('../commands/dns/dns-publish.ts')).dnsPublish(given, io),
  }),
  defineCommand({
    name: 'dns lint <file>',
    about: 'Say what is wrong with a zone file; - is stdin',
    details: `Checks the zone, its DS, and those who should get its reports. With \`--host\` it knows the CA and the policies as
well.`,
    options: {
      ...mayName,
      domain: value('--domain <domain>', 'the zone’s name, where the file does not say it'),
      offline: flag('--offline', 'check the text only: no DS, no authorisation of reports'),
    },
    exits: { 0: 'nothing is wrong', 1: 'something could not be looked up', 2: 'it found something' },
    examples: ['provision dns lint example.org.zone --domain example.org'],
    run: async ({ file, ...given }, io) => (await import('../commands/dns/dns-lint.ts')).dnsLint(given, io, io.print, file),
  }),
  defineCommand({
    name: 'dkim rotate',
    about: 'Make a new key and selector to sign mail with; say when to run it again, and continue then',
    details: 'Step by step: [new DKIM and TLSA keys](../../guides/dns-and-keys.md#new-dkim-and-tlsa-keys).',
    options: {
      ...rotating,
      domain: value('--domain <domain>', 'the key of this domain only'),
      selector: value('--selector <name>', 'the name of the new key (default: s and the month)'),
    },
    examples: ['provision dkim rotate --domain example.org --host my.example.org'],
    run: ({ selector, ...given }, io) => rotate('dkim', { ...given, named: selector }, io),
  }),
  defineCommand({
    name: 'tlsa rotate',
    about: 'Make a new key for the mail certificate; say when to run it again, and continue then',
    details: 'Step by step: [new DKIM and TLSA keys](../../guides/dns-and-keys.md#new-dkim-and-tlsa-keys).',
    options: { ...rotating, key: value('--key <name>', 'the name of the new key (default: k and the month)') },
    examples: ['provision tlsa rotate --host my.example.org'],
    run: ({ key, ...given }, io) => rotate('tlsa', { ...given, named: key }, io),
  }),
]

async function rotate(
  word: 'dkim' | 'tlsa',
  given: Given<'', typeof rotating> & { readonly named: string | undefined },
  io: Io,
): Promise<number> {
  const [{ rotate: go }, rotations] = await Promise.all([
    import('../commands/keys/rotate.ts'),
    import('../commands/keys/rotations.ts'),
  ])
  return go(rotations[word], given, io)
}

function seconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('it is a number of seconds.')
  return Number(text)
}
