import { ConnectionError } from '../../errors.ts'
import { fingerprint, typeOf } from '../keys/public-key.ts'
import { type KnownKey, knownName } from './known-hosts.ts'

/** The host showed a key that we may not trust. It ends the ladder: nothing else is tried, nothing is offered. */
export class HostKeyError extends ConnectionError {}

/** Why a host key is refused, in words; each throws HostKeyError, but `question`. */
export interface Refusals {
  /** What is unknown, for a question or an error. */
  question(port: number, key: Buffer, onPort22: readonly KnownKey[], authority: boolean): string
  unknown(question: string, key: Buffer): never
  unaccepted(port: number, key: Buffer): never
  changed(port: number, key: Buffer, known: readonly KnownKey[]): never
  revoked(key: Buffer, line: number): never
  another(port: number, key: Buffer, before: Buffer): never
  notGiven(given: string, shown: readonly string[]): never
  noSuchType(port: number, given: string | undefined, known: readonly KnownKey[]): never
}

/** The refusals for one address and one known_hosts. */
export function refusals(address: string, knownHosts: string): Refusals {
  const refuse = (message: string, hint: string): never => {
    throw new HostKeyError(address, message, hint)
  }
  const forget = (port: number) => `ssh-keygen -R '${knownName(address, port)}' -f ${knownHosts}`
  const typed = (key: Buffer) => `${typeOf(key)} ${fingerprint(key)}`
  const what = (port: number, key: Buffer) => `the host key ${typed(key)} of ${knownName(address, port)}`
  return {
    question: (port, key, onPort22, authority) => {
      const other = onPort22.map(({ blob }) => `, another is known on port 22: ${fingerprint(blob)}`).join('')
      return `${what(port, key)} is not known${other}${authority ? ', only a certificate authority is, which cannot be used here' : ''}`
    },
    unknown: (question, key) =>
      refuse(question, `compare it with the one that the provider's console shows, then give --host-key ${fingerprint(key)}`),
    unaccepted: (port, key) =>
      refuse(
        `${what(port, key)} was not accepted`,
        'the console shows the right one: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
      ),
    changed: (port, key, known) =>
      refuse(
        `its host key has changed: it shows ${typed(key)}, known is ${known.map(({ blob, line }) => `${typed(blob)} in line ${line} of ${knownHosts}`).join(', ')}`,
        `somebody may be in between. If you know why (a host that was installed again): ${forget(port)}`,
      ),
    revoked: (key, line) =>
      refuse(
        `its host key ${fingerprint(key)} is revoked in line ${line} of ${knownHosts}`,
        'somebody may be in between: ask its provider',
      ),
    another: (port, key, before) =>
      refuse(
        `port ${port} shows the host key ${fingerprint(key)}, the login before it showed ${fingerprint(before)}`,
        'both must lead to one host',
      ),
    notGiven: (given, shown) =>
      refuse(
        `its host key is not ${given}: it shows ${shown.join(', ')}`,
        'somebody may be in between, or the fingerprint is of another host',
      ),
    noSuchType: (port, given, known) =>
      refuse(
        `it has no host key of the type that is known: ${given ?? known.map(({ blob }) => typed(blob)).join(', ')}`,
        `somebody may be in between. If you know why: ${forget(port)}`,
      ),
  }
}
