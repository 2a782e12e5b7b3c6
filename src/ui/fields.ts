import * as z from 'zod'
import { sentence } from '../inventory/edit/faults.ts'

/** One thing that may be chosen. */
export interface Choice {
  readonly value: string
  readonly about: string
}

/** A question: what is asked, what Enter takes, and what is wrong with an answer. Answers are text, as they are typed. */
export interface Question {
  readonly name: string
  readonly ask: string
  /** What it is for, and an example. */
  readonly hint: string
  /** Left out where the answer is typed. */
  readonly choices?: readonly Choice[]
  /** What Enter takes. */
  readonly proposal: string
  /** Nothing may be an answer. */
  readonly optional: boolean
  /** What the field says of an answer; undefined when it takes it. */
  fault(answer: string): string | undefined
}

/** What a question is made of: a field of the schema, and what the field cannot know. */
export interface PromptField {
  readonly ask?: string
  readonly hint?: string
  readonly choices?: readonly Choice[]
  readonly proposal?: string | undefined
  /** The value that an answer stands for. */
  readonly read?: (answer: string) => unknown
  /** What is wrong with an answer that the field takes: what it contradicts elsewhere. */
  readonly contradiction?: (answer: string) => string | undefined
}

/** A field of the schema as a question: it says what it asks, and takes what the field takes. */
export function question(name: string, field: z.ZodType, asking: PromptField = {}): Question {
  const { ask, description, example } = field.meta() ?? {}
  const inner = innermost(field)
  const choices = asking.choices ?? choicesOf(inner)
  const read = asking.read ?? (inner instanceof z.ZodNumber ? Number : (answer: string) => answer)
  const optional = field.safeParse(undefined).success
  return {
    name,
    ask: asking.ask ?? String(ask ?? name),
    hint: asking.hint ?? [description, ...(choices === undefined ? [`such as ${example}`] : [])].join('; '),
    ...(choices === undefined ? {} : { choices }),
    proposal: asking.proposal ?? defaultOf(field),
    optional,
    fault: (answer) => {
      if (answer === '' && optional) return asking.contradiction?.(answer)
      const value = read(answer)
      const result = field.safeParse(value)
      if (result.success) return asking.contradiction?.(answer)
      const issue = result.error.issues[0]!
      return answer === '' ? issue.message : sentence(issue, value)
    },
  }
}

/** The words of an answer that may have several. */
export const words = (answer: string): readonly string[] => answer.split(/[\s,]+/).filter((word) => word !== '')

function innermost(field: z.core.$ZodType): z.core.$ZodType {
  return field instanceof z.ZodOptional || field instanceof z.ZodDefault || field instanceof z.ZodPrefault
    ? innermost(field.def.innerType)
    : field
}

/** What an enum may be, or the alternatives of a union, each with what it is for. */
function choicesOf(field: z.core.$ZodType): readonly Choice[] | undefined {
  if (field instanceof z.ZodEnum) return field.options.map((value) => ({ value: String(value), about: '' }))
  if (!(field instanceof z.ZodDiscriminatedUnion)) return undefined
  return field.options.flatMap((option) => {
    const tag = option instanceof z.ZodObject ? option.shape[field.def.discriminator] : undefined
    return tag instanceof z.ZodLiteral ? [{ value: String(tag.value), about: tag.meta()?.description ?? '' }] : []
  })
}

function defaultOf(field: z.ZodType): string {
  const value: unknown = field instanceof z.ZodDefault ? field.def.defaultValue : undefined
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string') ? value.join(' ') : ''
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
