import * as z from 'zod'
import { Url } from './fields.ts'

/** What the host watches of itself, every hour, beyond what every host has. */
export const Watch = z
  .strictObject({
    heartbeat: Url.optional().meta({
      example: 'https://hc.example.net/ping/0b1c',
      description:
        'asked after each look, so that somebody else notices when the host says nothing any more; nobody when left out',
    }),
    messages: z.int().min(1).default(100).meta({ description: 'of one login within an hour: more is told' }),
    recipients: z.int().min(1).default(300).meta({ description: 'the same for all its recipients' }),
  })
  .prefault({})
  .meta({ description: 'the hourly watch: what has come and gone is told by ntfy or mail' })
