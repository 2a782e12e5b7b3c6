import { rspamdLocal } from '../files/etc/rspamd/local.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

/** What strangers send is looked at by rspamd, which maddy asks on port 25. While it does not answer, mail comes in as without it. */
export const rspamd = ({ rspamd: wanted }: Pick<Server, 'rspamd'>): Playbook => {
  if (wanted === undefined) return playbook('rspamd', [])
  return playbook('rspamd', [
    step('Install rspamd', [packages({ name: 'rspamd', installed: ['rspamd', 'redis-server', 'sqlite3'] })]),

    step('Configure rspamd', [
      directory({ path: folder }),
      ...Object.entries(rspamdLocal(wanted)).map(([name, content]) => file({ path: `${folder}/${name}`, content })),
    ]),
    step('Run rspamd', [
      // Nothing in there is anybody's but ours: on the loopback, as Debian has it.
      service({ unit: 'redis-server.service' }),
      service({ unit: 'rspamd.service', reads: [folder] }),
    ]),

    wanted.learn &&
      step('Configure what it learns from', [
        file({
          path: '/usr/local/sbin/provision-learn',
          mode: '0755',
          content: text('usr/local/sbin/provision-learn'),
          check: sh`sh -n "$tmp"`,
        }),
        file({ path: `/etc/systemd/system/${unit}.service`, content: text(`etc/systemd/system/${unit}.service`) }),
        file({ path: `/etc/systemd/system/${unit}.timer`, content: text(`etc/systemd/system/${unit}.timer`) }),
      ]),
    wanted.learn && step('Learn every hour', [service({ unit: `${unit}.timer`, reads: [`/etc/systemd/system/${unit}.timer`] })]),
  ])
}

const folder = '/etc/rspamd/local.d'
const unit = 'provision-learn'
