import { repeatedBan, sshBan } from '../../../../src/ssh/bans.ts'

/** What the jails are given: networks that are never banned, who the admin is, and the port that sshd really has. */
export interface Jails {
  readonly admin: string
  readonly ignored: readonly string[]
  readonly sshPort: number
  readonly authBan: string
  readonly dictionaryBan: string
}

const mailPorts = '25,465,587,993'

/** The jails. They read the journal: Debian 12 has no auth.log. See jail.conf(5). */
export const jails = ({ admin, ignored, sshPort, authBan, dictionaryBan }: Jails): string => `# Written by provision.
[DEFAULT]
backend = systemd
ignoreip = ${['127.0.0.0/8', '::1', ...ignored].join(' ')}
# Whoever has just logged in with a key is not banned for what they did before. Asked about each address once a minute at most.
ignorecommand = /usr/local/sbin/provision-let-in ${admin} <ip>
ignorecache = key="<ip>", max-count=1000, max-time=1m
findtime = 6h
maxretry = 3
banaction = iptables-multiport
banaction_allports = iptables-allports

[sshd]
enabled = true
port = ${sshPort}
mode = keys
maxretry = ${sshBan.failures}
findtime = ${sshBan.within}
bantime = ${sshBan.lasts}

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
findtime = ${repeatedBan.within}
maxretry = ${repeatedBan.bans}
bantime = ${repeatedBan.lasts}
`
