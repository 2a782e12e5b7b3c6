import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { openings, type Server } from '../src/inventory/inventory.ts'
import { otherAccess } from '../src/kinds/access/other-access.ts'
import { packetFilter } from '../src/kinds/network/packet-filter.ts'
import { listening } from '../src/kinds/system/listening.ts'

type Others = Pick<Server, 'admin' | 'ssh' | 'firewall' | 'nebula' | 'nfs'>

/**
 * What a person, a provider or another program has put on the host. It is shown for as long as it is there, and stops nothing: Docker,
 * Tailscale, a panel's agent may live beside us. A step fails only for what undoes what the inventory declares.
 *
 * Last of all, since a service that has just been corrected listens elsewhere than before. What changes one of our own units or stands
 * among the files of a daemon is shown with that unit.
 */
export const others = (server: Others): Playbook => {
  const rules = openings(server)
  const everywhere = rules.filter(({ from, on }) => from === undefined && on === undefined)
  return playbook('others', [
    step('See that nothing else listens', [
      listening({ declared: [...rules.map(portOf), ...server.firewall.listen], ours: programs }),
    ]),
    step('See what else filters packets', [
      packetFilter({ declared: everywhere.map(portOf), tables: ['provision', 'provision_upgrade'] }),
    ]),
    step('See who else may do something', [otherAccess({ admin: server.admin.user, allowed: server.ssh.allow_users })]),
  ])
}

const portOf = ({ port, protocol }: { readonly port: number; readonly protocol: 'tcp' | 'udp' }) => `${port}/${protocol}` as const

/** What our playbooks run, by the names that the kernel has for them (15 letters at most). */
const programs = [
  ...['maddy', 'caddy', 'nebula', 'sshd', 'mariadbd', 'redis-server', 'rspamd', 'unbound', 'php-fpm8.2', 'php-fpm8.3'],
  // They come with Debian, and are kept from listening by us.
  ...['systemd-resolve', 'rpcbind', 'rpc.statd', 'rpc.mountd', 'exim4', 'master'],
]
