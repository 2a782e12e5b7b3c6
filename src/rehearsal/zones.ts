import type { Server } from '../inventory.ts'
import type { Zone } from './service.ts'
import type { Addresses } from './state.ts'

/** The zones of a server's domains, at the addresses that the rehearsal has. */
export const zonesOf =
  ({ domains, mail }: Pick<Server, 'domains' | 'mail'>) =>
  ({ host }: Addresses): readonly Zone[] =>
    domains.map(({ name }) => ({
      name,
      text: [
        `@ A ${host.v4}`,
        `@ AAAA ${host.v6}`,
        `* A ${host.v4}`,
        `* AAAA ${host.v6}`,
        `@ MX 10 ${mail.hostname}.`,
        '@ TXT "v=spf1 mx -all"',
        ...(mail.hostname.endsWith(`.${name}`) ? [`${mail.hostname}. A ${host.v4}`, `${mail.hostname}. AAAA ${host.v6}`] : []),
        '',
      ].join('\n'),
    }))
