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

/**
 * Goes through the topics, back and forth, until all are answered. What is given is not asked for. Without `put`, proposals are
 * taken. Throws ProvisionError for what is given and wrong, or neither given nor proposed.
 */
export async function converse(topics: readonly Topic[], given: Answers, put: Put | undefined): Promise<Answers> {
  const earlier = new Map<string, string>()
  const trail: { readonly at: number; readonly before: Answers }[] = []
  let answers: Answers = {}
  let at = 0
  while (at < topics.length) {
    const question = topics[at]!(answers)
    if (question === undefined) at++
    else if (put === undefined || given[question.name] !== undefined) {
      answers = { ...answers, [question.name]: taken(question, given[question.name]) }
      at++
    } else {
      const answer = await put({ ...question, proposal: earlier.get(question.name) ?? question.proposal }, trail.length === 0)
      if (answer === back) {
        const last = trail.pop()
        at = last?.at ?? at
        answers = last?.before ?? answers
      } else {
        earlier.set(question.name, answer)
        trail.push({ at, before: answers })
        answers = { ...answers, [question.name]: answer }
        at++
      }
    }
  }
  return answers
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
