import { setTimeout } from 'node:timers/promises'

/** How something is tried again. */
export interface Retry {
  /** What it is, for the line that says that it is tried again. */
  readonly what: string
  readonly log: (line: string) => void
  /** Whether a failure may be over the next time. */
  readonly again: (error: unknown) => boolean
  /** Before each further attempt, in milliseconds. */
  readonly pauses?: readonly number[]
}

/**
 * Does something that needs a server of others, and tries again when that stumbles: one answer that went wrong fails nothing. Throws
 * what the last attempt threw, and at once what will not be otherwise the next time.
 */
export async function retried<T>(attempt: () => Promise<T>, { what, log, again, pauses = [1000, 4000] }: Retry): Promise<T> {
  const [pause, ...rest] = pauses
  try {
    return await attempt()
  } catch (error) {
    if (pause === undefined || !again(error)) throw error
    log(`${what}: ${reason(error)}; trying again in ${pause / 1000} s`)
    await setTimeout(pause)
    return retried(attempt, { what, log, again, pauses: rest })
  }
}

/**
 * Whether go failed for want of a server that answers, by what it says (cmd/go 1.26: `dial tcp …`, `502 Bad Gateway`, `unexpected EOF`):
 * a module that is absent, refused, or not what it was is the same the next time.
 */
export const goStumbled = (error: unknown): boolean =>
  /\b(?:dial tcp|lookup \S+: |i\/o timeout|TLS handshake timeout|connection (?:reset|refused)|(?:unexpected )?EOF\b|stream error|(?:429|50[0234]) [A-Z]|Client\.Timeout)/.test(
    error instanceof Error ? error.message : '',
  )

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n').at(-1) ?? ''
