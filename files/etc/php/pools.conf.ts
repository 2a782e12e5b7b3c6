/** What the pools of PHP-FPM are made of. */
export interface Pools {
  /** How big what visitors send may be: `64M`. */
  readonly upload: string
  /** How many pages of a site are made at once. */
  readonly processes: number
  /** Each with whom its pages run as. */
  readonly sites: readonly { readonly domain: string; readonly root: string; readonly user: string }[]
}

/** Where the pool of a site is asked, and where it keeps sessions and what is being uploaded. */
export const poolPlaces = {
  /** Those of all sites. */
  all: '/var/lib/php/sites' as const,
  socket: (domain: string) => `/run/php/${domain}.sock` as const,
  state: (domain: string) => `/var/lib/php/sites/${domain}` as const,
}

/** A pool for each site, all in one file, so that one which leaves the inventory leaves the host: see php-fpm.conf(5). */
export const pools = ({ upload, processes, sites }: Pools): string => `; Written by provision.
[global]
error_log = syslog
${sites.map((site) => pool({ ...site, upload, processes })).join('')}`

/**
 * It runs as a user of its own, reads its own folder and no other site's, and starts nothing, neither itself nor through mail(). It
 * neither makes links, which Caddy would follow, nor asks the cache of compiled pages, which all pools share, what it holds.
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
php_admin_value[disable_functions] = ${forbidden.join(',')}
php_admin_value[sendmail_path] = /bin/false
php_admin_value[ffi.enable] = 0
php_admin_flag[opcache.validate_permission] = on
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

/** Each leads out of the walls of a site: see https://www.php.net/manual/en/funcref.php, of PHP 8.2. */
const forbidden = [
  ...[
    'exec',
    'passthru',
    'shell_exec',
    'system',
    'proc_open',
    'proc_close',
    'proc_get_status',
    'proc_nice',
    'proc_terminate',
    'popen',
  ],
  ...[
    'pcntl_exec',
    'pcntl_fork',
    'pcntl_rfork',
    'pcntl_unshare',
    'pcntl_setpriority',
    'pcntl_signal',
    'dl',
    'putenv',
    'apache_setenv',
  ],
  ...['mail', 'mb_send_mail', 'imap_mail', 'symlink', 'link'],
  ...[
    'posix_kill',
    'posix_setuid',
    'posix_seteuid',
    'posix_setgid',
    'posix_setegid',
    'posix_setsid',
    'posix_setpgid',
    'posix_mkfifo',
  ],
  ...['opcache_get_status', 'opcache_get_configuration', 'opcache_is_script_cached', 'opcache_compile_file', 'opcache_reset'],
]
