/** When our jails ban whoever fails to log in by ssh, and for how long: the jail file and the words of a refused login share it. */
export const sshBan = { failures: 5, within: '10m', lasts: '1h' } as const

/** When fail2ban's recidive bans an address that was banned before, from every port, and for how long. */
export const repeatedBan = { bans: 3, within: '30d', lasts: '60d' } as const
