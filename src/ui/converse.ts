import { ProvisionError } from '../errors.ts'
import type { Question } from './fields.ts'

/** What has been answered so far, as it was typed, by the names of the questions. */
export type Answers = Readonly<Record<string, string>>

/** The next question, in the light of what was answered before; none when it need not be asked. */
export type Topic = (answers: Answers) => Question | undefined

/** The answer that stands for going back to the question before. */
export const back: unique symbol = Symbol('back')

/** Puts one question to a person. */
export type Put = (question: Question, first: boolean) => Promise<string | typeof back>

/** A person to talk with, and what they answered before this conversation was interrupted. */
export interface Respondent {
  readonly put: Put
  /** Proposed in place of the usual answers. */
  readonly earlier?: Answers
  /** Called after each answer with all that were ever given, also those that going back has left out. */
  readonly keep?: (answers: Answers) => Promise<void>
}

/** What is done with all the answers; `back` returns to the last question, where there was one. */
export type Close<T> = (answers: Answers, mayGoBack: boolean) => Promise<T | typeof back>

/**
 * Goes through the topics, back and forth, until all are answered and closed. What is given is not asked for. Without somebody to talk
 * with, proposals are taken. Throws ProvisionError for what is given and wrong, or neither given nor proposed.
 */
export async function converse<T>(
  topics: readonly Topic[],
  given: Answers,
  talk: Respondent | undefined,
  close: Close<T>,
): Promise<T> {
  const earlier = new Map(Object.entries(talk?.earlier ?? {}))
  const trail: { readonly at: number; readonly before: Answers }[] = []
  let answers: Answers = {}
  let at = 0
  const goBack = (): void => {
    const last = trail.pop()
    at = last?.at ?? at
    answers = last?.before ?? answers
  }
  for (;;) {
    while (at < topics.length) {
      const question = topics[at]!(answers)
      if (question === undefined) at++
      else if (talk === undefined || given[question.name] !== undefined) {
        answers = { ...answers, [question.name]: taken(question, given[question.name]) }
        at++
      } else {
        const proposal = earlier.get(question.name) ?? question.proposal
        const answer = await talk.put({ ...question, proposal }, trail.length === 0)
        if (answer === back) goBack()
        else {
          earlier.set(question.name, answer)
          await talk.keep?.(Object.fromEntries(earlier))
          trail.push({ at, before: answers })
          answers = { ...answers, [question.name]: answer }
          at++
        }
      }
    }
    const closed = await close(answers, trail.length > 0)
    if (closed !== back) return closed
    goBack()
  }
}

/** An answer that nobody was asked for. */
function taken(question: Question, given: string | undefined): string {
  const answer = given ?? question.proposal
  if (answer === '' && !question.optional) throw new ProvisionError(question.name, 'has no answer', question.ask)
  const allowed = question.choices?.map(({ value }) => value)
  const fault =
    allowed === undefined || allowed.includes(answer) ? question.fault(answer) : `“${answer}” is none of ${allowed.join(', ')}`
  if (fault === undefined) return answer
  throw new ProvisionError(question.name, fault, question.hint)
}
