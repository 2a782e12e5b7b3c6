import type { Sh } from '../sh.ts'

/** What a script left behind: its exit code and what it printed, bounded. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Something that runs sh as root: a host over SSH, or a container in a test. One call is one round trip. */
export interface Shell {
  /**
   * Runs a script that reads. It is ended when the connection is. With `silenceMs`, a host that prints nothing for so many milliseconds
   * is given up: for scripts that always have something to say.
   */
  run(script: Sh, silenceMs?: number): Promise<Output>
  /**
   * Runs a script that changes things, under the host's work lock. It outlives its connection: an apt that has begun goes on.
   * `onLine` sees all that it prints, line by line, while it runs; the end of it is in the output's stdout.
   */
  work(script: Sh, onLine?: (line: string) => void): Promise<Output>
  /** Sends a file of this machine to /var/lib/provision/artifacts/SHA256, checked there. A script cannot carry 60 MB, nor a NUL. */
  put(path: string, sha256: string): Promise<void>
}
