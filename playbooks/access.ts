import { sshd } from '../files/etc/ssh/sshd_config.d/00-provision.conf.ts'
import { sudoers } from '../files/etc/sudoers.d/admin.ts'
import { guardedStep, type Playbook, playbook, rebootStep, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { authorizedKeys } from '../src/kinds/access/authorized-keys.ts'
import { password } from '../src/kinds/access/password.ts'
import { sshdSettings } from '../src/kinds/access/sshd-settings.ts'
import { user } from '../src/kinds/access/user.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { ufwRules } from '../src/kinds/network/ufw-rules.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { ipv6 } from '../src/kinds/system/ipv6.ts'
import { reboot as rebootHost } from '../src/kinds/system/reboot.ts'
import { service } from '../src/kinds/system/service.ts'
import type { Secret } from '../src/secret.ts'
import { sh } from '../src/sh.ts'

/** What `access` needs: the server, and whether keys that nobody declared go. */
type Access = Pick<Server, 'address' | 'address6' | 'admin' | 'provider' | 'ssh' | 'root'> & {
  readonly stampKey: Secret
  readonly prune: boolean
  readonly reboot: boolean
}

/** Who may log in, and how. Each step leaves a way in that was proved before the next one closes another. */
export const access = ({ address, address6, admin, provider, ssh, root, stampKey, prune, reboot }: Access): Playbook => {
  const users = [admin.user, ...ssh.allow_users.filter((name) => name !== admin.user)]
  return playbook('access', [
    step('Install sudo', [packages({ name: 'access', installed: ['sudo', 'openssh-server', 'iproute2'] })]),

    step('Make the admin user', [
      user({ name: admin.user, ...(admin.uid === undefined ? {} : { uid: admin.uid }), groups: ['sudo', 'adm', 'users'] }),
      file({
        path: `/etc/sudoers.d/${admin.user}`,
        content: sudoers(admin.user),
        mode: '0440',
        check: sh`visudo -cqf "$tmp"`,
      }),
    ]),
    guardedStep(
      'Let the admin log in with a key',
      [authorizedKeys({ user: admin.user, keys: admin.keys, others: prune ? 'remove' : 'keep' })],
      { save: [`/home/${admin.user}/.ssh`], undo: sh`:`, login: 'current port' },
    ),

    // Here and not with the base: whatever becomes of the network, a login with a key has to confirm it.
    address6 !== undefined &&
      guardedStep('Have the IPv6 address', [ipv6({ address: address6, provider, alone: address === undefined })], {
        save: ['/etc/network', '/etc/netplan', '/etc/systemd/network', '/etc/sysctl.conf', '/etc/sysctl.d'],
        undo: sh`systemctl restart systemd-sysctl.service || :
if systemctl -q is-active systemd-networkd.service; then systemctl restart systemd-networkd.service
elif systemctl -q is-enabled networking.service 2>/dev/null; then systemctl restart networking.service; fi`,
        login: 'current port',
      }),

    // A firewall that is on already lets the new port in before sshd moves to it.
    step('Let the SSH port through a firewall that is on', [
      ufwRules({ name: 'ssh', rules: [{ port: ssh.port, protocol: 'tcp' }], others: 'keep', onlyWhenActive: true }),
    ]),

    guardedStep(
      'Harden sshd',
      [
        directory({ path: '/etc/ssh/sshd_config.d' }),
        file({
          path: '/etc/ssh/sshd_config.d/00-provision.conf',
          content: sshd({ port: ssh.port, users }),
          check: sh`sshd -t -f "$tmp"`,
        }),
        // Where ssh.socket is on, systemd holds the port and what sshd_config says of it does not count.
        service({ unit: 'ssh.socket', state: 'off' }),
        service({ unit: 'ssh.service', reads: ['/etc/ssh/sshd_config', '/etc/ssh/sshd_config.d'] }),
        sshdSettings({ port: ssh.port, users }),
      ],
      {
        // Of systemd's links only sshd's own: in the same folders are those of every other unit.
        save: [
          '/etc/ssh',
          '/etc/systemd/system/sockets.target.wants/ssh.socket',
          '/etc/systemd/system/ssh.service.requires/ssh.socket',
          '/etc/systemd/system/multi-user.target.wants/ssh.service',
          '/etc/systemd/system/sshd.service',
        ],
        undo: sh`systemctl daemon-reload
if systemctl -q is-enabled ssh.socket; then
  systemctl stop ssh.service
  systemctl restart ssh.socket
else
  systemctl stop ssh.socket
  systemctl restart ssh.service
fi`,
        login: 'declared port',
      },
    ),

    // The password that came by mail is known to whoever read it. This one is in the secrets, and good for the console only.
    step('Replace the root password', [password({ user: 'root', password: root.password, stampKey })]),

    // Here, where the admin can log in again and no undo is armed; not before, for a first install begins as root on port 22.
    rebootStep('Reboot when an upgrade needs it', rebootHost({ allowed: reboot })),
  ])
}
