import type { Output } from '../../engine/shell.ts'
import type { Sh } from '../../sh.ts'

/** A booted Debian 12 of a rehearsal. Its disk outlives stop and kill, until the rehearsal is stopped. */
export interface Machine {
  readonly name: string
  readonly address: string
  readonly address6: string
  readonly rootPassword: string
  /** Its disk, as it is seen from this machine while it runs. */
  readonly root: string
  /** Runs sh inside, as root, past sshd: for what a test or a peer does, not for provisioning. Ended after two minutes. */
  run(script: Sh): Promise<Output>
  /** The same, where a failure is an error. Answers what it printed. */
  must(script: Sh): Promise<string>
  /** Boots it, until its systemd has started all that it wants to. */
  start(): Promise<void>
  /** A clean shutdown. */
  stop(): Promise<void>
  /** What pulling the plug does. */
  kill(): Promise<void>
  /** Boots it again, from inside, and waits for the new boot. */
  reboot(): Promise<void>
  running(): boolean
  /** Keeps its disk under a label, in no time: it is shut down, and what it wrote becomes a layer. It boots again if it was up. */
  snapshot(label: string): Promise<void>
  /** Its disk as it was then, booted. What was written since is gone. */
  restore(label: string): Promise<void>
  /** SHA256:… of each of its ssh host keys. */
  hostKeys(): Promise<readonly string[]>
  /** What its console said, from its first boot on. */
  console(): string
}
