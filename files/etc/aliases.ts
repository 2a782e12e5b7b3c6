/** /etc/aliases as msmtp reads it: whatever is for somebody on this host is for postmaster. */
export const localAliases = (postmaster: string): string => `# Written by provision.
root: ${postmaster}
default: ${postmaster}
`
