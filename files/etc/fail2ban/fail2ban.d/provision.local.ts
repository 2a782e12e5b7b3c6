/** Bans outlive a restart, and their history the longest that recidive counts. See jail.conf(5). */
export const fail2banDatabase = ({ keepDays }: { keepDays: number }): string => `# Written by provision.
[Definition]
dbpurgeage = ${keepDays}d
`
