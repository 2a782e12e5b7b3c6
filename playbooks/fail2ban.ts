import { fail2banDatabase } from '../files/etc/fail2ban/fail2ban.d/provision.local.ts'
import { jails } from '../files/etc/fail2ban/jail.d/provision.local.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { file } from '../src/kinds/files/file.ts'
import { ban } from '../src/kinds/network/ban.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { text } from '../src/util/text.ts'

type Fail2ban = Pick<Server, 'admin' | 'ssh' | 'fail2ban'>

/** Who fails to log in too often is kept out for days. Works before maddy is there: its jails read the journal. */
export const fail2ban = ({ admin, ssh, fail2ban: { ignore, auth_ban, dictionary_ban } }: Fail2ban): Playbook =>
  playbook('fail2ban', [
    // Debian 12 has no auth.log: the journal is read, which needs python3-systemd.
    step('Install fail2ban', [packages({ name: 'fail2ban', installed: ['fail2ban', 'python3-systemd', 'iptables', 'sqlite3'] })]),

    step('Configure the jails', [
      file({ path: '/usr/local/sbin/provision-let-in', content: text('usr/local/sbin/provision-let-in'), mode: '0755' }),
      file({ path: '/etc/fail2ban/filter.d/maddy-auth.conf', content: text('etc/fail2ban/filter.d/maddy-auth.conf') }),
      file({
        path: '/etc/fail2ban/filter.d/maddy-dictionary-attack.conf',
        content: text('etc/fail2ban/filter.d/maddy-dictionary-attack.conf'),
      }),
      file({
        path: '/etc/fail2ban/filter.d/caddy-basic-auth.conf',
        content: text('etc/fail2ban/filter.d/caddy-basic-auth.conf'),
      }),
      file({ path: '/etc/fail2ban/filter.d/sshd.local', content: text('etc/fail2ban/filter.d/sshd.local') }),
      // recidive counts over 30 days; what is forgotten sooner is never counted.
      file({ path: '/etc/fail2ban/fail2ban.d/provision.local', content: fail2banDatabase({ keepDays: 90 }) }),
      file({
        path: '/etc/fail2ban/jail.d/provision.local',
        content: jails({
          admin: admin.user,
          ignored: ignore,
          sshPort: ssh.port,
          authBan: auth_ban,
          dictionaryBan: dictionary_ban,
        }),
      }),
    ]),

    step('Run fail2ban', [service({ unit: 'fail2ban.service', reads: ['/etc/fail2ban'] })]),

    // Who mistyped a mail password at home could not read mail there after the run that they came to make.
    step('Let in whoever runs this', [ban({ of: 'operator' })]),
  ])
