import * as z from 'zod'

/** Spam: what rspamd does with mail from strangers. */
export const Rspamd = z
  .strictObject({
    junk: z.number().min(1).max(100).default(6).meta({ description: 'from this score on a mail is delivered into Junk' }),
    reject: z
      .number()
      .min(2)
      .max(1000)
      .default(15)
      .meta({ description: 'from this score on it is refused, and its sender learns so' }),
    learn: z.boolean().default(true).meta({
      description: 'every hour it learns from what people have put into Junk, and from what they keep in Archive',
    }),
  })
  .refine(({ junk, reject }) => junk < reject, { error: 'junk is not lower than reject: nothing would ever be in Junk' })
