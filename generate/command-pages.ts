import type { Command } from '../src/cli/define.ts'
import { mayReach } from '../src/cli/options.ts'
import { sections } from '../src/cli/program.ts'
import { commonOptions, exitsOf, ownOptions, title } from './definitions.ts'

const folder = 'docs/reference/commands'
const note = '<!-- Made from src/cli by `npm run docs`. -->'

/** The pages of docs/reference/commands: one for each section, and one that lists all. */
export const commandPages = (): readonly (readonly [path: string, text: string])[] => [
  [`${folder}/README.md`, overview()],
  ...sections.map(
    (section) => [`${folder}/${section.page}.md`, lines(`# ${section.title}`, note, ...section.commands.map(about))] as const,
  ),
]

const overview = (): string =>
  lines(
    '# Commands',
    note,
    `\`provision --help\` and \`provision COMMAND --help\` print the same in short, and \`man provision\` all of it. \`X\` is an
inventory: its file name, host name or address. [Exit codes and environment](../exit-codes-and-environment.md) are the same
everywhere.`,
    ...sections.flatMap(({ title: heading, page, commands }) => [
      `## ${heading}`,
      table(
        ['command', 'does'],
        commands.map((command) => [`[${code(title(command))}](${page}.md#${anchor(command)})`, command.about]),
      ),
    ]),
    '## Options of most commands',
    table(
      ['option', 'does'],
      [
        ...Object.values(mayReach).map(({ flags, about: does }) => [code(flags), does]),
        ['`--help`', 'show the help of a command'],
        ['`--version`', 'print the version; of `provision` alone'],
      ],
    ),
    `Beside the folder of inventories, a \`playbooks/index.ts\` is used [instead of ours](../../guides/own-playbook.md). What
\`--json\` prints: [JSON events](../json-events.md). \`--address\` and \`--host-key\` are for commands that log in at the host.`,
  )

function about(command: Command): string {
  const own = ownOptions(command)
  const common = commonOptions(command)
  return lines(
    `## ${title(command).replaceAll(/[<>]/g, '').toLowerCase()}`,
    `    ${title(command)} [options]`,
    `${command.about}.`,
    ...(command.details === undefined ? [] : [command.details]),
    `\`\`\`sh\n${(command.examples ?? []).join('\n')}\n\`\`\``,
    ...(own.length === 0
      ? []
      : [
          table(
            ['option', 'does'],
            own.map(({ flags, about: does, needed }) => [code(flags), needed === undefined ? does : `${does}; required`]),
          ),
        ]),
    ...(common.length === 0
      ? []
      : [
          `${own.length === 0 ? 'It has' : 'It also has'} ${common.map(code).join(', ')}:
[options of most commands](README.md#options-of-most-commands).`,
        ]),
    ...(command.exits === undefined ? [] : [table(['exit code', 'means'], exitsOf(command))]),
  ).trimEnd()
}

const lines = (...blocks: readonly string[]): string => `${blocks.join('\n\n')}\n`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join(
    '\n',
  )

const code = (text: string): string => `\`${text}\``

/** As GitHub makes it of the heading. */
const anchor = (command: Command): string =>
  title(command)
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')
