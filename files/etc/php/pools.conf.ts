/** What the pools of PHP-FPM are made of. */
export interface Pools {
  /** Whom PHP runs as. */
  readonly user: string
  /** How big what visitors send may be: `64M`. */
  readonly upload: string
  /** How many pages of a site are made at once. */
  readonly processes: number
  readonly sites: readonly { readonly domain: string; readonly root: string }[]
}

/** Where the pool of a site is asked, and where it keeps sessions and what is being uploaded. */
export const poolPlaces = {
  socket: (domain: string) => `/run/php/${domain}.sock` as const,
  state: (domain: string) => `/var/lib/php/sites/${domain}` as const,
}

/** A pool for each site, all in one file, so that one which leaves the inventory leaves the host: see php-fpm.conf(5). */
export const pools = ({ user, upload, processes, sites }: Pools): string => `; Written by provision.
[global]
error_log = syslog
${sites.map(({ domain, root }) => pool({ domain, root, user, upload, processes })).join('')}`

/**
 * It reads its own folder and no other site's. What a page starts would not be held to that, so it starts nothing.
 * Caddy alone may ask it. Nothing runs while nobody asks.
 */
const pool = ({ domain, root, user, upload, processes }: Omit<Pools, 'sites'> & Pools['sites'][number]): string => `
[${domain}]
user = ${user}
group = ${user}
listen = ${poolPlaces.socket(domain)}
listen.owner = caddy
listen.group = caddy
listen.mode = 0600
pm = ondemand
pm.max_children = ${processes}
pm.max_requests = 1000
security.limit_extensions = .php
php_admin_value[open_basedir] = ${root}:${poolPlaces.state(domain)}
php_admin_value[disable_functions] = exec,passthru,shell_exec,system,proc_open,popen,pcntl_exec
php_admin_value[session.save_path] = ${poolPlaces.state(domain)}
php_admin_value[session.gc_probability] = 1
php_admin_value[upload_tmp_dir] = ${poolPlaces.state(domain)}
php_admin_value[sys_temp_dir] = ${poolPlaces.state(domain)}
php_admin_value[upload_max_filesize] = ${upload}
php_admin_value[post_max_size] = ${upload}
php_admin_value[error_log] = syslog
php_admin_flag[log_errors] = on
php_admin_flag[display_errors] = off
php_admin_flag[expose_php] = off
php_admin_flag[allow_url_include] = off
php_value[session.cookie_secure] = 1
php_value[session.cookie_httponly] = 1
php_value[session.use_strict_mode] = 1
`
