import type { Command } from '../src/cli/define.ts'
import { mayReach } from '../src/cli/options.ts'
import { sections } from '../src/cli/program.ts'
import { commonOptions, exitsOf, ownOptions, title } from './definitions.ts'

/** man/provision.1: every command, in roff. */
export const manPage = (): string =>
  [
    '.\\" Made from src/cli by "npm run docs".',
    '.TH PROVISION 1',
    '.SH NAME',
    'provision \\- set up and keep a mail and web server on Debian 12, over SSH',
    '.SH SYNOPSIS',
    '.B provision',
    '.RI [ options ]',
    '.br',
    '.B provision',
    '.IR command " [" options ]',
    '.SH DESCRIPTION',
    ...text('One inventory file says what a server should be. provision shows how the host differs from it, asks, and corrects.'),
    ...sections.flatMap(({ title: heading, commands }) => [`.SH ${heading.toUpperCase()}`, ...commands.flatMap(about)]),
    '.SH OPTIONS OF MOST COMMANDS',
    ...Object.values(mayReach).flatMap(option),
    '.SH EXIT STATUS',
    ...term('0', 'nothing to do, or done'),
    ...term('1', 'it failed, could not check, or the arguments or the inventory are wrong'),
    ...term('2', 'something differs'),
    ...term('130, 143', 'interrupted by Ctrl-C or SIGTERM'),
    '.SH SEE ALSO',
    '.BR ssh (1),',
    '.BR ssh_config (5)',
    '.PP',
    ...text('The guides, and what the environment and the files mean, are in the folder docs of the package.'),
    '',
  ].join('\n')

const about = (command: Command): readonly string[] => [
  `.SS "${escaped(title(command))} [options]"`,
  ...text(`${command.about}.`),
  ...(command.details === undefined ? [] : command.details.split('\n\n').flatMap((one) => ['.PP', ...text(one)])),
  ...ownOptions(command).flatMap(option),
  ...(commonOptions(command).length === 0 ? [] : term('Also', commonOptions(command).join(', '))),
  ...(command.exits === undefined
    ? []
    : term(
        'Exit status',
        exitsOf(command)
          .map((pair) => pair.join(': '))
          .join('; '),
      )),
  '.PP',
  ...(command.examples ?? []).flatMap((example) => ['.EX', escaped(example), '.EE']),
]

const option = ({ flags, about: does }: { readonly flags: string; readonly about: string }) => term(flags, does)

const term = (name: string, does: string): readonly string[] => ['.TP', `.B ${escaped(name)}`, ...text(does)]

/** Markdown as lines of roff: links as their words, code in bold. */
const text = (markdown: string): readonly string[] =>
  escaped(markdown.replaceAll('\n', ' ').replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1'))
    .replaceAll(/`([^`]+)`/g, '\\fB$1\\fR')
    .split(/(?<=[.;:]) (?=\S)/)

/** A backslash, a hyphen and a line that begins like a request mean something else to roff. */
const escaped = (line: string): string =>
  line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('“', '\\(lq')
    .replaceAll('”', '\\(rq')
    .replaceAll('…', '...')
    .replaceAll('→', '\\(->')
    .replace(/^[.']/, '\\&$&')
