import { readFileSync } from 'node:fs'

/**
 * A file below `files/`, as it is. The folder is found from the package's root, in the sources and in the published form
 * alike. Throws a plain Error when there is none: a fault of the playbook.
 */
export function text(path: string): string {
  return readFileSync(new URL(`files/${path}`, root), 'utf8')
}

/** The package's root: two folders up from src/util/, three from dist/src/util/. */
export const root: URL = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url)
