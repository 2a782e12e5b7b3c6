import { basename, delimiter, dirname, relative, resolve } from 'node:path'
import { ownEnvironment } from '../util/environment.ts'

/** What the operator said that the next command needs as well. */
export interface Spoken {
  readonly host?: string | undefined
  readonly inventory?: string | undefined
}

/** A command that can be pasted as it is: the way provision was started, the words quoted for a shell, and the --inventory that was given. */
export const nextCommand = (words: readonly string[], { host, inventory }: Spoken): string =>
  [
    ...startedAs(process.argv[1] ?? 'provision', ownEnvironment),
    ...words,
    ...(host === undefined ? [] : ['--host', host]),
    ...(inventory === undefined ? [] : ['--inventory', inventory]),
  ]
    .map(quoted)
    .join(' ')

/** A word as a shell reads it back. */
export const quoted = (word: string): string =>
  word !== '' && /^(?!~)[A-Za-z0-9_@%+=:,./~-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** How provision was started: npx, a program of the PATH, or the path of its file, in words. */
export function startedAs(program: string, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const installed = basename(program) === 'provision'
  if (installed && env.npm_command === 'exec') return ['npx', 'provision']
  if (installed && (env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && resolve(folder) === dirname(program)))
    return ['provision']
  const near = relative('', program)
  return [near.startsWith('..') ? program : `./${near}`]
}
