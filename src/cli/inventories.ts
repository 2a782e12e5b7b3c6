import type { Command } from 'commander'
import { changeOptions, needsHost, runAction } from './action.ts'
import { changing, naming, positiveInteger } from './options.ts'

/** What is done with an inventory: `init`, `domain`, `account`, `alias`, `secrets`. */
export function inventories(program: Command): void {
  program
    .command('init [name]')
    .description('makes an inventory by questions')
    .option('--inventory <dir>', 'where inventories are (default: $PROVISION_INVENTORY, ./inventory)')
    .option('--debug', 'stacks')
    .action(runAction(async (flags, io, [name]) => (await import('../commands/inventory/init.ts')).init(flags, io, name)))

  const domain = program.command('domain').description('the mail domains of an inventory: add [DOMAIN], remove DOMAIN')
  changing(domain.command('add [domain]').description('one more, by questions, flags or a file; then its records are printed'))
    .option('--accounts <name,…>', 'its mailboxes')
    .option('--catch-all <name>', 'the account that gets what nobody else gets')
    .option('--web <where>', 'here, bare (no site), or the addresses of another host')
    .option('--dmarc <policy>', 'none, quarantine or reject')
    .option('--mta-sts <mode>', 'none, testing or enforce')
    .option('--answers <file>', 'all of it, as in an inventory')
    .action(
      runAction(async (flags, io, [name]) =>
        (await import('../commands/domain/domain.ts')).domainAdd(changeOptions(flags), io, name),
      ),
    )
  changing(domain.command('remove <domain>').description('takes one out, with its records and the site of its name'))
    .option('--keep-records', 'what is in the zones stays, and is printed')
    .action(
      runAction(async (flags, io, [name = '']) =>
        (await import('../commands/domain/domain.ts')).domainRemove(changeOptions(flags), io, name),
      ),
    )

  const account = program.command('account').description('the mailboxes of an inventory: add, remove, password ADDRESS')
  for (const [verb, name, about] of [
    ['add', 'accountAdd', 'one more; its password is made up'],
    ['remove', 'accountRemove', 'takes one out'],
    ['password', 'accountPassword', 'a new password: typed, from stdin, or made up'],
  ] as const) {
    changing(account.command(`${verb} <address>`).description(about)).action(
      runAction(async (flags, io, [address = '']) =>
        (await import('../commands/inventory/account.ts'))[name](changeOptions(flags), io, address),
      ),
    )
  }

  const alias = program.command('alias').description('the aliases of an inventory: add ADDRESS TARGET…, remove ADDRESS')
  changing(alias.command('add <address> <target...>').description('one more, for one or several addresses')).action(
    runAction(async (flags, io, [address = '', ...to]) =>
      (await import('../commands/inventory/account.ts')).aliasAdd(changeOptions(flags), io, address, to),
    ),
  )
  changing(alias.command('remove <address>').description('takes one out')).action(
    runAction(async (flags, io, [address = '']) =>
      (await import('../commands/inventory/account.ts')).aliasRemove(changeOptions(flags), io, address),
    ),
  )

  const secrets = program.command('secrets').description('the secrets of an inventory: list, show NAME, set NAME, edit [NAME]')
  for (const [verb, args, about] of [
    ['list', '', 'the names, and whether each has a value'],
    ['show', '<name>', 'one value'],
    ['set', '<name>', 'gives one a value, asked for or from stdin'],
    ['edit', '[name]', 'opens one, or all of them, in $EDITOR'],
  ] as const) {
    const command = naming(secrets.command(`${verb} ${args}`.trim()).description(about))
    if (verb === 'show')
      command.option('--previous [n]', 'what it was before the last change; 2: before the one before', positiveInteger)
    command.action(
      runAction(async (flags, io, [name]) => {
        const { previous } = flags
        const { secrets } = await import('../commands/secrets-cli.ts')
        return secrets(verb, needsHost(flags), io, name, previous === true ? 1 : previous)
      }),
    )
  }
}
