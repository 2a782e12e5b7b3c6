import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Answers } from '../../ui/converse.ts'
import { stateFolder } from '../../util/environment.ts'
import { replaceFile } from '../../util/replace.ts'

/** Answers that are kept on this machine until something has been made of them. */
export interface Draft {
  /** Those of an earlier conversation; none when there was none, or when they cannot be read. */
  readonly answers: Answers
  /** Keeps these. Where that is not possible nothing is kept, and the conversation goes on. */
  keep(answers: Answers): Promise<void>
  /** Whether answers are kept now. */
  kept(): boolean
  forget(): Promise<void>
}

/** The draft of a command about something, in a file that only its owner reads: `~/.local/state/provision/answers/….json`. */
export async function openDraft(...about: readonly string[]): Promise<Draft> {
  const name = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 32)
  const file = stateFolder('answers', `${name}.json`)
  const answers = await readFile(file, 'utf8').then(parsed, () => ({}))
  let kept = Object.keys(answers).length > 0
  return {
    answers,
    keep: async (given) => {
      kept = await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        .then(() => replaceFile(file, JSON.stringify(given), 0o600))
        .then(
          () => true,
          () => false,
        )
    },
    kept: () => kept,
    forget: async () => {
      kept = false
      await rm(file, { force: true }).catch(() => undefined)
    },
  }
}

function parsed(text: string): Answers {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).filter(([, answer]) => typeof answer === 'string'))
  } catch {
    return {}
  }
}
