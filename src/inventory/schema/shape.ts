import * as z from 'zod'
import type { Secret } from '../../secret.ts'
import { Admin, Fail2ban, Firewall } from './access.ts'
import { Artifacts } from './artifacts.ts'
import { Backup } from './backup.ts'
import { defaultPort } from './defaults.ts'
import { Doctor } from './doctor.ts'
import * as f from './fields.ts'
import { DomainField, Mail } from './mail.ts'
import { Mariadb } from './mariadb.ts'
import * as n from './networks.ts'
import { Ntfy } from './notify.ts'
import { Nebula, Nfs } from './overlay.ts'
import { Php } from './php.ts'
import { Rspamd } from './rspamd.ts'
import { secretField, secretPlaceholder } from './secret-field.ts'
import { Watch } from './watch.ts'
import { Acme, Dns, SiteField } from './web.ts'

/** Everything that one inventory file may say, as it is written. */
export const ServerShape = z.strictObject({
  version: z.literal(1).meta({ description: 'of the inventory’s format' }),
  hostname: f.HostName.meta({
    ask: 'What is the host called?',
    example: 'xoyize.xyz',
    description: 'its full public name, as hostname -f prints it',
  }),
  address: n.Address4.optional().meta({
    ask: 'What is its IPv4 address, if it has one?',
    example: '158.220.91.148',
    description: 'its public IPv4 address; left out, with address6, for a host that has none',
  }),
  address6: n.Address6.optional().meta({
    ask: 'And its IPv6 address, if it has one?',
    example: '2a02:c204:2231:478::1',
    description: 'its public IPv6 address, from which mail leaves',
  }),
  provider: f.Line.optional().meta({
    example: 'Contabo, Portsmouth UK',
    description: 'a note: where it is, and its owner',
  }),
  admin: Admin,
  ssh: z
    .strictObject({
      port: n.PortField.default(defaultPort).meta({
        ask: 'On which port should SSH listen?',
        example: 55148,
        description: 'where sshd listens, alone',
      }),
      allow_users: z
        .array(f.UserName)
        .default([])
        .meta({ example: ['backup-pull'], description: 'who may log in besides the admin, with keys of their own' }),
    })
    .prefault({})
    .meta({ description: 'sshd: keys only' }),
  root: z
    .strictObject({
      password: secretField('password')
        .default(() => secretPlaceholder('root/password', 'password'))
        .meta({ description: 'generated when it is missing' }),
    })
    .prefault({})
    .meta({ description: 'root: good for the provider’s console only' }),
  time_zone: f.TimeZoneField.default('Europe/Paris').meta({
    ask: 'Which time zone?',
    example: 'Europe/Paris',
    description: 'a name of the tz database',
  }),
  locales: z
    .strictObject({
      generate: z.array(f.Locale).min(1).default(['en_US.UTF-8', 'fr_FR.UTF-8']).meta({ description: 'exactly these exist' }),
      default: f.Locale.default('en_US.UTF-8').meta({ description: 'the one that a login gets' }),
    })
    .prefault({})
    .meta({ description: 'languages' }),
  motd: z
    .strictObject({
      lines: z.array(f.Line).default([]).meta({ description: 'what the banner says, line by line; the host name when empty' }),
      font: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9 _-]*$/, 'is not a valid figlet font name')
        .default('small')
        .meta({ description: 'a figlet font' }),
    })
    .prefault({})
    .meta({ description: 'the message of the day' }),
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'is not a valid Debian package name'))
    .default(['rsync', 'curl', 'tmux', 'jq', 'figlet', 'git', 'tree'])
    .meta({ description: 'tools, as Debian packages; those that something needs are installed with it' }),
  apt: z
    .strictObject({
      proxy: f.Url.optional().meta({ example: 'http://192.0.2.1:3142', description: 'a cache to get packages through' }),
    })
    .prefault({})
    .meta({ description: 'where packages come from' }),
  updates: z
    .strictObject({ automatic: z.boolean().default(true).meta({ description: 'security updates are installed automatically' }) })
    .prefault({})
    .meta({ description: 'unattended-upgrades' }),
  journal: z
    .strictObject({
      max_use: f.Size.default('1G').meta({ description: 'what it may take' }),
      keep_free: f.Size.default('2G').meta({ description: 'what it leaves free on the disk' }),
      keep_days: z.int().min(1).max(3650).default(90).meta({ description: 'when entries go: they say who wrote to whom' }),
    })
    .prefault({})
    .meta({ description: 'the system’s journal' }),
  firewall: Firewall,
  fail2ban: Fail2ban,
  acme: Acme,
  dns: Dns,
  mail: Mail.meta({ description: 'the mail server' }),
  domains: z.array(DomainField).min(1).meta({ description: 'the mail domains' }),
  sites: z.array(SiteField).default([]).meta({ description: 'the web sites of this host' }),
  php: Php.optional().meta({ description: 'PHP-FPM for the sites that say so; no PHP when left out' }),
  mariadb: Mariadb.optional().meta({ description: 'MariaDB, on the loopback; none when left out' }),
  nebula: Nebula.optional().meta({ description: 'a node of a nebula overlay network; none when left out' }),
  nfs: Nfs.optional().meta({ description: 'an NFSv4 server for the overlay; none when left out' }),
  rspamd: Rspamd.optional().meta({ description: 'rspamd checks what strangers send; not at all when left out' }),
  backup: Backup.optional().meta({ description: 'a borg repository elsewhere; no backups when left out' }),
  ntfy: Ntfy.optional().meta({
    description: 'where the host says what an operator should hear; by mail to postmaster when left out',
  }),
  doctor: Doctor,
  watch: Watch,
  artifacts: Artifacts.prefault({}).meta({ description: 'programs that Debian does not package, pinned' }),
  stamp_key: secretField('key')
    .default(() => secretPlaceholder('provision/stamp-key', 'key'))
    .meta({
      description: 'what passwords are recognised with, without being tried; generated when it is missing',
    }),
})

/** One server: what its inventory file says, with every default filled in. */
export type Server = Immutable<z.output<typeof ServerShape>>

/** One mail domain of a server. */
export type Domain = Server['domains'][number]

/** One site of a server. */
export type Site = Server['sites'][number]

type Immutable<T> = T extends Secret
  ? T
  : T extends readonly (infer I)[]
    ? readonly Immutable<I>[]
    : T extends object
      ? { readonly [K in keyof T]: Immutable<T[K]> }
      : T
