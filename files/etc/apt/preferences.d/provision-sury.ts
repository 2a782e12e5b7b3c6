/**
 * PHP comes from there, and nothing that Debian has: only what a package of PHP needs and Debian lacks may come along.
 * See apt_preferences(5).
 */
export const surySays = ({
  host,
  version,
}: {
  readonly host: string
  readonly version: string
}): string => `# Written by provision.
Package: php${version} php${version}-* php-common debsuryorg-archive-keyring
Pin: origin "${host}"
Pin-Priority: 500

Package: *
Pin: origin "${host}"
Pin-Priority: 100
`
