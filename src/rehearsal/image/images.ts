import { sh } from '../../sh.ts'
import type { Image, Layer } from './image.ts'

/** Root logs in by password, as every rented machine lets it at first. */
const rootLogin: Layer = {
  name: 'root login',
  script: sh`
printf '\nPermitRootLogin yes\nPasswordAuthentication yes\n' >> /etc/ssh/sshd_config
systemctl enable systemd-networkd.service`,
}

/** Nothing but sshd and a root password. */
export const bare: Image = [rootLogin]

/**
 * What providers deliver: cloud-init's drop-in that turns passwords on, exim4, no sudo, no locales,
 * and an apt lock that somebody holds during the first seconds of the first boot.
 */
export const provider: Image = [
  {
    name: 'provider',
    packages: ['exim4-daemon-light', 'cron', 'less', 'nano', 'tzdata'],
    script: sh`
printf 'PasswordAuthentication yes\n' > /etc/ssh/sshd_config.d/50-cloud-init.conf
chmod 600 /etc/ssh/sshd_config.d/50-cloud-init.conf
sed -i 's/^#*PermitRootLogin .*/PermitRootLogin yes/' /etc/ssh/sshd_config
cat > /usr/local/sbin/first-boot-upgrade <<'END'
#!/usr/bin/perl
# Holds the locks of apt and dpkg, as an upgrade of the first boot does. They are fcntl locks: flock(1) would not be noticed.
use Fcntl;
my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0);
for my $path ('/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock', '/var/lib/apt/lists/lock') {
  open(my $file, '>>', $path) or die;
  fcntl($file, F_SETLK, $lock) or die;
  push @held, $file;
}
open(my $done, '>', '/var/lib/first-boot-upgrade') or die;
sleep 8;
END
chmod 755 /usr/local/sbin/first-boot-upgrade
cat > /etc/systemd/system/first-boot-upgrade.service <<'END'
[Unit]
Description=Upgrade of the first boot
ConditionPathExists=!/var/lib/first-boot-upgrade

[Service]
ExecStart=/usr/local/sbin/first-boot-upgrade

[Install]
WantedBy=multi-user.target
END
systemctl enable first-boot-upgrade.service systemd-networkd.service`,
  },
]

/** A firewall is on already and admits nothing but port 22. */
export const ufwOn: Image = [
  ...bare,
  {
    name: 'ufw on',
    packages: ['ufw'],
    script: sh`
ufw allow 22/tcp
sed -i 's/^ENABLED=no/ENABLED=yes/' /etc/ufw/ufw.conf
systemctl enable ufw.service`,
  },
]

/** systemd listens for sshd: its `Port` means nothing then. */
export const sshSocket: Image = [
  ...bare,
  { name: 'ssh.socket', script: sh`systemctl disable ssh.service; systemctl enable ssh.socket` },
]

/** One channel a connection: a second one needs a second login. */
export const oneSession: Image = [
  ...bare,
  { name: 'MaxSessions 1', script: sh`printf 'MaxSessions 1\n' > /etc/ssh/sshd_config.d/10-sessions.conf` },
]
