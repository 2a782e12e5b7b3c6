/** What the jails are told: networks that are never banned, and the ports that sshd really has. */
export interface Jails {
  readonly ignored: readonly string[]
  readonly sshPort: number
  readonly authBan: string
  readonly dictionaryBan: string
}

const mailPorts = '25,465,587,993'

/** The jails. They read the journal: Debian 12 has no auth.log. See jail.conf(5). */
export const jails = ({ ignored, sshPort, authBan, dictionaryBan }: Jails): string => `# Written by provision.
[DEFAULT]
backend = systemd
ignoreip = ${['127.0.0.0/8', '::1', ...ignored].join(' ')}
findtime = 6h
maxretry = 3
banaction = iptables-multiport
banaction_allports = iptables-allports

[sshd]
enabled = true
port = ${sshPort}
mode = keys
maxretry = 5
findtime = 10m
bantime = 1h

[maddy-auth]
enabled = true
port = ${mailPorts}
bantime = ${authBan}

[maddy-dictionary-attack]
enabled = true
port = ${mailPorts}
bantime = ${dictionaryBan}

# 443/udp is HTTP/3.
[caddy-basic-auth]
enabled = true
port = 80,443
protocol = tcp,udp
maxretry = 5
findtime = 10m
bantime = 1h

# Reads fail2ban's own log, which never reaches the journal. It looks back longer than the bans that it counts.
[recidive]
enabled = true
backend = auto
logpath = /var/log/fail2ban.log
findtime = 30d
maxretry = 3
bantime = 60d
`
