import type { Shell } from '../engine/shell.ts'

/** Asks the operator. Absent where there is no terminal. */
export interface Ask {
  /** A line that is not shown while it is typed. */
  password(question: string): Promise<string>
  confirm(question: string): Promise<boolean>
}

/** The password of the secrets that root gets. */
export interface RootSecret {
  /** The stored one: a run that died after it had set it comes back with the mailed one. Nothing when none is stored. */
  stored(): Promise<string | undefined>
  /**
   * The stored one with its name, generated and stored first where there is none, once a person has agreed. Absent where a run only looks.
   * Throws ProvisionError.
   */
  readonly make?: () => Promise<{ readonly name: string; readonly value: string }>
}

/** How a host is reached, and what may be offered to it. */
export interface LoginOptions {
  /** The inventory's address, or --address: host keys are looked up and kept under it. */
  readonly address: string
  /** From --address A:PORT: the ladder tries this port first, as admin and as root. */
  readonly port?: number
  /** The inventory's admin user. */
  readonly admin: string
  /** The inventory's SSH port. */
  readonly sshPort: number
  /** The declared public keys, as lines of authorized_keys. No other key is offered: fail2ban counts failures. */
  readonly keys: readonly string[]
  /** From --host-key SHA256:…: this key and no other; known_hosts is neither read nor written. */
  readonly hostKey?: string
  /** ~/.ssh/known_hosts, or the one beside the inventory. */
  readonly knownHosts: string
  /** ~/.ssh/config. It need not exist. */
  readonly configFile: string
  /** SSH_AUTH_SOCK, HOME; PROVISION_ROOT_PASSWORD and PROVISION_SUDO_PASSWORD are removed from it when read. */
  readonly env: NodeJS.ProcessEnv
  /** Root's password of the secrets: for a mailed one that has expired. Absent where the caller has no secrets. */
  readonly rootSecret?: RootSecret
  readonly ask?: Ask
  /** What the operator should know: a host key that was added, a key that was made. */
  readonly log: (line: string) => void
  /** The SSH dialogue. */
  readonly debug?: (line: string) => void
}

/** A login at a host: a Shell that runs scripts there as root. */
export interface Connection extends Shell {
  /** What the ladder used: `xouser@158.220.91.148:55148 with the key SHA256:…`. */
  readonly as: string
  readonly user: string
  readonly port: number
  /** The fingerprint of the host's key. */
  readonly hostKey: string
  /** How many commands this run has started on the host, over this login and those before it. */
  readonly execs: number
  /**
   * Takes the host's run lock and holds it until `close`, or until the connection is gone, half-open links included.
   * Throws ProvisionError, with who holds it and since when, if another run does.
   */
  lock(who: string): Promise<void>
  /** Throws ConnectionError when none of the declared keys is here, so that `again` could never work. */
  needKey(): Promise<void>
  /**
   * A new TCP login at the inventory's port (or, before sshd has moved there, at the one in use), as the admin, with a declared key,
   * showing the same host key, and allowed `sudo -n`: what a guarded step confirms with. It takes the run lock over. Throws
   * ConnectionError when there is none within the limit.
   */
  again(limitMs: number, at: 'declared port' | 'current port'): Promise<Connection>
  /** Gives the lock back and ends the connection. */
  close(): Promise<void>
}
