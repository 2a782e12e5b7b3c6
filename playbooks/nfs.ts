import { exports } from '../files/etc/exports.ts'
import { nfsConf } from '../files/etc/nfs.conf.d/provision.conf.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { networkOf, type Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { nfsServer } from '../src/kinds/system/nfs-server.ts'
import { service } from '../src/kinds/system/service.ts'
import { text } from '../src/util/text.ts'

type Nfs = Pick<Server, 'admin' | 'nebula' | 'nfs' | 'sites'>

/** Folders that nodes of the overlay may mount: NFSv4 alone, on the overlay's address alone. */
export const nfs = ({ admin, nebula, nfs: wanted, sites }: Nfs): Playbook => {
  if (nebula === undefined || wanted === undefined) return playbook('nfs', [])
  const [address = ''] = nebula.address.split('/')
  const all = wanted.exports.map(({ path, to, write, squash }) => ({
    path,
    to: to ?? networkOf(nebula.address),
    // sync: what a client was told is written is written. no_subtree_check: see exports(5), the check breaks renamed files.
    options: [write ? 'rw' : 'ro', 'sync', squashed[squash], 'no_subtree_check', 'sec=sys'],
  }))
  const dropIn = '/etc/systemd/system/nfs-server.service.d'
  return playbook('nfs', [
    // Before it is installed: Debian starts it at once, with version 3, on every address.
    step('Configure NFS', [
      directory({ path: '/etc/nfs.conf.d' }),
      file({ path: '/etc/nfs.conf.d/provision.conf', content: nfsConf(address) }),
      file({ path: '/etc/exports', content: exports(all) }),
      directory({ path: dropIn }),
      file({ path: `${dropIn}/provision.conf`, content: text('etc/systemd/system/nfs-server.service.d/provision.conf') }),
      ...[...new Set(all.map(({ path }) => path))]
        // The folder of a site is made as Caddy needs it.
        .filter((path) => !sites.some(({ root }) => root === path))
        .map((path) => directory({ path, owner: admin.user, group: admin.user })),
    ]),
    // Locks of version 3, which nobody speaks here. rpcbind is masked where the firewall is.
    step('Keep what only version 3 needs from starting', [
      service({ unit: 'rpc-statd.service', state: 'masked' }),
      service({ unit: 'rpc-statd-notify.service', state: 'masked' }),
    ]),
    step('Install NFS', [packages({ name: 'nfs', installed: ['nfs-kernel-server', 'kmod'] })]),
    step('Run NFS', [nfsServer({ exports: all, address, reads: ['/etc/nfs.conf', '/etc/nfs.conf.d', dropIn] })]),
  ])
}

const squashed = { root: 'root_squash', all: 'all_squash', none: 'no_root_squash' } as const
