import type * as z from 'zod'

/** What is wrong with a value, as a sentence: most messages of the schema begin with “is”, and say it of what was written. */
export function sentence(issue: z.core.$ZodIssue, input: unknown): string {
  const value = issue.path.reduce<unknown>(
    (part, key) => (typeof part === 'object' && part !== null ? Reflect.get(part, key) : undefined),
    input,
  )
  const [first] = issue.message.split(' ')
  return /^(?:is|has|needs)$/.test(first!) && typeof value === 'string' && value !== ''
    ? `“${value}” ${issue.message}`
    : issue.message
}
