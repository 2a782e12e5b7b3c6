import { InvalidArgumentError } from 'commander'
import type { Io } from '../session/io.ts'

/** An option of a command, and what a command gets from it. */
export interface Option<T> {
  /** As it is written: `--to <version>`. */
  readonly flags: string
  readonly about: string
  /** What the command gets when the option is not given. */
  readonly absent: T
  /** The command cannot do without it: the next move when it is missing. */
  readonly needed?: string
  /** Reads what was given. Throws InvalidArgumentError. */
  readonly parse?: (text: string) => unknown
  /** What a shell proposes after it. */
  readonly words?: readonly string[]
}

/** The options of a command by the names under which it gets them: `hostKey` for `--host-key`. */
export type Options = Readonly<Record<string, Option<unknown>>>

/** A command as everything that describes one reads it: `--help`, the pages in docs/, the man page, the completions. */
export interface Command {
  /** Its words and its arguments: `domain add [domain]`. */
  readonly name: string
  /** What it does, in one line that begins with a verb. */
  readonly about: string
  /** The rest of its page, as Markdown. */
  readonly details?: string
  readonly options: Options
  /** What its exit codes mean, beyond 0 for done and 1 for failed. */
  readonly exits?: Readonly<Record<number, string>>
  readonly examples?: readonly string[]
  /** What a shell proposes for its argument. */
  readonly words?: readonly string[]
  /** Returns the exit code, or `help` for a command that can say no more than that. What it needs is loaded here. */
  readonly run: (given: never, io: Io) => Promise<number | 'help'>
}

/** What a command of that name gets as its arguments: a string for `<a>`, one or none for `[a]`, a list for `<a...>`. */
export type Arguments<Name extends string> = Name extends `${infer Word} ${infer Rest}`
  ? Argument<Word> & Arguments<Rest>
  : Argument<Name>

type Argument<Word extends string> = Word extends `<${infer Key}...>`
  ? { readonly [K in Key]: readonly string[] }
  : Word extends `<${infer Key}>`
    ? { readonly [K in Key]: string }
    : Word extends `[${infer Key}]`
      ? { readonly [K in Key]: string | undefined }
      : unknown

/** What a command is given: each argument and each option under its name. */
export type Given<Name extends string, O extends Options> = Arguments<Name> & {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never
}

/** Defines a command. Its arguments and options have the types that its name and its options say. */
export function defineCommand<const Name extends string, const O extends Options>(
  command: Omit<Command, 'name' | 'options' | 'run'> & {
    readonly name: Name
    readonly options: O
    readonly run: (given: Given<Name, O>, io: Io) => Promise<number | 'help'>
  },
): Command {
  return command
}

/** An option without a value: true when it is given. */
export const flag = (flags: string, about: string): Option<boolean> => ({ flags, about, absent: false })

/** The opposite of an option, `--no-apply`: false when it is given. */
export const negated = (flags: string, about: string): Option<boolean> => ({ flags, about, absent: true })

/** An option with a text; `words` are what a shell proposes for it. */
export const value = (flags: string, about: string, words: readonly string[] = []): Option<string | undefined> => ({
  ...{ flags, about, words },
  absent: undefined,
})

/** An option whose value may be left out, `--list [text]`: true then. */
export const optionalValue = (flags: string, about: string): Option<string | true | undefined> => ({
  ...{ flags, about },
  absent: undefined,
})

/** An option with several values, separated by commas. */
export const names = (flags: string, about: string): Option<readonly string[] | undefined> => parsed(flags, about, commaSeparated)

/** An option whose value is read by a function, which throws InvalidArgumentError for a wrong one. */
export const parsed = <T>(flags: string, about: string, parse: (text: string) => T): Option<T | undefined> => ({
  ...{ flags, about, parse },
  absent: undefined,
})

/** An option with a whole number from 1. */
export const count = (flags: string, about: string): Option<number | undefined> => parsed(flags, about, positiveInteger)

/** An option with a whole number from 1 that may be left out: true then. */
export const optionalCount = (flags: string, about: string): Option<number | true | undefined> =>
  parsed(flags, about, positiveInteger)

/** The same option for a command that cannot do without it. */
export const needed = <T>(option: Option<T | undefined>, hint: string): Option<T> => ({
  ...(option as Option<T>),
  needed: hint,
})

/** `a,b` as a list. */
export function commaSeparated(text: string): readonly string[] {
  return text.split(',').filter((name) => name !== '')
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('it is a whole number from 1.')
  return Number(text)
}
