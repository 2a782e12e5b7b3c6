import type { Io } from '../../session/io.ts'
import { type Answers, type back, converse, type Topic } from '../../ui/converse.ts'
import { prose } from '../../ui/wrap.ts'
import type { Draft } from './draft.ts'

/** Asks the last question, with a way back to the one before it where there was one. */
export type AskLast = (question: string) => Promise<boolean | typeof back>

/**
 * Questions at a terminal, whose answers survive: until the draft is forgotten, the command that is named proposes them again. `last`
 * makes something of the answers and asks whether that is right.
 */
export async function interview<T>(
  topics: readonly Topic[],
  given: Answers,
  { draft, again }: { readonly draft: Draft; readonly again: string },
  io: Io,
  last: (answers: Answers, ask: AskLast) => Promise<T | typeof back>,
): Promise<T> {
  const { askConfirm, askConfirmOrBack, askQuestions } = await import('../../ui/ask.ts')
  const { say } = io.report
  const put = askQuestions(say)
  if (draft.kept()) say(prose('Your answers of last time are proposed again, in brackets.'))
  try {
    return await converse(topics, given, { put, earlier: draft.answers, keep: draft.keep }, (answers, mayGoBack) =>
      last(answers, mayGoBack ? askConfirmOrBack : askConfirm),
    )
  } catch (error) {
    // inquirer throws this when the operator leaves a question with Ctrl-C.
    if (error instanceof Error && error.name === 'ExitPromptError') sayKept(draft, again, io)
    throw error
  }
}

/** Says how the answers are come by again. */
export function sayKept(draft: Draft, again: string, { report }: Io): void {
  if (!draft.kept()) return
  report.say(prose('your answers are kept; this proposes them again:'))
  report.say(`  ${again}`)
}
