import * as z from 'zod'
import { HostName } from './fields.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'

const Dn = z
  .string()
  .max(500)
  .regex(/^[A-Za-z0-9.-]+=[^\p{Cc}]+$/u, 'is not a valid distinguished name: uid=maddy,ou=people,dc=example,dc=org')

/** People who log in with what an LDAP directory knows of them. */
export const Ldap = z.strictObject({
  url: z
    .string()
    .regex(
      /^ldaps?:\/\/(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?$/,
      'is not a valid ldap:// or ldaps:// URL with a host and a port',
    )
    .meta({ example: 'ldap://127.0.0.1:3890', description: 'the directory; lldap listens on 3890' }),
  starttls: z.boolean().default(false).meta({ description: 'ldap:// goes on under TLS, or not at all' }),
  base: Dn.meta({ example: 'dc=example,dc=org', description: 'people are looked for below it' }),
  bind: z
    .strictObject({
      dn: Dn.meta({
        example: 'uid=maddy,ou=people,dc=example,dc=org',
        description: 'who looks them up: it needs to read, and no more',
      }),
      password: secretField()
        .default(() => secretPlaceholder('ldap/bind'))
        .meta({ description: 'its password' }),
    })
    .meta({ description: 'who looks people up' }),
  users: z.enum(['mail', 'uid']).default('mail').meta({
    description: 'what somebody’s address is: the mail that the directory says, where it is of one of our domains; or uid@domain',
  }),
  domain: HostName.optional().meta({
    example: 'example.org',
    description: 'with uid, the domain that they are in; the primary one when left out',
  }),
  filter: z
    .string()
    .max(1000)
    .regex(/^\((?:[^\p{Cc}]*)\)$/u, 'is not a valid LDAP filter: (objectClass=person)')
    .default('(objectClass=person)')
    .meta({ description: 'who has a mailbox' }),
})
