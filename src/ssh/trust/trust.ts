import { existsSync, readFileSync } from 'node:fs'
import { fingerprint, typeOf } from '../keys/public-key.ts'
import type { LoginOptions } from '../options.ts'
import { type KnownKeys, knownKeys, knownName } from './known-hosts.ts'
import { learn } from './known-hosts-file.ts'
import { refusals } from './refusals.ts'

/** What decides, for all logins of a run, whether a host key is the right one. */
export interface Trust {
  /** The host key algorithms to negotiate on this port: of the types that are known, where any are. */
  algorithms(port: number): readonly string[]
  accepts(port: number, key: Buffer): boolean
  /** After a refusal: returns when another try is worth it, the operator having said yes. Throws HostKeyError otherwise. */
  settle(port: number, key: Buffer): Promise<void>
  /** The host has no key of an algorithm that we asked for. Throws HostKeyError. */
  unmatched(port: number): never
  /** Whether known_hosts holds a key for this very port: a login has worked there before. */
  knownAt(port: number): boolean
  /** A login worked: every later one must show this key, and known_hosts learns it for this port. */
  keep(port: number, key: Buffer): void
}

/** The host key policy for one address. It reads known_hosts, and writes what the operator accepted, unless one key is given. */
export function trustIn(address: string, { hostKey, knownHosts, ask, log }: Omit<LoginOptions, 'address'>): Trust {
  const text = (): string => (hostKey === undefined && existsSync(knownHosts) ? readFileSync(knownHosts, 'utf8') : '')
  const at = (port: number): KnownKeys => knownKeys(text(), knownName(address, port))
  /** Of a port of which nothing is known, what is known of port 22 holds, as with OpenSSH. What is revoked on either is revoked. */
  const known = (port: number): KnownKeys => {
    const [here, plain] = [at(port), at(22)]
    return { ...(here.keys.length > 0 ? here : plain), revoked: [...here.revoked, ...plain.revoked] }
  }
  const refuse = refusals(address, knownHosts)
  const approved = new Set<string>()
  /** With --host-key, whose type is not said: what was shown instead, by port, as type and fingerprint. */
  const others = new Map<number, readonly (readonly [type: string, print: string])[]>()
  let pinned: Buffer | undefined
  let asking: Promise<void> = Promise.resolve()

  const accepts = (port: number, key: Buffer): boolean => {
    if (pinned !== undefined) return pinned.equals(key)
    if (hostKey !== undefined) return fingerprint(key) === hostKey
    const { keys, revoked } = known(port)
    if (revoked.some(({ blob }) => blob.equals(key))) return false
    return keys.some(({ blob }) => blob.equals(key)) || approved.has(fingerprint(key))
  }

  const settle = async (port: number, key: Buffer): Promise<void> => {
    if (pinned !== undefined) return refuse.another(port, key, pinned)
    if (hostKey !== undefined) {
      others.set(port, [...(others.get(port) ?? []), [typeOf(key), fingerprint(key)]])
      return algorithms(port).length > 0 ? undefined : unmatched(port)
    }
    const { keys, revoked, authorities } = known(port)
    const line = revoked.find(({ blob }) => blob.equals(key))?.line
    if (line !== undefined) return refuse.revoked(key, line)
    const exact = at(port).keys
    if (exact.length > 0) return refuse.changed(port, key, exact)
    const question = refuse.question(port, key, keys, authorities.length > 0)
    if (ask === undefined) return refuse.unknown(question, key)
    // Both ports may ask at once; the second hears the first one's answer.
    asking = asking.then(async () => {
      if (approved.has(fingerprint(key))) return
      if (!(await ask.confirm(`${question}. Is it the one that the provider's console shows?`))) refuse.unaccepted(port, key)
      approved.add(fingerprint(key))
    })
    return asking
  }

  const algorithms = (port: number): readonly string[] => {
    if (pinned !== undefined) return algorithmsOf(typeOf(pinned))
    const not = others.get(port)?.map(([type]) => type) ?? []
    if (hostKey !== undefined) return supported.filter((type) => !not.includes(type)).flatMap(algorithmsOf)
    const types = ({ keys }: KnownKeys) => supported.filter((type) => keys.some((key) => key.type === type)).flatMap(algorithmsOf)
    const exact = types(at(port))
    return exact.length > 0 ? exact : [...new Set([...types(known(port)), ...supported.flatMap(algorithmsOf)])]
  }

  const unmatched = (port: number): never => {
    const shown = others.get(port)?.map(([, print]) => print)
    return hostKey === undefined || shown === undefined
      ? refuse.noSuchType(port, hostKey, at(port).keys)
      : refuse.notGiven(hostKey, shown)
  }

  const keep = (port: number, key: Buffer): void => {
    pinned ??= key
    if (hostKey !== undefined || at(port).keys.some(({ blob }) => blob.equals(key))) return
    log(learn(knownHosts, knownName(address, port), { type: typeOf(key), blob: key }))
  }

  const knownAt = (port: number): boolean => at(port).keys.length > 0

  return { knownAt, algorithms, accepts, settle, unmatched, keep }
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
