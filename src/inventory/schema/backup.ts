import * as z from 'zod'
import { AbsolutePath } from './fields.ts'
import { PublicKeyField } from './public-key.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'

const kept = (fallback: number, of: string) =>
  z
    .int()
    .min(0)
    .max(1000)
    .default(fallback)
    .meta({ description: `how many ${of} archives are kept` })

/** Where the host's backups go, and what is kept of them. */
export const Backup = z.strictObject({
  repository: z
    .string()
    .max(500)
    .regex(
      /^ssh:\/\/[a-z0-9][a-z0-9._-]*@[a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{0,4})?\/[A-Za-z0-9._/-]+$/,
      'is not a valid borg repository over SSH: ssh://USER@HOST:PORT/PATH, the PATH with ./ at its beginning when it is below the home of USER',
    )
    .meta({
      example: 'ssh://u1@storage.example.net:23/./backup/borg/example.org',
      description: 'the repository, as borg names it',
    }),
  host_keys: z
    .array(PublicKeyField)
    .default([])
    .meta({ description: 'the public SSH keys of that machine, as its provider tells them' }),
  append_only: z
    .boolean()
    .default(false)
    .meta({ description: 'the host only adds, and “provision backup prune” removes what is old, with a key of its own' }),
  at: z
    .string()
    .regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, 'is not a valid time of day, such as 02:10')
    .default('02:10')
    .meta({ description: 'when, every day' }),
  keep: z
    .strictObject({ daily: kept(7, 'daily'), weekly: kept(4, 'weekly'), monthly: kept(6, 'monthly') })
    .refine(({ daily, weekly, monthly }) => daily + weekly + monthly > 0, 'keeps nothing at all')
    .prefault({})
    .meta({ description: 'what is kept when the rest is removed' }),
  exclude: z.array(AbsolutePath).default([]).meta({ description: 'what is not needed again' }),
  passphrase: secretField('key')
    .default(() => secretPlaceholder('backup/passphrase', 'key'))
    .meta({ description: 'of the repository; generated when it is missing' }),
  key: secretField('ed25519')
    .default(() => secretPlaceholder('backup/key', 'ed25519'))
    .meta({ description: 'the host’s private SSH key; generated when it is missing' }),
  prune_key: secretField('ed25519')
    .default(() => secretPlaceholder('backup/prune-key', 'ed25519'))
    .meta({ description: 'the operator’s private SSH key, where the host only adds; generated when it is missing' }),
})
