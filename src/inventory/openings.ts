import { networkOf } from './schema/overlay.ts'
import type { Server } from './schema/shape.ts'

/** One thing that is let in. */
export interface Opening {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** Only from this network; from everywhere when left out. */
  readonly from?: string | undefined
  /** Only when it came in at this interface. */
  readonly on?: string | undefined
}

/** Everything that is let in: what both firewalls, ufw and nebula's own, are made from, so that they agree. */
export const openings = ({
  ssh,
  firewall,
  nebula,
  nfs,
}: Pick<Server, 'ssh' | 'firewall' | 'nebula' | 'nfs'>): readonly Opening[] => [
  ...[ssh.port, ...services].map((port) => ({ port, protocol: 'tcp' }) as const),
  { port: 443, protocol: 'udp' },
  ...(nebula === undefined ? [] : [{ port: nebula.port, protocol: 'udp' } as const]),
  ...(nebula === undefined || nfs === undefined
    ? []
    : [...new Set(nfs.exports.map(({ to }) => to ?? networkOf(nebula.address)))].map(
        // A source address alone can be forged: what comes in at the overlay's interface was signed by its CA.
        (from) => ({ port: 2049, protocol: 'tcp', from, on: nebula.interface }) as const,
      )),
  ...firewall.allow,
]

/** Mail (25 from servers, 465 and 587 from people, 993 to read) and web (443/udp is HTTP/3). /tcp only where it is tcp. */
const services = [25, 80, 443, 465, 587, 993]
