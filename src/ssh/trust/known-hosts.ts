import { createHmac, randomBytes } from 'node:crypto'
import { type PublicKey, parseLine, toLine } from '../keys/public-key.ts'

/** A key of known_hosts, with the line that it stands on. */
export interface KnownKey extends PublicKey {
  readonly line: number
}

/** What known_hosts says of one name. */
export interface KnownKeys {
  readonly keys: readonly KnownKey[]
  /** Keys that must never be accepted again. */
  readonly revoked: readonly KnownKey[]
  /** Certificate authorities: ssh2 reads no host certificates, so they vouch for nothing here. */
  readonly authorities: readonly KnownKey[]
}

/** The name under which known_hosts keeps a host: the bare address on port 22, else `[address]:port`. */
export function knownName(address: string, port: number): string {
  return port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`
}

/** A port of a host, for people: an IPv6 address in brackets. */
export function endpointName(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** Looks a name up, in the format that sshd(8) describes: hashed names, wildcards, negations, @revoked, @cert-authority. */
export function knownKeys(text: string, name: string): KnownKeys {
  const found: { marker: string | undefined; key: KnownKey }[] = []
  for (const [i, line] of text.split('\n').entries()) {
    const [, marker, names, rest] = /^\s*(?:(@\S+)\s+)?([^\s#@]\S*)\s+(.+)$/.exec(line) ?? []
    if (names === undefined || !matches(names, name)) continue
    const key = parseLine(rest!)
    if (key !== undefined) found.push({ marker, key: { ...key, line: i + 1 } })
  }
  const marked = (wanted: string | undefined) => found.flatMap(({ marker, key }) => (marker === wanted ? [key] : []))
  return { keys: marked(undefined), revoked: marked('@revoked'), authorities: marked('@cert-authority') }
}

/** The line to append for a newly accepted key, after the text that is there: hashed when all its names are. */
export function newLine(text: string, name: string, key: PublicKey): string {
  const names = text.split('\n').filter((line) => /^\s*[^\s#]/.test(line))
  const hashed = names.length > 0 && names.every((line) => /^\s*(@\S+\s+)?\|1\|/.test(line))
  return `${text === '' || text.endsWith('\n') ? '' : '\n'}${hashed ? hash(name, randomBytes(20)) : name} ${toLine(key)}\n`
}

function matches(names: string, name: string): boolean {
  if (names.startsWith('|')) {
    const [, , salt = ''] = names.split('|')
    return names === hash(name, Buffer.from(salt, 'base64'))
  }
  const patterns = names.toLowerCase().split(',')
  if (patterns.some((pattern) => pattern.startsWith('!') && glob(pattern.slice(1), name))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && glob(pattern, name))
}

function glob(pattern: string, name: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === name
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(name)
}

function hash(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}
