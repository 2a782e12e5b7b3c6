import * as z from 'zod'
import { AddressHere, HostName, LocalPart, Target } from './fields.ts'
import { Ldap } from './ldap.ts'
import { Address4, Address6 } from './networks.ts'
import { rotation } from './rotation.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'

/** The mail server as a whole. */
export const Mail = z.strictObject({
  hostname: HostName.meta({
    ask: 'What is the mail server called?',
    example: 'mx1.xoyize.xyz',
    description: 'the MX name: banner, EHLO, certificate, and what the PTR of both addresses has to say',
  }),
  primary: HostName.meta({
    ask: 'Which domain is the primary one?',
    example: 'xoyize.xyz',
    description: 'the domain of the server’s own mail: bounces, and postmaster without a domain',
  }),
  mode: z.enum(['separate', 'same_credentials', 'same_mailbox']).default('separate').meta({
    description:
      'separate: each address has credentials and a mailbox of its own; same_credentials: an account has an address and a mailbox in every domain, and one password; same_mailbox: and one mailbox',
  }),
  system: z
    .strictObject({
      name: LocalPart.default('system').meta({ description: 'what is before the @ of the primary domain' }),
      password: secretField('password')
        .default(() => secretPlaceholder('mail/system', 'password'))
        .meta({ description: 'generated when it is missing' }),
    })
    .prefault({})
    .meta({
      description: 'the account that the host’s own mail is sent with; it only sends, and what it is sent goes to postmaster',
    }),
  probe: z
    .strictObject({
      name: LocalPart.default('provision-probe').meta({ description: 'what is before the @ of the primary domain' }),
      password: secretField('password')
        .default(() => secretPlaceholder('mail/probe', 'password'))
        .meta({ description: 'generated when it is missing' }),
    })
    .prefault({})
    .meta({
      description:
        'the account that the host sends itself a mail with each minute, to see that mail works; nobody reads its mailbox, which is emptied each time',
    }),
  limits: z
    .strictObject({
      max_recipients: z.int().min(1).max(1_000).default(100).meta({ description: 'recipients of one submitted message' }),
      rate_per_hour: z.int().min(1).max(1_000_000).default(300).meta({ description: 'messages an hour of one login' }),
      recipients_per_hour: z
        .int()
        .min(1)
        .max(10_000_000)
        .default(1_000)
        .meta({ description: 'recipients an hour of one login, all its messages together' }),
      free_percent: z
        .int()
        .min(1)
        .max(50)
        .default(5)
        .meta({ description: 'what stays free of the disk of the mail, in percent: below it mail is deferred (452)' }),
      free_mb: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(200)
        .meta({ description: 'the same in MiB, where that is more; never over a quarter of the disk' }),
    })
    .prefault({})
    .meta({ description: 'what a stolen password is worth, and what a full disk must not cost' }),
  ldap: Ldap.optional().meta({
    description: 'people of an LDAP directory have mailboxes besides the declared accounts; nobody when left out',
  }),
  tlsa: rotation('what the key of the mail certificate is called').meta({
    description: 'the key that TLSA names: written by provision tlsa rotate',
  }),
})

/** Credentials and a mailbox. */
export const Account = z.strictObject({
  address: AddressHere.meta({
    ask: 'Which mailbox?',
    example: 'xoyi',
    description: 'what is before the @, or the whole address',
  }),
  password: secretField('password')
    .optional()
    .meta({ description: 'generated when it is missing; !secret mail/ADDRESS when left out' }),
})

/** An address that stands for others. */
export const Alias = z.strictObject({
  address: AddressHere.meta({
    ask: 'Which address?',
    example: 'postmaster',
    description: 'what is before the @, or the whole address',
  }),
  to: z
    .union([z.array(Target).min(1), Target.transform((one) => [one])], {
      error: 'is neither an address nor a list of addresses, in lower case',
    })
    .meta({
      ask: 'Where does its mail go?',
      example: 'xoyi',
      description: 'one or several addresses; to keep a copy it names itself',
    }),
})

/** The other host, where the web of a domain is that is not here. */
export const Elsewhere = z
  .strictObject({
    address: Address4.optional().meta({ example: '82.64.18.243', description: 'IPv4 address of the other host' }),
    address6: Address6.optional().meta({ example: '2001:db8::1', description: 'IPv6 address of the other host' }),
  })
  .refine(({ address, address6 }) => address !== undefined || address6 !== undefined, 'needs an address, an address6, or both')
  .meta({ ask: 'What are the addresses of that host?', example: '82.64.18.243 2001:db8::1', description: 'the other host' })

/** Where the web of a domain is: on this host, or on another one that its names point to. */
export const Web = z.union([z.literal('here'), z.strictObject({ elsewhere: Elsewhere })], {
  error: 'is neither “here” nor “elsewhere: { address: …, address6: … }” with at least one address',
})

const policy = z.enum(['none', 'quarantine', 'reject'])

/** One mail domain as it is written: who lives in it, and what its DNS says. */
export const DomainShape = z.strictObject({
  name: HostName.meta({ ask: 'Which domain?', example: 'example.org', description: 'the domain' }),
  accounts: z
    .array(Account)
    .default([])
    .meta({ ask: 'Which mailboxes does it have?', example: 'alice bob', description: 'its mailboxes' }),
  aliases: z.array(Alias).default([]).meta({
    description: 'its aliases; postmaster and abuse exist in any case, and go to its first account when they are not among these',
  }),
  catch_all: AddressHere.optional().meta({
    ask: 'Which account gets mail for unknown addresses?',
    example: 'xoyi',
    description: 'the account that gets mail for addresses with neither mailbox nor alias; such mail is refused when left out',
  }),
  web: Web.default('here').meta({
    ask: 'Where is its web site?',
    example: 'here',
    description: 'here, or where else its names point to',
  }),
  dmarc: z
    .strictObject({
      policy: policy.default('quarantine').meta({
        ask: 'What should others do with forged mail?',
        example: 'quarantine',
        description: 'what others should do with mail that fails',
      }),
      subdomains: policy.optional().meta({ description: 'the same for what is below it; as the policy when left out' }),
      reports: z
        .array(Target)
        .default(['postmaster'])
        .meta({ ask: 'Who gets the reports?', example: 'postmaster', description: 'who gets the reports; none when empty' }),
    })
    .prefault({})
    .meta({ description: '_dmarc' }),
  mta_sts: z
    .strictObject({
      mode: z.enum(['none', 'testing', 'enforce']).default('testing').meta({
        ask: 'How strict should MTA-STS be?',
        example: 'testing',
        description: 'starts in testing, becomes enforce once doctor is green, and is left through none',
      }),
      max_age: z
        .int()
        .min(86_400)
        .max(31_557_600)
        .default(86_401)
        .meta({ description: 'how long senders keep the policy, in seconds' }),
      served: z
        .enum(['here', 'elsewhere'])
        .default('here')
        .meta({ description: 'elsewhere: where its web is serves the policy too' }),
    })
    .prefault({})
    .meta({ description: 'MTA-STS: its policy, its record and its site' }),
  dkim: rotation('the selector that its mail is signed with').meta({
    description: 'the key that its mail is signed with: written by provision dkim rotate',
  }),
  tls_reports: z
    .array(AddressHere)
    .default(['postmaster'])
    .meta({ description: 'who gets the TLS reports (_smtp._tls); none when empty' }),
})

/** One mail domain. What stands before the @ is enough in the file; whole addresses is what everything else works with. */
export const DomainField = DomainShape.transform(({ catch_all, ...domain }) => {
  const whole = (address: string): `${string}@${string}` =>
    address.includes('@') ? (address as `${string}@${string}`) : `${address}@${domain.name}`
  return {
    ...domain,
    accounts: domain.accounts.map(({ address, password }) => ({
      address: whole(address),
      password: password ?? secretPlaceholder(`mail/${whole(address)}`, 'password'),
    })),
    aliases: domain.aliases.map(({ address, to }) => ({ address: whole(address), to: to.map(whole) })),
    ...(catch_all === undefined ? {} : { catch_all: whole(catch_all) }),
    dmarc: { ...domain.dmarc, reports: domain.dmarc.reports.map(whole) },
    tls_reports: domain.tls_reports.map(whole),
  }
})
