import * as z from 'zod'

/** A host or domain name, in lower case, with at least one dot and without a final one. */
export const HostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'is not a valid host name: letters, digits and hyphens, in lower case, with a dot; others in their xn-- form',
  )

/** What stands before the @ of an address that lives here: lower case, as maddy keeps it; no + tag. */
export const LocalPart = z
  .string()
  .max(64)
  .regex(
    /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/,
    'is not a valid mailbox name: letters, digits, dots, hyphens and _, in lower case',
  )

/** A mail address anywhere. */
export const MailAddress = z
  .string()
  .max(254)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_+=-]*(?:\.[A-Za-z0-9_+=-]+)*@[a-z0-9.-]+$/, {
    error: 'is not a valid mail address',
    abort: true,
  })
  .refine(
    (value) => HostName.safeParse(value.split('@')[1]).success,
    'is not a valid mail address: its domain is not a valid host name',
  )

/** An address that lives here: what is before the @ is enough, and means the domain that it is written in. */
export const AddressHere = z.union([LocalPart, MailAddress.refine((whole) => LocalPart.safeParse(whole.split('@')[0]).success)], {
  error: 'is neither the name of a mailbox of this domain nor a whole address of it, in lower case',
})

/** An address anywhere; without an @, of the domain that it is written in. */
export const Target = z.union([LocalPart, MailAddress], {
  error: 'is neither the name of a mailbox of this domain nor a mail address',
})

/** A name that Debian's adduser takes, and that is not one of the system's or of ours. */
export const UserName = z
  .string()
  .max(32)
  .regex(/^[a-z][a-z0-9_-]*$/, 'is not a valid user name: lower case letters, digits, hyphens and _, the first a letter')
  .refine((name) => !taken.has(name), 'is taken by the system or one of its daemons')

/** One line of text without control characters. */
export const Line = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'is not one line of plain text')

/** A time as fail2ban and systemd both read it. */
export const Duration = z
  .string()
  .regex(
    /^[1-9][0-9]{0,5}[smhdw]$/,
    'is not a valid duration: a number and s, m, h, d or w, such as 96h',
  ) as unknown as z.ZodType<`${number}${'s' | 'm' | 'h' | 'd' | 'w'}`, string>

/** A size as journald reads it. */
export const Size = z
  .string()
  .regex(/^[1-9][0-9]{0,5}[MG]$/, 'is not a valid size: a number and M or G, such as 1G') as unknown as z.ZodType<
  `${number}${'M' | 'G'}`,
  string
>

/** An absolute path without `.` and `..`, of characters that need no quotes in any configuration file. */
export const AbsolutePath = z
  .string()
  .max(1000)
  .regex(
    /^(?:\/[A-Za-z0-9._+@=:,-]+)+$/,
    'is not a valid absolute path: letters, digits and . _ + @ = : , -, and no slash at the end',
  )
  .refine((path) => !/\/\.{1,2}(\/|$)/.test(path), 'has . or .. in it') as unknown as z.ZodType<`/${string}`, string>

/** A URL of the web, of characters that need no quotes in any configuration file. */
export const Url = z
  .string()
  .max(1000)
  .regex(/^https?:\/\/[A-Za-z0-9._:@[\]-]+(?:\/[A-Za-z0-9._~:/?@!&*+,;=%-]*)?$/, {
    error: 'is not a valid http(s) URL',
    abort: true,
  })
  .refine((url) => URL.canParse(url), 'is not a valid http(s) URL')

/** The URL of a download, in which {version} is replaced by the version. */
export const DownloadUrl = z
  .string()
  .max(1000)
  .refine((url) => Url.safeParse(url.replaceAll('{version}', '1.2.3')).success, 'is not a valid http(s) URL')

/** A name of the tz database. */
export const TimeZoneField = z
  .string()
  .regex(/^[A-Z][A-Za-z0-9_+-]*(?:\/[A-Z][A-Za-z0-9_+-]*)*$/, {
    error: 'is not a valid time zone: Europe/Paris, Etc/UTC',
    abort: true,
  })
  .refine(isTimeZone, 'is not a time zone known here: Europe/Paris, Etc/UTC')

/** A locale that Debian can generate, in UTF-8. */
export const Locale = z.string().regex(/^[a-z]{2,3}_[A-Z]{2}\.UTF-8$/, 'is not a valid UTF-8 locale: en_US.UTF-8')

function isTimeZone(name: string): boolean {
  // Ten times as fast as the formatter, but without links such as Asia/Kolkata and UTC.
  const known = Intl.supportedValuesOf('timeZone')
  if (known.includes(name)) return true
  try {
    // Intl takes any case, the host does not.
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    return timeZone.toLowerCase() !== name.toLowerCase() || timeZone === name
  } catch {
    return false
  }
}

const taken = new Set(
  'root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody messagebus sshd maddy caddy nebula sudo adm users'.split(
    ' ',
  ),
)
