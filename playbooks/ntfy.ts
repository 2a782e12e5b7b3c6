import { notify, notifyCurl } from '../files/usr/local/sbin/provision-notify.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Ntfy = Pick<Server, 'hostname' | 'ntfy' | 'acme'>

/** What an operator should hear: failed units, updates, and whatever else calls provision-notify. By mail where there is no ntfy. */
export const ntfy = ({ hostname, ntfy: to, acme }: Ntfy): Playbook =>
  playbook('ntfy', [
    step('Install what messages are sent with', [packages({ name: 'ntfy', installed: ['curl'] })]),

    step('Configure what the host tells', [
      to !== undefined && acme.ca !== undefined && file({ path: caFile, content: acme.ca }),
      to !== undefined &&
        file({
          path: config,
          mode: '0600',
          content: notifyCurl({ ...to, token: to.token, ca: acme.ca === undefined ? undefined : caFile }),
        }),
      // What has been reported is remembered the same way by all programs that report.
      directory({ path: '/usr/local/lib/provision' }),
      file({
        path: '/usr/local/lib/provision/reported.sh',
        content: text('usr/local/lib/provision/reported.sh'),
        check: sh`sh -n "$tmp"`,
      }),
      script('provision-notify', notify({ hostname, config: to === undefined ? undefined : config })),
      script('provision-updates', text('usr/local/sbin/provision-updates')),
      file({
        path: '/etc/systemd/system/provision-failure@.service',
        content: text('etc/systemd/system/provision-failure@.service'),
      }),
    ]),
  ])

const config = '/etc/provision/ntfy.curl'
const caFile = '/etc/provision/ntfy-ca.pem'

const script = (name: string, content: string) =>
  file({ path: `/usr/local/sbin/${name}`, mode: '0755', content, check: sh`sh -n "$tmp"` })
