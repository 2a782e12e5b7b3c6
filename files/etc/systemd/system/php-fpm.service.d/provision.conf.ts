/** What the unit of PHP-FPM is held to. */
export interface PhpUnit {
  /** `/usr/sbin/php-fpm8.2`: besides the libraries and kill(1), which reloads it, nothing can be executed. */
  readonly program: `/${string}`
  /** Folders that pages may write to, where their owner lets them. All else is read only. */
  readonly writable: readonly string[]
}

/**
 * Walls that hold even where a page gets past PHP's own (open_basedir, disabled functions) and runs code of its own: see
 * systemd.exec(5). What is unreadable there is so for the user of each site as well, by its mode; this is the second lock.
 * No link can be made: Caddy follows links, and reads the TLS keys. io_uring makes them past a filter of calls.
 */
export const phpUnit = ({ program, writable }: PhpUnit): string => `# Written by provision.
[Service]
Restart=on-failure
RestartSec=5
# Debian's helper makes a link for a pool of its own.
ExecStartPost=
ExecStopPost=
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_KILL CAP_SETGID CAP_SETUID
LockPersonality=true
NoNewPrivileges=true
PrivateDevices=true
PrivateTmp=true
ProtectClock=true
ProtectControlGroups=true
ProtectHome=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
ProtectSystem=strict
ReadWritePaths=/run/php ${writable.map((path) => `-${path}`).join(' ')}
InaccessiblePaths=${unreadable.map((path) => `-${path}`).join(' ')}
NoExecPaths=/
ExecPaths=${program} /usr/lib /usr/bin/kill
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~link linkat symlink symlinkat io_uring_setup io_uring_enter io_uring_register
`

/** Keys, passwords, mail, logs, and the sockets of what runs with more rights. */
const unreadable = [
  ...[
    '/etc/provision',
    '/etc/caddy',
    '/etc/maddy',
    '/etc/nebula',
    '/etc/ldap',
    '/etc/ssh',
    '/etc/msmtprc',
    '/etc/shadow',
    '/etc/gshadow',
  ],
  ...[
    '/etc/sudoers',
    '/etc/sudoers.d',
    '/etc/ssl/private',
    '/run/caddy',
    '/run/provision',
    '/run/dbus',
    '/run/fail2ban',
    '/run/maddy',
  ],
  ...['/var/lib/acme', '/var/lib/caddy', '/var/lib/certificates', '/var/lib/fail2ban', '/var/lib/maddy', '/var/lib/mysql'],
  ...['/var/lib/provision', '/var/lib/redis', '/var/lib/rspamd', '/var/backups', '/var/log', '/var/mail', '/var/spool'],
]
