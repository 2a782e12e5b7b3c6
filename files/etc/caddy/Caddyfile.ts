/** What all sites share. */
export interface CaddyGlobal {
  /** The ACME directory: the one CA that is asked, with no other as fallback. */
  readonly directory: string
  /** A PEM bundle on the host, for a CA of one's own. */
  readonly caBundle?: string | undefined
  readonly email?: string | undefined
}

/** /etc/caddy/Caddyfile: admin on a socket of caddy's own, because at localhost:2019 anybody local rewrites the configuration. */
export const caddyfile = ({ directory, caBundle, email }: CaddyGlobal): string => `# Written by provision.
{
	admin unix//run/caddy/admin.sock
	acme_ca ${directory}
${caBundle === undefined ? '' : `	acme_ca_root ${caBundle}\n`}${email === undefined ? '' : `	email ${email}\n`}}

import /etc/caddy/sites/*.caddy
`
