import type { ArtifactName } from '../artifacts/artifacts.ts'

/** How a host is named and reached: the flags that every command which talks to one has. */
export interface OpenOptions {
  readonly host: string
  readonly inventory?: string | undefined
  /** `A`, `A:PORT` or `[v6]:PORT`: where it is reached, when that is not what the inventory says. */
  readonly address?: string | undefined
  readonly hostKey?: string | undefined
  readonly prune?: boolean | undefined
  /** This run may reboot the host when that is needed. */
  readonly reboot?: boolean | undefined
  readonly only?: readonly string[] | undefined
  /** This run corrects the host: it may make the operator's key where there is none. */
  readonly corrects?: boolean | undefined
  /** Nothing is asked. */
  readonly yes?: boolean | undefined
  /** The scripts that run, secrets hidden. */
  readonly verbose?: boolean | undefined
  /** Stacks and the SSH dialogue. */
  readonly debug?: boolean | undefined
  /** Other versions than the inventory pins: of what is going to be pinned once it works. */
  readonly pins?: Readonly<Partial<Record<ArtifactName, string>>> | undefined
  /** Ours, where each of several hosts has a copy: passwords are taken out when they are read. */
  readonly env?: NodeJS.ProcessEnv | undefined
}
