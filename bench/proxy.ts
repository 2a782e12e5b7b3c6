import { connect, createServer, type Socket } from 'node:net'

/** Somewhere on this machine that leads to a host as if it were far away. */
export interface Proxy {
  readonly port: number
  close(): void
}

/** Holds every packet for so many milliseconds, each way: twice that is the round trip. */
export async function startProxy(address: string, port: number, holdMs: number): Promise<Proxy> {
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: address, port, noDelay: true, allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), holdMs))
      from.on('end', () => setTimeout(() => to.end(), holdMs))
      from.on('error', () => setTimeout(() => to.destroy(), holdMs))
      from.on('close', () => open.delete(from))
    }
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const at = server.address()
  if (at === null || typeof at === 'string') throw new Error('the proxy has no port')
  return {
    port: at.port,
    close: () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
