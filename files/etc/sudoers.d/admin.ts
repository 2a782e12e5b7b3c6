/** The admin may do everything without a password: it has none, only keys. See sudoers(5). */
export const sudoers = (admin: string): string => `# Written by provision.
${admin} ALL=(ALL:ALL) NOPASSWD: ALL
`
