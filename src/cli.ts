import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { tell } from './cli/action.ts'
import { backups } from './cli/backups.ts'
import { zones } from './cli/dns.ts'
import { hosts } from './cli/hosts.ts'
import { inventories } from './cli/inventories.ts'
import { rehearsals } from './cli/rehearsals.ts'
import { root } from './util/text.ts'

const program = new Command('provision')
  .description('sets up and keeps a mail and web server on Debian 12, over SSH, from one inventory file')
  .version((JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }).version)
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError('(provision --help lists what there is)')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'provision: ')) })

for (const part of [hosts, inventories, zones, backups, rehearsals]) part(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = await tell(error)
}
// A login that nobody waits for any more, behind an error that was told, does not keep the operator waiting.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve))
process.exit()
