import { type Command, InvalidArgumentError } from 'commander'

/** The options of a command that names an inventory. */
export function naming(command: Command): Command {
  return command
    .option('--host <name>', 'the inventory whose file name, host name or address this is')
    .option('--inventory <dir>', 'where inventories are (default: $PROVISION_INVENTORY, ./inventory)')
    .option('--json', 'events, one JSON object a line')
    .option('--verbose', 'the scripts that run, secrets hidden')
    .option('--debug', 'stacks, and the SSH dialogue')
}

/** The options of a command that talks to a host. */
export function reaching(command: Command): Command {
  return naming(command)
    .option('--address <address>', 'reach it there: A, A:PORT or [v6]:PORT')
    .option('--host-key <SHA256:…>', 'the host shows this key and no other', fingerprint)
}

/** The options of a command that changes an inventory and then the host. */
export function changing(command: Command): Command {
  return reaching(command)
    .option('--no-apply', 'writes the inventory, and leaves the host as it is')
    .option('--yes', 'no question')
}

/** `a,b` as a list. */
export function names(value: string): readonly string[] {
  return value.split(',').filter((name) => name !== '')
}

/** A whole number from 1. */
export function positiveInteger(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('it is a whole number from 1.')
  return Number(value)
}

function fingerprint(value: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(value))
    throw new InvalidArgumentError('it looks like SHA256: and 43 characters, as ssh-keygen -lf prints it.')
  return value
}
