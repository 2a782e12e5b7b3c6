import { InvalidArgumentError } from 'commander'
import { flag, needed, negated, parsed, value } from './define.ts'

const inventory = value('--inventory <dir>', 'the folder of inventories (default: $PROVISION_INVENTORY, ./inventory)')

/** How much a command says. */
const saying = {
  verbose: flag('--verbose', 'show the scripts that run, with secrets hidden'),
  debug: flag('--debug', 'show stack traces and the SSH dialogue'),
}

/** The option that names an inventory, for a command that can do without one. */
export const host = value('--host <name>', 'the inventory: its file name, host name or address')

/** The same option for a command that cannot do without one. */
export const oneHost = needed(host, 'name an inventory: its file name, host name or address')

/** The options of a command that makes an inventory. */
export const making = { inventory, debug: saying.debug }

/** The options of a command that may name an inventory. */
export const mayName = { host, inventory, json: flag('--json', 'print events, one JSON object a line'), ...saying }

/** The options of a command that reads an inventory and logs in nowhere. */
export const naming = { ...mayName, host: oneHost }

/** The options of a command that prints or takes a text as it is, which no events can carry. */
export const plain = { host: oneHost, inventory, ...saying }

const login = {
  address: value('--address <address>', 'connect to this address instead: A, A:PORT or [v6]:PORT'),
  hostKey: parsed('--host-key <SHA256:…>', 'accept this host key and no other; known_hosts is not used', fingerprint),
}

/** The options of the run itself, which can do without `--host`. */
export const mayReach = { ...mayName, ...login }

/** The options of a command that logs in to a host. */
export const reaching = { ...naming, ...login }

/** For a command that would ask. */
export const yes = flag('--yes', 'do not ask')

/** The options of a command that changes an inventory and then the host. */
export const changing = {
  ...reaching,
  apply: negated('--no-apply', 'change the inventory or the secrets only, and leave the host as it is'),
  yes,
}

function fingerprint(text: string): string {
  if (!/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text))
    throw new InvalidArgumentError('it looks like SHA256: and 43 characters, as ssh-keygen -lf prints it.')
  return text
}
