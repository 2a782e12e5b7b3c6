/** What /etc/caddy/Caddyfile is made of. */
export interface Caddyfile {
  /** The ACME directory: the one CA that is asked, with no other as fallback. */
  readonly directory: string
  /** A PEM bundle on the host, for a CA of one's own. */
  readonly caBundle?: string | undefined
  readonly email?: string | undefined
  readonly sites: readonly CaddySite[]
  /** The name of somebody else's certificate, and the folder with what its CA fetches. */
  readonly challenge?: { readonly name: string; readonly folder: string } | undefined
  /** Where each mail domain's settings are, and whether its MTA-STS policy is served here. */
  readonly mail: readonly { readonly domain: string; readonly folder: string; readonly policy: boolean }[]
}

/** One site: its names, its folder, and who may see it. */
export interface CaddySite {
  readonly names: readonly string[]
  readonly root: string
  /** A file with a line for each user: name and hash. */
  readonly basicAuth?: `/${string}` | undefined
  /** The socket of who runs its .php pages, and how big what visitors send may be. */
  readonly php?: { readonly socket: string; readonly upload: string } | undefined
}

/** All sites in one file, so that one which leaves the inventory leaves the host. Admin is on a socket of caddy's own, because at localhost:2019 anybody local rewrites the configuration. */
export const caddyfile = ({ directory, caBundle, email, sites, challenge, mail }: Caddyfile): string => `# Written by provision.
{
	admin unix//run/caddy/admin.sock
	acme_ca ${directory}
${caBundle === undefined ? '' : `	acme_ca_root ${caBundle}\n`}${email === undefined ? '' : `	email ${email}\n`}}
${sites.map(siteOf).join('')}${challenge === undefined ? '' : challengeOf(challenge)}${mail.length === 0 ? '' : settings}${mail.map(mailOf).join('')}`

/**
 * No dot file is served, but what is in .well-known; and no program text, whether or not the site has PHP: it has passwords in it.
 * What the host asks itself each minute (provision-probe) is not in the log.
 * See https://caddyserver.com/docs/caddyfile/matchers, tried with 2.11.9.
 */
const siteOf = ({ names, root, basicAuth, php }: CaddySite): string => `
${names.join(', ')} {
	root * ${root}
	encode zstd gzip
	log
	@probe {
		remote_ip 127.0.0.1
		path /.provision-probe
	}
	log_skip @probe
${basicAuth === undefined ? '' : `	basic_auth {\n		import ${basicAuth}\n	}\n`}	@hidden {
		path */.*
		not path_regexp ^/\\.well-known(/[^./][^/]*)*/?$
	}
	respond @hidden 404
	@program {
		path_regexp ${programText}
		not path *.html *.htm
${php === undefined ? '' : `		not path_regexp (?i)\\.php(/|$)\n`}	}
	respond @program 404
${php === undefined ? '' : pages(php)}	file_server
}
`

/**
 * PHP by any name that a server somewhere runs it under, what pages include, copies that editors and people leave of them, what a
 * program is configured with, dumps of its database. Pages that were saved as `x.php.html` are no program text.
 */
const programText = [
  '(?i)(\\.(php[0-9s]?|pht|phtml|phar|inc|tpl|twig|ini|sql|sqlite3?)([^a-z0-9/][^/]*)?',
  '\\.(bak|old|orig|save|swp|swo)',
  '~',
  '/(composer\\.(json|lock)|auth\\.json|web\\.config))(/|$)',
].join('|')

/** What visitors have uploaded is shown, and never run. */
const pages = ({ socket, upload }: NonNullable<CaddySite['php']>): string => `	request_body {
		max_size ${upload}iB
	}
	@uploaded path_regexp (?i)/(uploads?|userfiles|sites/[^/]+/files)/.*\\.php
	respond @uploaded 404
	php_fastcgi unix/${socket}
`

/** By HTTP alone: the certificate of that name is not Caddy's. */
const challengeOf = ({ name, folder }: NonNullable<Caddyfile['challenge']>): string => `
http://${name} {
	root * ${folder}
	log
	handle /.well-known/acme-challenge/* {
		file_server
	}
	handle {
		respond 404
	}
}
`

/** Each file at its one address, without a redirect; nothing else. Outlook posts its question: the answer is the same to everybody. */
const settings = `
(policy) {
	root * {args[0]}
	log
	handle /.well-known/mta-sts.txt {
		rewrite * /mta-sts.txt
		file_server
	}
	handle {
		respond 404
	}
}

(settings) {
	root * {args[0]}
	log
	@thunderbird path /mail/config-v1.1.xml /.well-known/autoconfig/mail/config-v1.1.xml
	handle @thunderbird {
		rewrite * /thunderbird.xml
		file_server
	}
	handle /autodiscover/autodiscover.xml {
		method GET
		rewrite * /outlook.xml
		file_server
	}
	handle /apple.mobileconfig {
		header Content-Type application/x-apple-aspen-config
		file_server
	}
	handle {
		respond 404
	}
}
`

const mailOf = ({ domain, folder, policy }: Caddyfile['mail'][number]): string => `
autoconfig.${domain}, autodiscover.${domain} {
	import settings ${folder}
}
${policy ? `\nmta-sts.${domain} {\n	import policy ${folder}\n}\n` : ''}`
