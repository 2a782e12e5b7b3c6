import * as z from 'zod'
import { AbsolutePath, HostName, Line, MailAddress, Url } from './fields.ts'
import { Address4, Address6, PortField } from './networks.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'

const authorities = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  letsencrypt_staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const

/** Who issues certificates. */
export const Acme = z
  .strictObject({
    directory: z
      .union([z.enum(['letsencrypt', 'letsencrypt_staging']).transform((name) => authorities[name]), Url], {
        error: 'is neither letsencrypt, letsencrypt_staging nor the URL of an ACME directory',
      })
      .default(authorities.letsencrypt)
      .meta({
        example: 'letsencrypt',
        description: 'the one CA that is asked: letsencrypt, letsencrypt_staging or the URL of a directory',
      }),
    ca: z
      .string()
      .min(1)
      .max(200_000)
      .regex(/^(?:[^\p{Cc}]+|\s*(?:[^\p{Cc}]*\n)*[^\p{Cc}]*)$/u, 'is neither a path nor PEM text')
      .optional()
      .meta({
        example: 'ca.pem',
        description: 'what a CA of one’s own is trusted by: a PEM file beside the inventory, or its text',
      }),
    email: MailAddress.optional().meta({
      example: 'postmaster@xoyize.xyz',
      description: 'the address of the ACME account; Caddy’s is postmaster of the primary domain when left out',
    }),
    caa: HostName.default('letsencrypt.org').meta({ description: 'the CA as CAA records name it' }),
  })
  .prefault({})
  .meta({ description: 'who issues certificates' })

const reference = (name: string) => secretField().default(() => secretPlaceholder(name))

const common = {
  resolver: z
    .union([Address4, Address6], { error: 'is not a valid address' })
    .optional()
    .meta({ example: '127.0.0.1', description: 'the name server that the host asks; as delivered when left out' }),
  lookup: z
    .string()
    .regex(/^(?:\d+(?:\.\d+){3}(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?|[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:]*)$/, {
      error: 'is not a valid address, ADDRESS:PORT or [v6]:PORT',
    })
    .optional()
    .meta({
      example: '192.0.2.53',
      description: 'the resolver that provision asks on your machine; that machine’s when left out',
    }),
  in_plan: z
    .boolean()
    .default(true)
    .meta({ description: 'whether a plan looks at the zones too, and not “provision dns check” alone' }),
  ttl: z.int().min(60).max(604_800).default(3600).meta({ description: 'how long others keep our records, in seconds' }),
  wait: z.int().min(0).max(3600).optional().meta({
    example: 2,
    description: 'seconds to wait for a challenge to be seen, instead of asking public resolvers: where those cannot be reached',
  }),
} as const

const tsigKey = () =>
  z.strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'is not a valid TSIG key name')
      .default('provision')
      .meta({ description: 'what the name server calls it' }),
    algorithm: z
      .enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512'])
      .default('hmac-sha256')
      .meta({ description: 'its algorithm' }),
    secret: reference('dns/tsig').meta({ description: 'in base64, as tsig-keygen prints it' }),
  })

/** Where the domains' records are kept, and how challenges get there. */
export const Dns = z
  .discriminatedUnion('provider', [
    z.strictObject({
      provider: z.literal('ovh').meta({ description: 'at OVH, through its API' }),
      endpoint: z
        .union([z.enum(['ovh-eu', 'ovh-ca', 'ovh-us']), Url], { error: 'is neither ovh-eu, ovh-ca, ovh-us nor a URL' })
        .default('ovh-eu')
        .meta({ description: 'whose API: ovh-eu, ovh-ca, ovh-us, or a URL' }),
      application_key: reference('ovh/application-key').meta({
        description: 'of the host: it may write the zone of the mail server only',
      }),
      application_secret: reference('ovh/application-secret').meta({ description: 'the same' }),
      consumer_key: reference('ovh/consumer-key').meta({ description: 'the same' }),
      publish: z
        .strictObject({
          application_key: reference('ovh/publish/application-key').meta({
            description: 'of the operator, for provision dns publish: it may write all zones, and never reaches the host',
          }),
          application_secret: reference('ovh/publish/application-secret').meta({ description: 'the same' }),
          consumer_key: reference('ovh/publish/consumer-key').meta({ description: 'the same' }),
        })
        .prefault({})
        .meta({ description: 'the operator’s own keys' }),
      ...common,
    }),
    z.strictObject({
      provider: z.literal('nsupdate').meta({ description: 'your own name server, by dynamic updates' }),
      server: z
        .union([Address4, Address6, HostName], { error: 'is neither an address nor a host name' })
        .meta({ ask: 'Which name server takes updates?', example: '192.0.2.53', description: 'where dynamic updates are sent' }),
      port: PortField.default(53).meta({ description: 'its port' }),
      key: tsigKey().prefault({}).meta({ description: 'the TSIG key' }),
      publish: z
        .strictObject({
          key: tsigKey().meta({ description: 'the operator’s own, for provision dns publish: it never reaches the host' }),
        })
        .optional()
        .meta({ description: 'a key of the operator’s own; the same one when left out' }),
      ...common,
    }),
    z.strictObject({
      provider: z.literal('manual').meta({ description: 'you publish the records that provision prints' }),
      ...common,
    }),
  ])
  .meta({
    ask: 'Where are the DNS records kept?',
    example: 'ovh',
    description: 'where records are kept: ovh, nsupdate or manual',
  })

/** One site as it is written. */
export const SiteShape = z.strictObject({
  domain: HostName.meta({ ask: 'What is the site called?', example: 'example.org', description: 'its name' }),
  aliases: z.array(HostName).default([]).meta({ description: 'other names that show the same' }),
  root: AbsolutePath.optional().meta({
    example: '/var/caddy/www/example.org',
    description: 'its folder; /var/caddy/www/NAME when left out',
  }),
  owner: z.enum(['admin', 'caddy']).default('admin').meta({
    description:
      'who may write the folder: the admin, by rsync; or caddy, for programs that write their own pages: then PHP’s user, where the site has PHP',
  }),
  php: z.boolean().default(false).meta({ description: 'its .php pages are run, as “php” says, by a user of this site alone' }),
  basic_auth: z
    .strictObject({
      user: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is not a valid user name')
        .meta({ ask: 'Who may see it?', example: 'xouser', description: 'the user' }),
      password: secretField('password')
        .optional()
        .meta({ description: 'generated when it is missing; !secret web/NAME when left out' }),
    })
    .optional()
    .meta({ description: 'a password for the whole site' }),
  note: Line.optional().meta({ description: 'what it is for' }),
})

/** One site: a folder that Caddy serves. */
export const SiteField = SiteShape.transform(({ root, basic_auth, ...site }) => ({
  ...site,
  root: root ?? (`/var/caddy/www/${site.domain}` as const),
  ...(basic_auth === undefined
    ? {}
    : { basic_auth: { ...basic_auth, password: basic_auth.password ?? secretPlaceholder(`web/${site.domain}`, 'password') } }),
}))
