import { sh } from '../../../sh.ts'
import type { InternetService } from '../service.ts'

/** Where its users' home is, seen from inside; backups go below `backup`. */
export const storageHome = '/srv/storage'
/** The public half of its host key, as its provider would tell it. */
export const storageHostKey = '/etc/rehearsal/storage_ed25519.pub'
/** Where the backups of a host go. By address, since the operator’s machine asks another DNS. */
export const storageRepository = (address: string, name: string): string => `ssh://box@${address}:23/./backup/borg/${name}`

/** The line of authorized_keys that lets a key use borg in there, and do nothing else. */
export const storageAccess = (publicKey: string, { appendOnly }: { readonly appendOnly: boolean }): string =>
  `command="borg serve --restrict-to-path ${storageHome}/backup${appendOnly ? ' --append-only' : ''}",restrict ${publicKey}`

/** A storage box: SSH on port 23, for borg and nothing else. */
export const storage: InternetService = {
  name: 'the storage box',
  packages: ['borgbackup', 'openssh-server'],
  image: sh`useradd --password '*' --create-home --home-dir ${storageHome} --shell /bin/sh box`,

  files: ({ addresses: { borg } }) => ({
    '/etc/rehearsal/storage_sshd_config': `Port 23
ListenAddress ${borg.v4}
ListenAddress ${borg.v6}
HostKey /etc/rehearsal/storage_ed25519
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers box
AuthorizedKeysFile ${storageHome}/.ssh/authorized_keys
`,
    '/etc/systemd/system/rehearsal-storage.service': `[Unit]
Description=A storage box, for rehearsals
After=network-online.target
Wants=network-online.target

[Service]
ExecStartPre=/usr/bin/mkdir -p /run/sshd
ExecStart=/usr/sbin/sshd -D -e -f /etc/rehearsal/storage_sshd_config
Restart=on-failure

[Install]
WantedBy=multi-user.target
`,
  }),

  prepare: () => sh`
ssh-keygen -q -t ed25519 -N '' -C storage -f /etc/rehearsal/storage_ed25519
mkdir -p ${storageHome}/.ssh ${storageHome}/backup
chown box: ${storageHome}/backup
systemctl enable rehearsal-storage.service`,

  ready: ({ addresses: { borg } }) => sh`ss -Hltn src ${borg.v4} sport = :23 | grep -q .`,
}
