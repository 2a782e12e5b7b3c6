import * as z from 'zod'
import { Url } from './fields.ts'
import { secretField } from './secret-field.ts'

/** Where the host says what an operator should hear. */
export const Ntfy = z.strictObject({
  url: Url.meta({ example: 'https://ntfy.sh', description: 'the ntfy server' }),
  topic: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'is not a valid topic name: letters, digits, hyphens and _')
    .meta({ example: 'my_servers', description: 'its topic there; anyone who knows the name of an open topic reads it' }),
  token: secretField().optional().meta({ description: 'the access token, where the topic needs one' }),
})
