import * as z from 'zod'
import { secretField, secretPlaceholder } from './secret-field.ts'

const Name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'is not a valid database name: lower case letters, digits and _, the first a letter')
  .refine((name) => !taken.has(name), 'is a name that MariaDB itself has')

/** One database as it is written. */
export const DatabaseShape = z.strictObject({
  name: Name.meta({ example: 'blog', description: 'the database' }),
  user: Name.optional().meta({
    example: 'blog',
    description: 'who may do everything in it and nothing else, from this host; called as the database when left out',
  }),
  password: secretField('password')
    .optional()
    .meta({ description: 'generated when it is missing; !secret mariadb/USER when left out' }),
})

/** MariaDB, reached from this host alone. */
export const Mariadb = z.strictObject({
  databases: z
    .array(
      DatabaseShape.transform(({ name, user = name, password }) => ({
        name,
        user,
        password: password ?? secretPlaceholder(`mariadb/${user}`, 'password'),
      })),
    )
    .default([])
    .meta({ description: 'its databases, each with a user of its own' }),
})

const taken = new Set(['mysql', 'sys', 'information_schema', 'performance_schema', 'root', 'mariadb', 'test'])
