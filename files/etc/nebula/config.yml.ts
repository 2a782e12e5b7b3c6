import { withMask } from '../../../src/util/addresses.ts'

/** What a node is told. */
export interface NebulaSettings {
  readonly interface: string
  readonly port: number
  readonly lighthouse: boolean
  readonly lighthouses: readonly { readonly address: string; readonly at: readonly string[] }[]
  /** What ufw lets in, too: `from` is a network of the overlay. */
  readonly inbound: readonly { readonly port: number; readonly protocol: 'tcp' | 'udp'; readonly from?: string | undefined }[]
}

/** /etc/nebula/config.yml. JSON is YAML, so nothing in it needs thought about quotes. */
export const nebulaConfig = ({ interface: dev, port, lighthouse, lighthouses, inbound }: NebulaSettings): string =>
  [
    '# Written by provision. Every key: https://nebula.defined.net/docs/config/',
    ...Object.entries({
      pki: { ca: '/etc/nebula/ca.crt', cert: '/etc/nebula/host.crt', key: '/etc/nebula/host.key' },
      static_host_map: Object.fromEntries(lighthouses.map(({ address, at }) => [address, at])),
      // A lighthouse asks nobody.
      lighthouse: { am_lighthouse: lighthouse, hosts: lighthouse ? [] : lighthouses.map(({ address }) => address) },
      // "::" listens on IPv4 as well.
      listen: { host: '::', port },
      punchy: { punch: true },
      tun: { dev },
      // The journal has its own time.
      logging: { level: 'info', format: 'text', disable_timestamp: true },
      firewall: {
        outbound: [{ port: 'any', proto: 'any', host: 'any' }],
        inbound: [
          { port: 'any', proto: 'icmp', host: 'any' },
          ...inbound.map(({ port: open, protocol, from }) => ({
            port: open,
            proto: protocol,
            ...(from === undefined ? { host: 'any' } : { cidr: withMask(from) }),
          })),
        ],
      },
    }).map(([key, value]) => `${key}: ${JSON.stringify(value, undefined, 2)}`),
    '',
  ].join('\n')
