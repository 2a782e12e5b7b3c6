/** When backups are made. A night in which the host was off is made up for; systemd.timer(5). */
export const backupTimer = ({ at }: { readonly at: string }): string => `# Written by provision.
[Unit]
Description=Back up daily

[Timer]
OnCalendar=*-*-* ${at}
Persistent=true

[Install]
WantedBy=timers.target
`
