import * as z from 'zod'
import { defaultKeys } from './defaults.ts'
import * as f from './fields.ts'
import * as n from './networks.ts'
import { PublicKeyField } from './public-key.ts'

/** Who logs in. */
export const Admin = z
  .strictObject({
    user: f.UserName.meta({
      ask: 'What is your user name on the server?',
      example: 'xouser',
      description: 'who logs in, and may sudo',
    }),
    uid: z
      .int()
      .min(1000)
      .max(59_999)
      .optional()
      .meta({ example: 1000, description: 'its number; the next free one when left out' }),
    keys: z
      .array(
        z.union([z.literal('operator'), PublicKeyField], {
          error: 'is neither “operator” nor a public SSH key: one line, as in id_ed25519.pub',
        }),
      )
      .min(1)
      .default([...defaultKeys])
      .meta({ description: 'its public SSH keys; operator: the one that you log in with when you run this' }),
  })
  .meta({ description: 'the one user that logs in' })

const Rule = z.strictObject({
  port: n.PortField.meta({ example: 4242, description: 'the port' }),
  protocol: z.enum(['tcp', 'udp']).default('tcp').meta({ description: 'tcp or udp' }),
  from: n.NetworkField.optional().meta({
    example: '10.19.55.0/24',
    description: 'only from this network; from everywhere when left out',
  }),
  on: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9._-]{0,14}$/, 'is not a valid network interface')
    .optional()
    .meta({ example: 'nebula1', description: 'only when it came in there: a source address alone can be forged' }),
})

/** What may be reached from outside. */
export const Firewall = z
  .strictObject({
    allow: z.array(Rule).default([]).meta({ description: 'what is let in besides SSH, mail and web' }),
    listen: z
      .array(z.templateLiteral([n.PortField, z.enum(['/tcp', '/udp'])]))
      .default([])
      .meta({ description: 'what may listen on a public address without being let in' }),
  })
  .prefault({})
  .meta({ description: 'what may be reached from outside' })

/** Who is kept out. */
export const Fail2ban = z
  .strictObject({
    ignore: z.array(n.NetworkField).default([]).meta({
      ask: 'Which networks should never be banned?',
      example: '198.51.100.0/24',
      description: 'networks that are never banned: where you log in from',
    }),
    auth_ban: f.Duration.default('96h').meta({ description: 'how long an address is banned that fails to log in to mail' }),
    dictionary_ban: f.Duration.default('72h').meta({ description: 'how long an address is banned that guesses mailboxes' }),
  })
  .prefault({})
  .meta({ description: 'addresses that fail to log in too often are banned' })
