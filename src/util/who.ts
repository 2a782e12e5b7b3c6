import { hostname, userInfo } from 'node:os'

/** Who runs this, as a lock and the history of a host call them: `alice@laptop`. */
export const who = (): string => `${userInfo().username}@${hostname()}`
