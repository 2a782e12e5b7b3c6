import { readFileSync } from 'node:fs'
import { ProvisionError } from '../errors.ts'
import type { Io } from '../session/io.ts'
import { root } from '../util/text.ts'

const files: Readonly<Record<string, string>> = { bash: 'provision.bash', zsh: '_provision', fish: 'provision.fish' }

/** Prints the completion for a shell, which comes with the package. Returns 0. Throws ProvisionError for a shell without one. */
export function completion(shell: string, io: Io): number {
  const file = files[shell]
  if (file === undefined)
    throw new ProvisionError(shell, 'has no completion', `there is one for ${Object.keys(files).join(', ')}`)
  io.print(readFileSync(new URL(`completions/${file}`, root), 'utf8').trimEnd())
  return 0
}
