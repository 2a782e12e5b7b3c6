/** Where sshd listens when an inventory does not say. */
export const defaultPort = 55148

/** Whose keys let the admin in when an inventory does not say: those of whoever runs this. */
export const defaultKeys: readonly ['operator'] = ['operator']
