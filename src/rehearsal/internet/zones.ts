import { desiredRecords } from '../../dns/records.ts'
import { recordText } from '../../dns/zone.ts'
import type { Server } from '../../inventory/inventory.ts'
import type { Zone } from './service.ts'
import type { Addresses } from './state.ts'

/** The zones of a server's domains as they should be published, at the addresses that the rehearsal has. */
export const zonesOf =
  (server: Server) =>
  ({ host, roles: { peer } }: Addresses): readonly Zone[] => {
    const elsewhere = { elsewhere: { address: peer.v4, address6: peer.v6 } }
    const domains = server.domains.map((domain) => (domain.web === 'here' ? domain : { ...domain, web: elsewhere }))
    return [...desiredRecords({ ...server, address: host.v4, address6: host.v6, domains })].map(([name, records]) => ({
      name,
      text: `${records.map(recordText).join('\n')}\n`,
    }))
  }

/** The zones of a server's domains as they are before anything was ever published: a name server, and nothing else. */
export const emptyZonesOf =
  ({ domains }: Pick<Server, 'domains'>) =>
  (): readonly Zone[] =>
    domains.map(({ name }) => ({ name, text: '' }))
