/** The scores from which something is done. */
export interface Scores {
  readonly junk: number
  readonly reject: number
}

/** /etc/rspamd/local.d, file by file: what differs from Debian's own configuration. See https://docs.rspamd.com, version 3.4. */
export const rspamdLocal = ({ junk, reject }: Scores): Readonly<Record<string, string>> => ({
  // maddy refuses and quarantines; it does not change subjects, nor wait.
  'actions.conf': `reject = ${reject};\nadd_header = ${junk};\nrewrite_subject = null;\ngreylist = null;\n`,
  'greylist.conf': 'enabled = false;\n',
  'redis.conf': 'servers = "127.0.0.1:6379";\n',
  // On both sides of the first 200 of each it says nothing: a filter that has seen little is worse than none.
  'classifier-bayes.conf': 'backend = "redis";\nmin_learns = 200;\nautolearn = false;\n',
  'worker-normal.inc': 'bind_socket = "127.0.0.1:11333";\n',
  'worker-controller.inc': 'bind_socket = "127.0.0.1:11334";\n',
  // For other mail servers; maddy asks the normal worker.
  'worker-proxy.inc': 'enabled = false;\n',
  // Seen by who looks at the log, with the score and its reasons.
  'logging.inc': 'type = "syslog";\nlevel = "notice";\n',
})
