import { isIPv4, isIPv6 } from 'node:net'
import * as z from 'zod'
import { Secret } from '../secret.ts'

/** A host or domain name, in lower case, with at least one dot and without a final one. */
export const HostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'is no host name: letters, digits and hyphens, in lower case, with a dot; others in their xn-- form',
  )

/** An IPv4 address. */
export const Address4 = z.ipv4('is no IPv4 address').refine(isIPv4, 'is no IPv4 address')

/** An IPv6 address, kept in its shortest form, in which the host says it too. */
export const Address6 = z.ipv6('is no IPv6 address').refine(isIPv6, 'is no IPv6 address').overwrite(shortest)

/** A network in CIDR notation, or one address. */
export const Network = z
  .string()
  .regex(/^[0-9a-fA-F:.]{2,45}(?:\/[0-9]{1,3})?$/, 'is no network: 192.0.2.0/24, 2001:db8::/32 or one address')
  .refine(
    (value) => network(value) !== undefined,
    'is no network: 192.0.2.0/24 or 2001:db8::/32, with no bits set below the mask',
  )
  .overwrite((value) => network(value) ?? value)

/** What stands before the @ of an address that lives here: lower case, as maddy keeps it; no + tag. */
export const LocalPart = z
  .string()
  .max(64)
  .regex(
    /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/,
    'is no name of a mailbox: letters, digits, dots, hyphens and _, in lower case',
  )

/** A mail address anywhere. */
export const MailAddress = z
  .string()
  .max(254)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_+=-]*(?:\.[A-Za-z0-9_+=-]+)*@[a-z0-9.-]+$/, 'is no mail address')
  .refine((value) => HostName.safeParse(value.split('@')[1]).success, 'is no mail address: its domain is no host name')

/** An address of a domain: what stands before the @ is enough, and means this domain. */
export const AddressHere = z.union([LocalPart, MailAddress], {
  error: 'is neither the name of a mailbox of this domain nor a whole mail address, in lower case',
})

/** A name that Debian's adduser takes, and that is not one of the system's or of ours. */
export const UserName = z
  .string()
  .max(32)
  .regex(/^[a-z][a-z0-9_-]*$/, 'is no user name: lower case letters, digits, hyphens and _, the first a letter')
  .refine((name) => !taken.has(name), 'is a name that the system or one of our daemons has')

/** A public SSH key as in authorized_keys(5), without options. */
export const PublicKey = z
  .string()
  .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}(?: [^\p{Cc}]*)?$/u, 'is no public SSH key: one line, as in id_ed25519.pub')
  .superRefine((line, context) => {
    const fault = faultOfKey(line)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  })

/** One line of text without control characters. */
export const Line = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'is not one line of plain text')

/** A TCP or UDP port. */
export const Port = z.int().min(1).max(65535)

/** A time as fail2ban and systemd both read it. */
export const Duration = z
  .string()
  .regex(/^[1-9][0-9]{0,5}[smhdw]$/, 'is no duration: a number and s, m, h, d or w, such as 96h') as unknown as z.ZodType<
  `${number}${'s' | 'm' | 'h' | 'd' | 'w'}`,
  string
>

/** A size as journald reads it. */
export const Size = z
  .string()
  .regex(/^[1-9][0-9]{0,5}[MG]$/, 'is no size: a number and M or G, such as 1G') as unknown as z.ZodType<
  `${number}${'M' | 'G'}`,
  string
>

/** An absolute path without `.` and `..`. */
export const AbsolutePath = z
  .string()
  .max(1000)
  .regex(/^(?:\/[^\p{Cc}/]+)+$/u, 'is no absolute path, or ends in a slash')
  .refine((path) => !/\/\.{1,2}(\/|$)/.test(path), 'has . or .. in it') as unknown as z.ZodType<`/${string}`, string>

/** A URL of the web. */
export const Url = z.url({ protocol: /^https?$/, error: 'is no http(s) URL' })

/** A name of the tz database. */
export const TimeZone = z
  .string()
  .regex(/^[A-Z][A-Za-z0-9_+-]*(?:\/[A-Z][A-Za-z0-9_+-]*)*$/, 'is no time zone: Europe/Paris, Etc/UTC')
  .refine(isTimeZone, 'is no time zone that is known here: Europe/Paris, Etc/UTC')

/** A locale that Debian can generate, in UTF-8. */
export const Locale = z.string().regex(/^[a-z]{2,3}_[A-Z]{2}\.UTF-8$/, 'is no UTF-8 locale: en_US.UTF-8')

/** A reference into the secrets store: `!secret NAME`. Unbound until the inventory is loaded. */
export const SecretField = z.instanceof(Secret, {
  error: 'is a secret: write “!secret NAME” here, and give its value with “provision secrets set NAME”',
})

/** A secret whose value nobody can read yet: what the schema makes, before the inventory ties it to its store. */
export const unbound = (name: string): Secret => new Secret(name, () => undefined)

/** What a secret may be called. */
export const secretName = /^[a-z0-9][a-zA-Z0-9@._+/-]{0,199}$/

function shortest(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
}

/** A network in its shortest form; nothing when it is none, or has bits set below the mask. */
function network(value: string): string | undefined {
  const [address = '', mask] = value.split('/')
  const size = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0
  const length = mask === undefined ? size : Number(mask)
  if (size === 0 || length > size) return undefined
  const below = (1n << BigInt(size - length)) - 1n
  if ((bits(address) & below) !== 0n) return undefined
  return mask === undefined ? shortest(address) : `${shortest(address)}/${length}`
}

function bits(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n)
  const [left = '', right] = shortest(address).split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':'))
  const [head, tail] = [words(left), words(right ?? '')]
  const all = right === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return all.reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n)
}

function isTimeZone(name: string): boolean {
  const known = Intl.supportedValuesOf('timeZone')
  if (known.includes(name)) return true
  if (known.some((one) => one.toLowerCase() === name.toLowerCase())) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

/** What is wrong with a public key, so that nobody is locked out by a typo; sshd takes no RSA below 3072 bits. */
function faultOfKey(line: string): string | undefined {
  const [type = '', body = ''] = line.split(' ')
  const blob = Buffer.from(body, 'base64')
  const fields: Buffer[] = []
  for (let at = 0; at + 4 <= blob.length; ) {
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return 'is no public SSH key: it is cut off'
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  if (!keyTypes.has(type)) return `is a key of a type that our sshd does not take: ${[...keyTypes].join(', ')}`
  if (fields[0]?.toString() !== type || fields.length < 2) return 'is no public SSH key: it does not say in it what it says it is'
  if (type === 'ssh-ed25519' && fields[1]?.length !== 32) return 'is no public SSH key: it is cut off'
  if (type === 'ssh-rsa' && (fields[2]?.length ?? 0) < 3072 / 8)
    return 'is an RSA key of less than 3072 bits, which our sshd refuses'
  return undefined
}

const keyTypes = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
])

const taken = new Set(
  'root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody messagebus sshd maddy caddy sudo adm users'.split(
    ' ',
  ),
)
