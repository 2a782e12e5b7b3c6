import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConnectionError } from '../errors.ts'
import { type Known, knownName, lookUp, newLine } from './known-hosts.ts'
import type { LoginOptions } from './options.ts'
import { fingerprint, typeOf } from './public-key.ts'

/** The host showed a key that we may not trust. It ends the ladder: nothing else is tried, nothing is offered. */
export class HostKeyError extends ConnectionError {}

/** What decides, for all logins of a run, whether a host key is the right one. */
export interface Trust {
  /** The host key algorithms to negotiate on this port. */
  algorithms(port: number): readonly string[]
  accepts(port: number, key: Buffer): boolean
  /** After a refusal: returns when another try is worth it, the operator having said yes. Throws HostKeyError otherwise. */
  settle(port: number, key: Buffer): Promise<void>
  /** The host has no key of an algorithm that we asked for. Throws HostKeyError. */
  unmatched(port: number): never
  /** A login worked: every later one must show this key, and known_hosts learns it for this port. */
  keep(port: number, key: Buffer): void
}

/** The host key policy for one address. It reads known_hosts, and writes what the operator accepted, unless one key is given. */
export function trustIn(address: string, { hostKey, knownHosts, ask, log }: Omit<LoginOptions, 'address'>): Trust {
  const text = (): string => (hostKey === undefined && existsSync(knownHosts) ? readFileSync(knownHosts, 'utf8') : '')
  const at = (port: number): Known => lookUp(text(), knownName(address, port))
  /** On a port of which nothing is known, a key that is known on port 22 will do, as with OpenSSH. */
  const known = (port: number): Known => (at(port).keys.length > 0 || at(port).revoked.length > 0 ? at(port) : at(22))
  const approved = new Set<string>()
  const shown = new Map<number, readonly string[]>()
  let pinned: Buffer | undefined
  let asking: Promise<void> = Promise.resolve()

  const accepts = (port: number, key: Buffer): boolean => {
    if (pinned !== undefined) return pinned.equals(key)
    if (hostKey !== undefined) return fingerprint(key) === hostKey
    const { keys, revoked } = known(port)
    return (
      !revoked.some(({ blob }) => blob.equals(key)) &&
      (keys.some(({ blob }) => blob.equals(key)) || approved.has(fingerprint(key)))
    )
  }

  const refuse = (message: string, hint: string): never => {
    throw new HostKeyError(address, message, hint)
  }

  const settle = async (port: number, key: Buffer): Promise<void> => {
    const print = fingerprint(key)
    if (pinned !== undefined)
      refuse(
        `port ${port} shows the host key ${print}, the login before it showed ${fingerprint(pinned)}`,
        'both must lead to one host',
      )
    if (hostKey !== undefined) {
      const seen = [...(shown.get(port) ?? []), typeOf(key), print]
      shown.set(port, seen)
      return algorithms(port).length > 0 ? undefined : unmatched(port)
    }
    const { keys, revoked, authorities } = known(port)
    const revokedAt = revoked.find(({ blob }) => blob.equals(key))
    if (revokedAt !== undefined)
      refuse(
        `its host key ${print} is revoked in line ${revokedAt.line} of ${knownHosts}`,
        'somebody may be in between: ask its provider',
      )
    const exact = at(port).keys
    if (exact.length > 0) {
      const was = exact.map(({ type, blob, line }) => `${type} ${fingerprint(blob)} in line ${line} of ${knownHosts}`).join(', ')
      refuse(
        `its host key has changed: it shows ${typeOf(key)} ${print}, known is ${was}`,
        `somebody may be in between. If you know why (a host that was installed again): ssh-keygen -R '${knownName(address, port)}' -f ${knownHosts}`,
      )
    }
    const other = keys.map(({ blob }) => `, another is known on port 22: ${fingerprint(blob)}`).join('')
    const authority = authorities.length > 0 ? ', only a certificate authority is, which cannot be used here' : ''
    const what = `the host key ${typeOf(key)} ${print} of ${knownName(address, port)}`
    if (ask === undefined)
      return refuse(
        `${what} is not known${other}${authority}`,
        `compare it with the one that the provider's console shows, then give --host-key ${print}`,
      )
    // Both ports may ask at once; the second hears the first one's answer.
    asking = asking.then(async () => {
      if (approved.has(print)) return
      if (!(await ask.confirm(`${what} is not known${other}${authority}. Is it the one that the provider's console shows?`)))
        refuse(
          `${what} was not accepted`,
          "the provider's console shows the right one: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
      approved.add(print)
    })
    return asking
  }

  const algorithms = (port: number): readonly string[] => {
    if (pinned !== undefined) return algorithmsOf(typeOf(pinned))
    const all = supported.flatMap(algorithmsOf)
    if (hostKey !== undefined) return supported.filter((type) => !shown.get(port)?.includes(type)).flatMap(algorithmsOf)
    const types = (of: Known): readonly string[] =>
      supported.filter((type) => of.keys.some((key) => key.type === type)).flatMap(algorithmsOf)
    const exact = types(at(port))
    return exact.length > 0 ? exact : [...new Set([...types(known(port)), ...all])]
  }

  const unmatched = (port: number): never => {
    const seen = shown.get(port)?.filter((word) => word.startsWith('SHA256:'))
    if (hostKey !== undefined && seen !== undefined)
      return refuse(
        `its host key is not ${hostKey}: it shows ${seen.join(', ')}`,
        'somebody may be in between, or the fingerprint is of another host',
      )
    const wanted =
      hostKey ??
      at(port)
        .keys.map(({ type, blob }) => `${type} ${fingerprint(blob)}`)
        .join(', ')
    return refuse(
      `it has no host key of the type that is known: ${wanted}`,
      `if you know why: ssh-keygen -R '${knownName(address, port)}' -f ${knownHosts}`,
    )
  }

  const keep = (port: number, key: Buffer): void => {
    pinned ??= key
    if (hostKey !== undefined || at(port).keys.some(({ blob }) => blob.equals(key))) return
    const name = knownName(address, port)
    try {
      append(knownHosts, newLine(text(), name, { type: typeOf(key), blob: key }))
      log(`${name} is now in ${knownHosts}, with the host key ${fingerprint(key)}`)
    } catch (error) {
      log(`${name} could not be written to ${knownHosts}: ${(error as Error).message}`)
    }
  }

  return { algorithms, accepts, settle, unmatched, keep }
}

/** The types of host keys that ssh2 can check, the fastest first. */
const supported: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]

/** RFC 8332: an RSA key signs with SHA-2. */
const algorithmsOf = (type: string): readonly string[] => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type])

/** One write at the end of the file, so that two runs at once do not mix their lines. */
function append(file: string, line: string): void {
  if (!existsSync(dirname(file))) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const isNew = !existsSync(file)
  appendFileSync(file, line, { mode: 0o600 })
  if (isNew) chmodSync(file, 0o600)
}
