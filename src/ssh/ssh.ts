import type { Client } from 'ssh2'
import { carrySecurityKeys } from './keys/security-key.ts'
import { signAtOnce } from './keys/sign-at-once.ts'
import type { Dial } from './link/link.ts'
import { climb } from './login/ladder.ts'
import type { Connection, LoginOptions } from './options.ts'
import { connectionOver } from './session/connection.ts'

export { operatorKey } from './keys/operator-key.ts'
export type { Ask, Connection, LoginOptions } from './options.ts'

/**
 * Logs in at a host: as the admin with a key, else as root with a key, else as root with the password. The first way that works is used.
 * Throws HostKeyError when the host's key is not the known one, ConnectionError with every way that was tried and why it failed.
 */
export async function login(options: LoginOptions): Promise<Connection> {
  return connectionOver(options, await climb(options, dial))
}

/** Loads the SSH client, which `login` needs: when it is there, a login that has begun is on its way. */
export const loaded = async (): Promise<void> => void (await import('node-ssh'))

/**
 * One SSH dialogue. node-ssh neither checks the host key nor sets noDelay, offers `none` first (a round trip), and leaves nobody
 * listening to `error` afterwards, so that a reset ends the process: hence our own stream, verifier, order and listener.
 */
const dial: Dial = async ({ sock, user, algorithms, accepts, next, patienceMs, debug }) => {
  const { NodeSSH } = await import('node-ssh')
  const ssh = new NodeSSH()
  const connecting = ssh.connect({
    sock: (await sock) as NonNullable<Parameters<Client['connect']>[0]['sock']>,
    username: user,
    readyTimeout: patienceMs,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { kex: exchanges, serverHostKey: [...algorithms] as ServerHostKeys, compress: ['none'] },
    hostVerifier: (key: Buffer) => accepts(key),
    // A method of `false` ends the dialogue; ssh2's types do not say so.
    authHandler: (left, _partial, give) => give(next(left) as Parameters<typeof give>[0]),
    ...(debug === undefined ? {} : { debug }),
  })
  const client = ssh.connection!
  signAtOnce(client)
  carrySecurityKeys(client)
  // A lost connection is told by its channels; what is said here is for --debug.
  client.on('error', (error) => debug?.(`ssh: ${error.message}`))
  await connecting
  return client
}

type Algorithms = NonNullable<Parameters<Client['connect']>[0]['algorithms']>
type ServerHostKeys = Extract<NonNullable<Algorithms['serverHostKey']>, readonly unknown[]>

/** The fast ones first; nothing with SHA-1. */
const exchanges: Extract<NonNullable<Algorithms['kex']>, readonly unknown[]> = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group-exchange-sha256',
]
