import { defaultKeys, defaultPort } from './schema/defaults.ts'
import type { Server } from './schema/shape.ts'

/** What of a server says how it is reached. */
export type ReachSettings = {
  /** IPv4, or IPv6 where that is all that it has. */
  readonly address: string
  readonly admin: Pick<Server['admin'], 'user' | 'keys'>
  readonly ssh: Pick<Server['ssh'], 'port'>
}

/** The address that a host is reached at: IPv6 where it has no other. The schema sees to it that there is one. */
export const reachedAt = ({ address, address6 }: Pick<Server, 'address' | 'address6'>): string => address ?? address6 ?? ''

/** How a server is reached, and nothing else of it. */
export const reachOf = ({
  admin: { user, keys },
  ssh: { port },
  ...at
}: Pick<Server, 'address' | 'address6'> & Omit<ReachSettings, 'address'>): ReachSettings => ({
  address: reachedAt(at),
  admin: { user, keys },
  ssh: { port },
})

/**
 * How a server is reached, from an inventory that nothing was checked of yet: a host may be on its way to answer while it is.
 * Nothing where that is not plainly there. What follows from it counts only if the checked inventory says the same.
 */
export function reachIn(raw: unknown): ReachSettings | undefined {
  const { address6, address = address6, admin, ssh } = keysOf(raw)
  const { user, keys = defaultKeys } = keysOf(admin)
  const { port = defaultPort } = keysOf(ssh)
  return typeof address === 'string' &&
    typeof user === 'string' &&
    typeof port === 'number' &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string')
    ? { address, admin: { user, keys }, ssh: { port } }
    : undefined
}

const keysOf = (part: unknown): Readonly<Record<string, unknown>> =>
  typeof part === 'object' && part !== null ? (part as Readonly<Record<string, unknown>>) : {}
