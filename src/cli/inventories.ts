import { defineCommand, flag, optionalCount, value } from './define.ts'
import { changing, making, naming, plain } from './options.ts'

const policies = ['none', 'quarantine', 'reject']
const modes = ['none', 'testing', 'enforce']

/** What is done with an inventory: `init`, `domain`, `account`, `alias`, `secrets`. */
export const inventoryCommands = [
  defineCommand({
    name: 'init [name]',
    about: 'Make an inventory by questions',
    details: `Writes \`inventory/NAME.yml\`, never over a file that exists. \`provision --host X\` offers the same when it finds no
inventory X.`,
    options: making,
    examples: ['provision init my.example.org'],
    run: async ({ name, ...given }, io) => (await import('../commands/inventory/init.ts')).init(given, io, name),
  }),
  defineCommand({
    name: 'domain add [domain]',
    about: 'Add a mail domain: its mailboxes, DNS records and web site',
    details: `Asks for what is missing, publishes the records or prints them, and ends with a mail that was sent and verified.
Stopped anywhere, the same command continues. More: [mail domains](../../guides/mail-domains.md).`,
    options: {
      ...changing,
      accounts: value('--accounts <name,…>', 'its mailboxes'),
      catchAll: value('--catch-all <name>', 'the account that gets all other mail of the domain'),
      web: value('--web <where>', 'here, bare (no site), or the addresses of a different host', ['here', 'bare']),
      dmarc: value('--dmarc <policy>', 'none, quarantine or reject', policies),
      mtaSts: value('--mta-sts <mode>', 'none, testing or enforce', modes),
      answers: value('--answers <file>', 'read all of it from a file, written as in an inventory'),
    },
    examples: ['provision domain add example.org --accounts alice,bob --yes --host my.example.org'],
    run: async ({ domain, ...given }, io) => (await import('../commands/domain/domain.ts')).domainAdd(given, io, domain),
  }),
  defineCommand({
    name: 'domain remove <domain>',
    about: 'Remove a mail domain, with its records and the site of its name',
    options: { ...changing, keepRecords: flag('--keep-records', 'leave its records in the zones, and print them') },
    examples: ['provision domain remove example.org --host my.example.org'],
    run: async ({ domain, ...given }, io) => (await import('../commands/domain/domain.ts')).domainRemove(given, io, domain),
  }),
  defineCommand({
    name: 'account add <mailbox>',
    about: 'Add a mailbox, with a generated password',
    options: changing,
    examples: ['provision account add alice@example.org --host my.example.org'],
    run: async ({ mailbox, ...given }, io) => (await import('../commands/inventory/account.ts')).accountAdd(given, io, mailbox),
  }),
  defineCommand({
    name: 'account remove <mailbox>',
    about: 'Remove a mailbox',
    options: changing,
    examples: ['provision account remove alice@example.org --host my.example.org'],
    run: async ({ mailbox, ...given }, io) =>
      (await import('../commands/inventory/account.ts')).accountRemove(given, io, mailbox),
  }),
  defineCommand({
    name: 'account password <mailbox>',
    about: 'Set a new password: typed, from stdin, or generated with --yes',
    options: changing,
    examples: ['provision account password alice@example.org --host my.example.org'],
    run: async ({ mailbox, ...given }, io) =>
      (await import('../commands/inventory/account.ts')).accountPassword(given, io, mailbox),
  }),
  defineCommand({
    name: 'alias add <alias> <target...>',
    about: 'Add an alias, for one or several addresses',
    options: changing,
    examples: ['provision alias add info@example.org alice@example.org bob@example.org --host my.example.org'],
    run: async ({ alias, target, ...given }, io) =>
      (await import('../commands/inventory/account.ts')).aliasAdd(given, io, alias, target),
  }),
  defineCommand({
    name: 'alias remove <alias>',
    about: 'Remove an alias',
    options: changing,
    examples: ['provision alias remove info@example.org --host my.example.org'],
    run: async ({ alias, ...given }, io) => (await import('../commands/inventory/account.ts')).aliasRemove(given, io, alias),
  }),
  defineCommand({
    name: 'secrets list',
    about: 'List the names of the secrets, and whether each has a value',
    options: naming,
    examples: ['provision secrets list --host my.example.org'],
    run: async (given, io) => (await import('../commands/secrets-cli.ts')).secrets('list', given, io),
  }),
  defineCommand({
    name: 'secrets show <name>',
    about: 'Print the value of a secret',
    details: '`--previous` prints the value before the last change or removal, `--previous N` the Nth before; ten are kept.',
    options: { ...plain, previous: optionalCount('--previous [n]', 'the value before the last change, or the nth before') },
    examples: ['provision secrets show mail/alice@example.org --host my.example.org'],
    run: async ({ name, previous, ...given }, io) =>
      (await import('../commands/secrets-cli.ts')).secrets('show', given, io, name, previous === true ? 1 : previous),
  }),
  defineCommand({
    name: 'secrets set <name>',
    about: 'Give a secret a value: typed, or from stdin, and never as an argument',
    options: plain,
    examples: ['provision secrets set ovh/publish/consumer-key --host my.example.org'],
    run: async ({ name, ...given }, io) => (await import('../commands/secrets-cli.ts')).secrets('set', given, io, name),
  }),
  defineCommand({
    name: 'secrets edit [name]',
    about: 'Open one secret, or all of them, in $EDITOR',
    options: plain,
    examples: ['provision secrets edit --host my.example.org'],
    run: async ({ name, ...given }, io) => (await import('../commands/secrets-cli.ts')).secrets('edit', given, io, name),
  }),
]
