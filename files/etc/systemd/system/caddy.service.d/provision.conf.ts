/** Caddy shows what the folders of these groups hold: each site with PHP has a group, which nobody else is in. */
export const caddyGroups = (groups: readonly string[]): string =>
  `# Written by provision.\n[Service]\nSupplementaryGroups=${groups.join(' ')}\n`
