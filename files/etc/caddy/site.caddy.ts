/** One site: its names, its folder, and who may see it. */
export interface CaddySite {
  readonly names: readonly string[]
  readonly root: string
  readonly basicAuth?: { readonly user: string; readonly hash: string } | undefined
}

/** A file of its own below /etc/caddy/sites. No dot file but .well-known is served. */
export const siteCaddy = ({ names, root, basicAuth }: CaddySite): string => `# Written by provision.
${names.join(', ')} {
	root * ${root}
	encode zstd gzip
	log
${basicAuth === undefined ? '' : `	basic_auth {\n		${basicAuth.user} ${basicAuth.hash}\n	}\n`}	@hidden {
		path */.*
		not path /.well-known/*
	}
	respond @hidden 404
	file_server
}
`
