/** What is wrong with a zone as a whole: its name servers, its delegation, its signatures. */
export interface Trouble {
  /** An error is an outage, now or as soon as somebody wants it to be; a warning leaves time. */
  readonly verdict: 'error' | 'warning'
  readonly message: string
  /** The next move. */
  readonly next: string
}

/** It does not work, or not for everybody. */
export const fault = (message: string, next: string): Trouble => ({ verdict: 'error', message, next })

/** It works, and should be mended. */
export const doubt = (message: string, next: string): Trouble => ({ verdict: 'warning', message, next })
