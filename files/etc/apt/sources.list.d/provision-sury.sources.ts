/** Where the source, its key and what it may give stand. */
export const suryPlaces = {
  source: '/etc/apt/sources.list.d/provision-sury.sources',
  key: '/etc/apt/keyrings/provision-sury.gpg',
  preferences: '/etc/apt/preferences.d/provision-sury',
} as const

/** A source of somebody else's, in apt's newer format: its key is good for it alone. See sources.list(5). */
export const sury = ({ url }: { readonly url: string }): string => `# Written by provision.
Types: deb
URIs: ${url}
Suites: bookworm
Components: main
Signed-By: ${suryPlaces.key}
`
