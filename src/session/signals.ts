import { constants } from 'node:os'

/** What a stop is told to, and whether one was asked for. */
interface Stop {
  readonly stopped: () => 130 | 143 | undefined
  /** Gives the signals back. */
  forget(): void
}

type Say = (line: string) => void

let code: 130 | 143 | undefined
const listeners = new Set<Say>()

/** Ctrl-C and SIGTERM: the first asks for a stop after the current correction, of every run that goes on; the second ends us at once. */
export function stopSignals(say: Say): Stop {
  // A function of its own, so that two that say the same are still two.
  const listener: Say = (line) => say(line)
  if (listeners.size === 0) process.on('SIGINT', on).on('SIGTERM', on)
  listeners.add(listener)
  return {
    stopped: () => code,
    forget: () => {
      listeners.delete(listener)
      if (listeners.size === 0) process.off('SIGINT', on).off('SIGTERM', on)
    },
  }
}

function on(signal: 'SIGINT' | 'SIGTERM'): void {
  if (code !== undefined) process.exit(128 + constants.signals[signal])
  code = signal === 'SIGINT' ? 130 : 143
  for (const say of listeners)
    say('stopping after the current correction; once more stops at once, and the host finishes what it has begun')
}
