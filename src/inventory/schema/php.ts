import * as z from 'zod'
import { Size, Url } from './fields.ts'

const Fingerprint = z
  .string()
  .regex(/^[0-9A-F]{40}$/, 'is not a valid key fingerprint: 40 hexadecimal digits, in capitals, without spaces')

/** PHP-FPM, for the sites that say `php: true`. */
export const Php = z.strictObject({
  source: z.enum(['debian', 'sury']).meta({
    example: 'debian',
    description: 'debian: PHP 8.2, with Debian’s own updates; sury: PHP 8.3 from packages.sury.org',
  }),
  modules: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9][a-z0-9.-]{0,40}$/, 'is not a valid PHP module: what follows “php8.2-” in the name of its package'),
    )
    .default([
      ...['sqlite3', 'cli', 'gd', 'imap', 'mysql', 'soap', 'apcu', 'gmp', 'intl', 'opcache', 'xml', 'curl', 'igbinary'],
      ...['readline', 'zip', 'bcmath', 'imagick', 'mbstring', 'redis', 'bz2', 'smbclient'],
    ])
    .meta({
      description: 'its modules, as Debian names their packages; those that Debian does not have are left out, and reported',
    }),
  upload: Size.default('64M').meta({ description: 'how big what visitors send may be' }),
  processes: z.int().min(1).max(500).default(10).meta({ description: 'how many pages of a site are made at once' }),
  sury: z
    .strictObject({
      url: Url.default('https://packages.sury.org/php/').meta({ description: 'where its packages are' }),
      key: Url.default('https://packages.sury.org/php/apt.gpg').meta({ description: 'where the key is that signs them' }),
      fingerprint: Fingerprint.default('15058500A0235D97F5D10063B188E2B695BD4743').meta({
        description: 'which key that is: no other is believed, and this one for these packages alone',
      }),
    })
    .prefault({})
    .meta({ description: 'the source sury, or a mirror of it' }),
})
