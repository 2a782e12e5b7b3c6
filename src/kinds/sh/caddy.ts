import { type Sh, sh } from '../../sh.ts'

/** Validates a configuration with a program, as caddy, whose files it makes. The configuration's path is a word of sh. */
export const validateCaddy = (program: string, configuration: Sh): Sh =>
  sh`runuser -u caddy -- env HOME=/var/lib/caddy XDG_DATA_HOME=/var/lib/caddy XDG_CONFIG_HOME=/var/lib/caddy/config ${program} validate --adapter caddyfile --config ${configuration}`
