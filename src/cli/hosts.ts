import { ProvisionError, UnknownHost } from '../errors.ts'
import type { Io } from '../session/io.ts'
import { commaSeparated, count, defineCommand, flag, type Given, names, needed, value } from './define.ts'
import { host, mayName, mayReach, naming, reaching, yes } from './options.ts'

const running = {
  ...mayReach,
  host: { ...host, about: `${host.about}; several with commas` },
  check: flag('--check', 'show the plan and write nothing; exit code 2 when something differs'),
  diff: flag('--diff', 'show the text that differs as well'),
  only: names('--only <id,…>', 'only these playbooks or steps: maddy, access/harden-sshd; dns is the zones'),
  yes,
  overwrite: flag('--overwrite', 'replace what was edited on the host; a copy is kept there'),
  prune: flag('--prune', 'remove what is on the host and not declared'),
  publish: flag('--publish', 'publish what is missing or wrong in the zones as well'),
  reboot: flag('--reboot', 'reboot the host when an upgrade needs it, and continue'),
  all: flag('--all', 'every inventory of the folder'),
}

/** `provision --host X`: the run itself. */
export const run = defineCommand({
  name: '',
  about: 'Set up and keep a mail and web server on Debian 12, over SSH, from one inventory file',
  details: `Shows the plan of the host and of its zones, asks, and corrects. Without a terminal it needs \`--yes\` or \`--check\`.
With \`--host a,b\` or \`--all\` it does the same for [several hosts](../../guides/several-hosts.md), sixteen at once.

\`--yes\` leaves the zones as they are, and what was edited on the host: \`--publish\` and \`--overwrite\` are for those.
A run that starts or reloads Caddy ends when each site answers over HTTPS, or names those that do not and why (after three minutes
at most). What \`--prune\` removes is in [changes by hand](../../guides/changes-by-hand.md#something-is-not-declared). A reboot is
proved by a new boot id.`,
  options: running,
  exits: { 0: 'nothing to do, or done', 2: 'something differs, and was not to be corrected' },
  examples: ['provision --host my.example.org --check --diff', 'provision --host my.example.org --only maddy --yes'],
  run: runHosts,
})

/** What is done with a host: the plan and its correction, `list`, `doctor`, `history`, `adopt`, `upgrade`, `outdated`. */
export const hostCommands = [
  run,
  defineCommand({
    name: 'list',
    about: 'List the ids and titles of playbooks and steps, in order',
    options: reaching,
    examples: ['provision list --host my.example.org'],
    run: async (given, io) => (await import('../commands/plan/list.ts')).list(given, io, io.print),
  }),
  defineCommand({
    name: 'doctor',
    about: 'Check the server from outside and from inside, and say what to do',
    details: 'What it checks, and what each finding means: [the doctor](../../guides/doctor.md).',
    options: {
      ...reaching,
      only: names('--only <id,…>', 'only these checks'),
      resolver: value('--resolver <address>', 'the DNS resolver to ask (default: dns.lookup, else this machine’s)'),
      html: value('--html <file>', 'write a page to keep or to send'),
      since: flag('--since', 'only what has changed since the last check'),
    },
    exits: { 0: 'all is well', 1: 'something could not be checked', 2: 'it found something' },
    examples: ['provision doctor --host my.example.org --html report.html'],
    run: async (given, io) => (await import('../commands/doctor.ts')).doctor(given, io, io.print),
  }),
  defineCommand({
    name: 'history',
    about: 'Show what runs have changed on the host: who, when, from → to',
    options: { ...reaching, last: count('--last <number>', 'only the newest, this many') },
    examples: ['provision history --host my.example.org --last 20'],
    run: async (given, io) => (await import('../commands/plan/history.ts')).history(given, io, io.print),
  }),
  defineCommand({
    name: 'adopt',
    about: 'Show what was edited on the host, and how to keep it',
    details: 'Writes nothing. How to go on: [changes by hand](../../guides/changes-by-hand.md).',
    options: reaching,
    exits: { 0: 'nothing was edited', 2: 'something was edited' },
    examples: ['provision adopt --host my.example.org'],
    run: async (given, io) => (await import('../commands/plan/adopt.ts')).adopt(given, io, io.print),
  }),
  defineCommand({
    name: 'upgrade <program>',
    about: 'Move maddy or caddy to a different version, and back when it does not work',
    details: 'The new version is proved before the old one is gone: [upgrades](../../guides/upgrades.md).',
    options: {
      ...reaching,
      to: needed(value('--to <version>', 'the version'), 'say which version: “provision outdated” knows the newest'),
      yes,
    },
    examples: ['provision upgrade caddy --to 2.11.9 --host my.example.org'],
    run: async ({ program, ...given }, io) => (await import('../commands/upgrade.ts')).upgradeProgram(given, io, program),
  }),
  defineCommand({
    name: 'outdated',
    about: 'Show which pinned programs have a newer release, and what becomes of our patches',
    options: naming,
    exits: { 0: 'all are the newest', 1: 'one could not be looked up', 2: 'one is behind' },
    examples: ['provision outdated --host my.example.org'],
    run: async (given, io) => (await import('../commands/outdated.ts')).outdated(given, io, io.print),
  }),
]

const shells = ['bash', 'zsh', 'fish']

/** What needs no host: a whole server on this machine, `rehearse`, and `completion`. */
export const localCommands = [
  defineCommand({
    name: 'rehearse',
    about: 'Make a disposable Debian 12 on this machine, provision it, and send a mail through it',
    details: `Without \`--host\` it rehearses an inventory that comes with provision. More: [rehearsals](../../guides/rehearsals.md).`,
    options: {
      ...mayName,
      fresh: flag('--fresh', 'begin with a new host'),
      keep: flag('--keep', 'leave it running when something fails'),
      stop: flag('--stop', 'end it and remove it'),
      vm: flag('--vm', 'in a virtual machine with its own kernel, which is rebooted too; slow without KVM'),
    },
    examples: ['provision rehearse', 'provision rehearse --host my.example.org --fresh'],
    run: async (given, io) => (await import('../commands/rehearse.ts')).rehearse(given, io),
  }),
  defineCommand({
    name: 'completion <shell>',
    about: 'Print the completion of provision for bash, zsh or fish',
    details: `It completes commands, options and the names of inventories. For bash put \`source <(provision completion bash)\`
into \`~/.bashrc\`; for zsh \`source <(provision completion zsh)\` into \`~/.zshrc\`, after \`compinit\`; for fish write
the output into \`~/.config/fish/completions/provision.fish\`.`,
    options: {},
    words: shells,
    examples: ['provision completion bash'],
    run: async ({ shell }, io) => (await import('../commands/completion.ts')).completion(shell, io),
  }),
]

async function runHosts(given: Given<'', typeof running>, io: Io): Promise<number | 'help'> {
  const several = commaSeparated(given.host ?? '')
  if (given.all || several.length > 1) {
    if (given.all && several.length > 0)
      throw new ProvisionError('--all', 'is every host, and --host names some', 'say one of them')
    return (await import('../commands/plan/fleet.ts')).fleet({ ...given, hosts: several }, io)
  }
  if (given.host === undefined) return 'help'
  const { apply } = await import('../commands/plan/apply.ts')
  try {
    return await apply({ ...given, host: given.host }, io)
  } catch (error) {
    if (!(error instanceof UnknownHost) || io.ask === undefined) throw error
    io.report.error(error)
    if (!(await io.ask.confirm('Make one now, by some questions?'))) return 1
    const made = await (await import('../commands/inventory/init.ts')).makeInventory(given, io, given.host)
    return made === undefined ? 1 : apply({ ...given, host: made }, io)
  }
}
