import { constants } from 'node:os'

/** Ctrl-C and SIGTERM: the first asks for a stop after the current correction, the second ends us at once. */
export function stopSignals(say: (line: string) => void): {
  readonly stopped: () => 130 | 143 | undefined
  /** Gives the signals back. */
  forget(): void
} {
  let code: 130 | 143 | undefined
  const on = (signal: 'SIGINT' | 'SIGTERM') => {
    if (code !== undefined) process.exit(128 + constants.signals[signal])
    code = signal === 'SIGINT' ? 130 : 143
    say('stopping after the current correction; once more stops at once, and the host finishes what it has begun')
  }
  process.on('SIGINT', on)
  process.on('SIGTERM', on)
  return { stopped: () => code, forget: () => void process.off('SIGINT', on).off('SIGTERM', on) }
}
