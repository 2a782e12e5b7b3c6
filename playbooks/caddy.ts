import { caddyfile } from '../files/etc/caddy/Caddyfile.ts'
import type { Server } from '../src/inventory.ts'
import { type ArtifactOrigin, artifact } from '../src/kinds/artifact.ts'
import { directory } from '../src/kinds/directory.ts'
import { file } from '../src/kinds/file.ts'
import { service } from '../src/kinds/service.ts'
import { user } from '../src/kinds/user.ts'
import { sh } from '../src/sh.ts'
import { type Playbook, playbook, step } from '../src/step.ts'
import { text } from '../src/text.ts'

type Caddy = Pick<Server, 'acme' | 'sites'> & { readonly origin: ArtifactOrigin; readonly caBundle: string | undefined }

/** The web server: one site a domain, each with a certificate that Caddy gets and renews itself. */
export const caddy = ({ acme, sites, origin, caBundle }: Caddy): Playbook =>
  playbook('caddy', [
    step('Install Caddy', [artifact({ name: 'caddy', ...origin, path: '/usr/local/bin/caddy' }), user({ name: 'caddy', system: true })]),

    step('Make the sites’ folders', [
      directory({ path: '/var/lib/caddy', mode: '0750', owner: 'caddy', group: 'caddy' }),
      directory({ path: '/var/caddy' }),
      directory({ path: '/var/caddy/www' }),
      ...[...new Set(sites.map(({ root }) => root))].map((path) => directory({ path, owner: 'caddy', group: 'caddy' })),
    ]),

    step('Configure Caddy', [
      directory({ path: '/etc/caddy' }),
      ...(caBundle === undefined ? [] : [file({ path: caFile, content: caBundle })]),
      file({ path: '/etc/systemd/system/caddy.service', content: text('etc/systemd/system/caddy.service') }),
      file({
        path: '/etc/caddy/Caddyfile',
        content: caddyfile({
          directory: acme.directory,
          caBundle: caBundle === undefined ? undefined : caFile,
          email: acme.email,
          sites: sites.map(({ domain, aliases, root }) => ({ names: [domain, ...aliases], root })),
        }),
        // As caddy: what it makes on the way has to be the daemon's.
        check: sh`runuser -u caddy -- env HOME=/var/lib/caddy XDG_DATA_HOME=/var/lib/caddy XDG_CONFIG_HOME=/var/lib/caddy/config /usr/local/bin/caddy validate --adapter caddyfile --config "$tmp"`,
      }),
    ]),

    step('Run Caddy', [
      service({ unit: 'caddy.service', reads: ['/etc/caddy', '/usr/local/bin/caddy', '/etc/systemd/system/caddy.service'], refresh: 'reload' }),
    ]),
  ])

const caFile = '/etc/caddy/acme-ca.pem'
