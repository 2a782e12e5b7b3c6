import { backupPatterns, backupPlaces, knownHosts } from '../files/etc/provision/borg.ts'
import { backupTimer } from '../files/etc/systemd/system/provision-backup.timer.ts'
import { backupScript } from '../files/usr/local/sbin/provision-backup.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import { declaredFolders, type Server } from '../src/inventory/inventory.ts'
import { borgRepository } from '../src/kinds/data/borg-repository.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import type { Secret } from '../src/secret.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Borg = Pick<Server, 'backup' | 'address' | 'address6' | 'mariadb' | 'nfs' | 'rspamd' | 'sites'> & {
  readonly stampKey: Secret
}

/** Backups elsewhere: daily, encrypted before they leave, with the databases as they were at one moment. */
export const borg = ({ backup, address, address6, mariadb, nfs, rspamd, sites, stampKey }: Borg): Playbook => {
  if (backup === undefined) return playbook('borg', [])
  const { repository, host_keys: keys, append_only: appendOnly, at, keep, exclude, passphrase, key } = backup
  const { settings, state } = backupPlaces
  return playbook('borg', [
    step('Install borg', [packages({ name: 'borg', installed: ['borgbackup', 'openssh-client', 'sqlite3'] })]),

    step('Configure the backup', [
      directory({ path: settings, mode: '0700' }),
      directory({ path: state, mode: '0700' }),
      // What the repository is opened with stays until these have opened it.
      file({ path: `${settings}/passphrase.declared`, mode: '0600', content: passphrase }),
      file({ path: `${settings}/id_ed25519.declared`, mode: '0600', content: key }),
      // Another machine that answers there gets neither the key nor an archive.
      file({ path: `${settings}/known_hosts`, mode: '0600', content: knownHosts(repository, keys) }),
      file({ path: `${settings}/patterns`, content: backupPatterns(exclude, mariadb !== undefined) }),
      file({
        path: script,
        mode: '0755',
        content: backupScript({
          repository,
          secret: passphrase.name,
          addresses: [address, address6].filter((one) => one !== undefined),
          folders: declaredFolders({ sites, nfs, backup }),
          mariadb: mariadb !== undefined,
          rspamd: rspamd !== undefined,
          appendOnly,
          keep,
        }),
        check: sh`sh -n "$tmp"`,
      }),
      ...units.map((unit) => file({ path: `${systemd}/${unit}`, content: text(`${systemd.slice(1)}/${unit}`) })),
      file({ path: `${systemd}/provision-backup.timer`, content: backupTimer({ at }) }),
    ]),

    step('Open the repository', [borgRepository({ repository, passphrase, stampKey, script, settings, last: `${state}/last` })]),

    step('Run the backup daily and its check weekly', [
      service({ unit: 'provision-backup.timer', reads: [`${systemd}/provision-backup.timer`] }),
      service({ unit: 'provision-backup-check.timer', reads: [`${systemd}/provision-backup-check.timer`] }),
    ]),
  ])
}

const systemd = '/etc/systemd/system'
const script = '/usr/local/sbin/provision-backup'
const units = ['provision-backup.service', 'provision-backup-check.service', 'provision-backup-check.timer'] as const
