/** When it is told how many were banned: each morning, or on Mondays. */
export const bansTimer = (often: 'daily' | 'weekly'): string => `# Written by provision.
[Unit]
Description=Say ${often} how many were banned

[Timer]
OnCalendar=${often === 'daily' ? '' : 'Mon '}*-*-* 08:00
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
`
