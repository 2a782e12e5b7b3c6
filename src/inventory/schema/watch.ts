import * as z from 'zod'
import { Url } from './fields.ts'
import { NetworkField } from './networks.ts'

/** What the host checks of itself beyond what every host has. */
export const Watch = z
  .strictObject({
    heartbeat: Url.optional().meta({
      example: 'https://hc.example.net/ping/0b1c',
      description:
        'asked after each look while mail works, so that someone else notices when the host is silent; nobody when left out',
    }),
    messages: z.int().min(1).default(100).meta({ description: 'of one login within an hour: more is reported' }),
    recipients: z.int().min(1).default(300).meta({ description: 'the same for all its recipients' }),
    logins_from: z.array(NetworkField).optional().meta({
      example: '198.51.100.0/24',
      description:
        'networks from which logins by ssh are not reported, besides fail2ban.ignore; others are reported once a day; none when left out',
    }),
    bans: z.enum(['daily', 'weekly']).optional().meta({
      example: 'weekly',
      description:
        'how often the host reports how many were banned, by jail and by network; never when left out, or when there were none',
    }),
  })
  .prefault({})
  .meta({
    description: 'the hourly watch, and the probe of mail each minute: what has come and gone is reported by ntfy or mail',
  })
