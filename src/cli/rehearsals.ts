import type { Command } from 'commander'
import { runAction } from './action.ts'

/** A whole server on this machine: `rehearse`. */
export function rehearsals(program: Command): void {
  program
    .command('rehearse')
    .description('makes a disposable Debian 12 on this machine, provisions it, and sends a mail through it')
    .option('--host <name>', 'the inventory to rehearse (default: the embedded one)')
    .option('--inventory <dir>', 'where inventories are')
    .option('--fresh', 'begins anew with a new host')
    .option('--keep', 'leaves it running when something fails')
    .option('--stop', 'ends and removes it')
    .option('--vm', 'in a virtual machine with a kernel of its own, which is rebooted too; slow where there is no KVM')
    .option('--json', 'events, one JSON object a line')
    .option('--verbose', 'the scripts that run')
    .option('--debug', 'stacks, and the SSH dialogue')
    .action(runAction(async (flags, io) => (await import('../commands/rehearse.ts')).rehearse(flags, io)))
}
