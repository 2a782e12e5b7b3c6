import { readFileSync } from 'node:fs'
import { commandLine, runCommand, tell } from './cli/program.ts'
import { root } from './util/text.ts'

const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }

try {
  await commandLine(version, runCommand).parseAsync()
} catch (error) {
  process.exitCode = await tell(error)
}
// A login that nobody waits for any more, behind an error that was reported, does not keep the operator waiting.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve))
process.exit()
