import type { Command, Option } from '../src/cli/define.ts'
import { mayReach } from '../src/cli/options.ts'
import { groups, sections, wordsOf } from '../src/cli/program.ts'

/** Every command, in the order in which they are shown. */
export const commands: readonly Command[] = sections.flatMap((section) => section.commands)

/** A command as it is called, without its options: `provision dns lint <file>`. */
export const title = ({ name }: Command): string => `provision ${name}`.trim()

/** The options that most commands have, which are explained once. */
export const common: readonly string[] = Object.values(mayReach).map(({ flags }) => flags)

/** The options of a command that are not among those. */
export const ownOptions = ({ options }: Command): readonly Option<unknown>[] =>
  Object.values(options).filter(({ flags }) => !common.includes(flags))

/** The names of the common options that a command has. */
export const commonOptions = ({ options }: Command): readonly string[] =>
  Object.values(options).flatMap(({ flags }) => (common.includes(flags) ? [flags.replace(/ .*/, '')] : []))

/** What each exit code of a command means. */
export const exitsOf = ({ exits }: Command): readonly (readonly [code: string, means: string])[] =>
  Object.entries({ 0: 'done', 1: 'it failed, or could not be checked', ...exits })

/** What follows an option or is an argument: how a shell completes it. */
export type Follows = 'nothing' | 'anything' | 'file' | 'folder' | 'inventory' | readonly string[]

/** A place in a command line: after these words, these commands, options and arguments may come. */
export interface Place {
  readonly words: string
  readonly commands: readonly { readonly word: string; readonly about: string }[]
  readonly options: readonly { readonly option: string; readonly about: string; readonly follows: Follows }[]
  readonly argument: Follows
}

/** Every place in which a shell completes: each command, and each group of commands. */
export const places = (): readonly Place[] => [
  ...commands.map(
    (command): Place => ({
      words: wordsOf(command),
      commands: wordsOf(command) === '' ? firstWords() : [],
      options: [
        ...Object.values(command.options).map((option) => ({
          option: option.flags.replace(/ .*/, ''),
          about: option.about,
          follows: followsOf(option),
        })),
        { option: '--help', about: 'show the help of the command', follows: 'nothing' },
      ],
      argument: command.words ?? (command.name.includes('<file>') ? 'file' : 'nothing'),
    }),
  ),
  ...Object.keys(groups).map(
    (group): Place => ({ words: group, commands: secondWords(group), options: [], argument: 'nothing' }),
  ),
]

const firstWords = (): Place['commands'] => [
  ...commands.flatMap((command) => {
    const words = wordsOf(command)
    return words === '' || words.includes(' ') ? [] : [{ word: words, about: command.about }]
  }),
  ...Object.entries(groups).map(([word, about]) => ({ word, about })),
]

const secondWords = (group: string): Place['commands'] =>
  commands.flatMap((command) => {
    const [first, second] = wordsOf(command).split(' ')
    return first === group && second !== undefined ? [{ word: second, about: command.about }] : []
  })

function followsOf({ flags, words = [] }: Option<unknown>): Follows {
  if (words.length > 0) return words
  if (!flags.includes('<')) return 'nothing'
  if (flags.startsWith('--host ')) return 'inventory'
  return flags.endsWith('<file>') ? 'file' : flags.endsWith('<dir>') ? 'folder' : 'anything'
}
