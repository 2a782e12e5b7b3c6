import { nebulaConfig } from '../files/etc/nebula/config.yml.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { nebulaNode, openings, type Server } from '../src/inventory/inventory.ts'
import { user } from '../src/kinds/access/user.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { type ArtifactOrigin, artifact } from '../src/kinds/packages/artifact.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Nebula = Pick<Server, 'ssh' | 'firewall' | 'nebula' | 'nfs'> & { readonly origin: ArtifactOrigin }

/** A node of an overlay network. Its certificate was signed on the operator's side: the CA's key is never on the host. */
export const nebula = ({ origin, ...server }: Nebula): Playbook => {
  const wanted = server.nebula
  if (wanted === undefined) return playbook('nebula', [])
  const { ca, certificate, key, notes } = nebulaNode(wanted)
  return playbook('nebula', [
    step('Install nebula', [
      artifact({ name: 'nebula', ...origin, path: '/usr/local/bin/nebula' }),
      user({ name: 'nebula', system: true }),
    ]),

    step('Configure nebula', [
      directory({ path: '/etc/nebula', mode: '0750', group: 'nebula' }),
      file({ path: '/etc/nebula/ca.crt', content: ca, mode: '0640', group: 'nebula' }),
      file({ path: '/etc/nebula/host.crt', content: certificate, mode: '0640', group: 'nebula', notes }),
      file({ path: '/etc/nebula/host.key', content: key, mode: '0600', owner: 'nebula', group: 'nebula' }),
      file({
        path: '/etc/nebula/config.yml',
        // Nebula has a firewall of its own. It lets in what ufw lets in at its interface: not less, and not more.
        content: nebulaConfig({
          ...wanted,
          inbound: openings(server).filter(
            ({ port, protocol, on }) =>
              (on === undefined || on === wanted.interface) && !(port === wanted.port && protocol === 'udp'),
          ),
        }),
        mode: '0640',
        group: 'nebula',
        check: sh`/usr/local/bin/nebula -test -config "$tmp"`,
      }),
      file({ path: '/etc/systemd/system/nebula.service', content: text('etc/systemd/system/nebula.service') }),
    ]),

    step('Run nebula', [
      service({ unit: 'nebula.service', reads: ['/usr/local/bin/nebula', '/etc/nebula', '/etc/systemd/system/nebula.service'] }),
    ]),
  ])
}
