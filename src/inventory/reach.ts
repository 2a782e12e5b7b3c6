import type { Server } from './server.ts'

/** What of a server says how it is reached. */
export type Reach = Pick<Server, 'address'> & {
  readonly admin: Pick<Server['admin'], 'user' | 'keys'>
  readonly ssh: Pick<Server['ssh'], 'port'>
}

/** How a server is reached, and nothing else of it. */
export const reachOf = ({ address, admin: { user, keys }, ssh: { port } }: Reach): Reach => ({
  address,
  admin: { user, keys },
  ssh: { port },
})

/** Where sshd listens when an inventory does not say. */
export const defaultPort = 55148

/** Whose keys let the admin in when an inventory does not say: those of whoever runs this. */
export const defaultKeys: readonly ['operator'] = ['operator']

/**
 * How a server is reached, from an inventory that nothing was checked of yet: a host may be on its way to answer while it is.
 * Nothing where that is not plainly there. What follows from it counts only if the checked inventory says the same.
 */
export function reachIn(raw: unknown): Reach | undefined {
  const { address, admin, ssh } = keysOf(raw)
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
