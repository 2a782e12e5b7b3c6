import { fileURLToPath } from 'node:url'
import { ProvisionError } from '../errors.ts'
import { root } from '../util/text.ts'

/** What was thrown by a playbook of an operator's own, as an error of theirs: the line of their file, and no report to us. */
export function mistake(error: unknown, file: string): ProvisionError {
  const at = lineOf(error) ?? file
  const made =
    error instanceof ProvisionError
      ? new ProvisionError(error.where.startsWith('/') ? error.where : `${at}: ${error.where}`, error.message, error.hint)
      : new ProvisionError(at, said(error), moduleHint(error) ?? '--debug shows the whole stack')
  made.cause = error
  return made
}

/** An error in the words of who threw it: `TypeError: s.web is undefined`. */
export const said = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : `“${String(error)}” was thrown`

/** The first line of a stack that is neither ours, nor Node's, nor a package's: `/home/me/playbooks/index.ts:12:3`. */
export function lineOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const [, url, line] =
    [...stack.matchAll(/(file:\/\/[^\s()]+?)((?::\d+){1,2})(?=[\s)]|$)/g)].find(
      ([, url]) => !url!.startsWith(root.href) && !url!.includes('/node_modules/'),
    ) ?? []
  return url === undefined ? undefined : `${fileURLToPath(url)}${line}`
}

function moduleHint(error: unknown): string | undefined {
  const { code, message = '' } = error as { readonly code?: string; readonly message?: string }
  if (code === 'ERR_MODULE_NOT_FOUND')
    return 'a file of your own is imported by its own name: ./redis.ts; a package is installed beside the playbooks'
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return 'Node only strips types: no enum, no namespace, no parameter property'
  if (message.includes("'provision' does not provide an export"))
    return 'docs/guides/own-playbook.md lists what “provision” exports'
  return undefined
}
