import { guardedStep, type Playbook, playbook, step } from '../src/engine/step.ts'
import { openings, type Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { ufwDefaults } from '../src/kinds/network/ufw-defaults.ts'
import { ufwRules } from '../src/kinds/network/ufw-rules.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Firewall = Pick<Server, 'ssh' | 'firewall' | 'nebula' | 'nfs'>

/** What may be reached from outside. What else listens or filters is looked at last: see the playbook others. */
export const firewall = (server: Firewall): Playbook => {
  const rules = openings(server)
  return playbook('firewall', [
    step('Install ufw', [packages({ name: 'firewall', installed: ['ufw', 'iptables', 'iproute2'] })]),

    // The rules first, then the policy: a connection that is allowed is never cut on the way.
    guardedStep(
      'Let in what is declared',
      [ufwRules({ name: 'incoming', rules, others: 'remove' }), ufwDefaults({ incoming: 'deny', outgoing: 'allow' })],
      {
        save: ['/etc/ufw', '/etc/default/ufw'],
        undo: sh`if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ufw --force enable; ufw reload; else ufw --force disable; fi`,
        login: 'declared port',
      },
    ),

    // resolved answers names of the local network on 5355, and rpcbind comes with NFS clients: both on all addresses.
    step('Configure what would listen unasked', [
      directory({ path: '/etc/systemd/resolved.conf.d' }),
      file({ path: '/etc/systemd/resolved.conf.d/provision.conf', content: text('etc/systemd/resolved.conf.d/provision.conf') }),
    ]),
    step('Close what would listen unasked', [
      service({ unit: 'systemd-resolved.service', state: 'as it is', reads: ['/etc/systemd/resolved.conf.d'] }),
      // Where NFS is declared they come with it, and would be started with it.
      ...(['rpcbind.socket', 'rpcbind.service'] as const).map((unit) =>
        service({ unit, state: server.nfs === undefined ? 'off' : 'masked' }),
      ),
    ]),
  ])
}
