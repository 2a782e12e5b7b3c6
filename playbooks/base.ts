import { updates } from '../files/etc/apt/apt.conf.d/52provision-updates.ts'
import { updatesOfOthers } from '../files/etc/apt/provision-others.conf.ts'
import { suryPlaces } from '../files/etc/apt/sources.list.d/provision-sury.sources.ts'
import { hosts } from '../files/etc/hosts.ts'
import { motd } from '../files/etc/motd.ts'
import { journald } from '../files/etc/systemd/journald.conf.d/provision.conf.ts'
import { dailyUpgrade } from '../files/etc/systemd/system/apt-daily-upgrade.service.d/provision.conf.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { type Server, suryOf } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { aptSources } from '../src/kinds/packages/apt-sources.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { upgrade } from '../src/kinds/packages/upgrade.ts'
import { hostname } from '../src/kinds/system/hostname.ts'
import { locales } from '../src/kinds/system/locales.ts'
import { service } from '../src/kinds/system/service.ts'
import { timeSync } from '../src/kinds/system/time-sync.ts'
import { timeZone } from '../src/kinds/system/time-zone.ts'
import { text } from '../src/util/text.ts'

type Base = Pick<
  Server,
  'address6' | 'updates' | 'hostname' | 'time_zone' | 'locales' | 'motd' | 'packages' | 'journal' | 'apt' | 'php'
>

/** What every server has: packages, time, locales, its name, and a journal that cannot fill the disk. */
export const base = (server: Base): Playbook => {
  const sury = suryOf(server)
  const others = sury !== undefined && server.updates.automatic ? updatesFile : undefined
  return playbook('base', [
    // First of all: at its next boot cloud-init would set host name and /etc/hosts again.
    step('Keep cloud-init quiet', [
      directory({ path: '/etc/cloud/cloud.cfg.d' }),
      file({ path: '/etc/cloud/cloud.cfg.d/99-provision.cfg', content: text('etc/cloud/cloud.cfg.d/99-provision.cfg') }),
    ]),

    // A mirror's “stable” is Debian 13 now: an upgrade would go there.
    step('Configure apt', [
      aptSources({ release: 'bookworm', others: sury === undefined ? [] : [suryPlaces.source] }),
      file({
        path: '/etc/apt/apt.conf.d/90provision',
        content:
          server.apt.proxy === undefined
            ? '// Written by provision.\n'
            : `// Written by provision.\nAcquire::http::Proxy "${server.apt.proxy}";\n`,
      }),
    ]),

    step({ title: 'Upgrade the system', risk: 'services restart' }, [upgrade({ name: 'first' })]),

    // exim4 comes with some images and would hold port 25.
    step('Install the tools', [
      packages({
        name: 'tools',
        installed: ['tzdata', 'locales', 'ca-certificates', 'openssl', 'sqlite3', 'cron', ...server.packages],
        absent: ['exim4-base', 'exim4-config', 'exim4-daemon-light', 'exim4-daemon-heavy', 'postfix', 'sendmail-bin'],
      }),
    ]),

    step('Install the automatic updates', [packages({ name: 'updates', installed: ['unattended-upgrades'] })]),
    step('Configure the automatic updates', [
      file({
        path: '/etc/apt/apt.conf.d/52provision-updates',
        content: updates(server.updates),
      }),
      // What a run did, held back or could not do is told: see the playbook ntfy.
      directory({ path: upgradeUnit }),
      sury !== undefined && others !== undefined && file({ path: others, content: updatesOfOthers([sury.host]) }),
      file({ path: `${upgradeUnit}/provision.conf`, content: dailyUpgrade({ others }) }),
    ]),
    step('Run the automatic updates', [
      service({ unit: 'apt-daily.timer' }),
      service({ unit: 'apt-daily-upgrade.timer', reads: [upgradeUnit] }),
    ]),

    // What switches it off in a provider's image would do so at each boot. The address itself: see the playbook access.
    server.address6 !== undefined &&
      step('Keep IPv6 on', [
        file({ path: '/etc/sysctl.d/99-zz-provision.conf', content: text('etc/sysctl.d/99-zz-provision.conf') }),
      ]),

    step('Name the host', [hostname({ name: server.hostname }), file({ path: '/etc/hosts', content: hosts(server.hostname) })]),
    step('Set the time zone and the locales', [
      timeZone({ name: server.time_zone }),
      locales({ generated: server.locales.generate, default: server.locales.default }),
    ]),
    step('Keep the time by one service', [timeSync({ fallback: 'systemd-timesyncd' })]),
    step('Install the message of the day and the key bindings', [
      file({
        path: '/etc/motd',
        content: motd({ ...server.motd, lines: server.motd.lines.length === 0 ? [server.hostname] : server.motd.lines }),
      }),
      file({ path: '/etc/inputrc', content: text('etc/inputrc') }),
    ]),

    step('Configure the journal', [
      directory({ path: '/etc/systemd/journald.conf.d' }),
      file({
        path: '/etc/systemd/journald.conf.d/provision.conf',
        content: journald({ maxUse: server.journal.max_use, keepFree: server.journal.keep_free, days: server.journal.keep_days }),
      }),
      // Persistent means that this directory is there, with its ACLs: systemd-tmpfiles(8) makes them.
      directory({ path: '/var/log/journal', mode: '02755', group: 'systemd-journal' }),
    ]),
    step('Run the journal', [service({ unit: 'systemd-journald.service', reads: ['/etc/systemd/journald.conf.d'] })]),
  ])
}

const updatesFile = '/etc/apt/provision-others.conf'
const upgradeUnit = '/etc/systemd/system/apt-daily-upgrade.service.d'
