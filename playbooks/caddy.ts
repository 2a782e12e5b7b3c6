import { caddyfile } from '../files/etc/caddy/Caddyfile.ts'
import { poolPlaces } from '../files/etc/php/pools.conf.ts'
import { caddyGroups } from '../files/etc/systemd/system/caddy.service.d/provision.conf.ts'
import { acmePlaces } from '../files/usr/local/sbin/provision-certificates.ts'
import { apple, outlook, thunderbird } from '../files/var/caddy/mail/settings.ts'
import type { Resource } from '../src/engine/kind.ts'
import { type Item, type Playbook, playbook, step } from '../src/engine/step.ts'
import { type Domain, mtaStsPolicy, type Server, siteUser } from '../src/inventory/inventory.ts'
import { user } from '../src/kinds/access/user.ts'
import { basicAuth } from '../src/kinds/data/basic-auth.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { type ArtifactOrigin, artifact } from '../src/kinds/packages/artifact.ts'
import { validateCaddy } from '../src/kinds/sh/caddy.ts'
import { service } from '../src/kinds/system/service.ts'
import type { Secret } from '../src/secret.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

type Caddy = Pick<Server, 'acme' | 'admin' | 'dns' | 'sites' | 'domains' | 'mail' | 'php'> & {
  readonly origin: ArtifactOrigin
  readonly stampKey: Secret
}

/** The web server: one site a domain, each with a certificate that Caddy gets and renews itself. */
export const caddy = ({ acme, admin, dns, sites, domains, mail, php, origin, stampKey }: Caddy): Playbook => {
  /** Whose pages run: see php.ts. */
  const users = sites.filter((site) => site.php && php !== undefined).map(({ domain }) => siteUser(domain))
  const dropIn = '/etc/systemd/system/caddy.service.d'
  return playbook('caddy', [
    step('Install Caddy', [
      artifact({ name: 'caddy', ...origin, path: '/usr/local/bin/caddy' }),
      user({ name: 'caddy', system: true }),
      ...users.map((name) => user({ name, system: true, home: '/nonexistent' })),
    ]),

    step('Make the sites’ folders', [
      directory({ path: '/var/lib/caddy', mode: '0750', owner: 'caddy', group: 'caddy' }),
      directory({ path: '/var/caddy' }),
      directory({ path: '/var/caddy/www' }),
      ...folders(
        sites.filter((site) => php === undefined || !site.php),
        admin.user,
      ),
    ]),

    // Thunderbird, Outlook and Apple's clients set themselves up; other mail servers learn that ours speaks TLS.
    step('Write what mail clients and other mail servers ask for', [
      directory({ path: '/var/caddy/mail' }),
      ...domains.flatMap((domain) => answers(domain, mail.hostname)),
    ]),

    step('Configure Caddy', [
      directory({ path: '/etc/caddy' }),
      directory({ path: '/etc/caddy/auth', mode: '0750', group: 'caddy' }),
      acme.ca !== undefined && file({ path: caFile, content: acme.ca }),
      file({ path: '/etc/systemd/system/caddy.service', content: text('etc/systemd/system/caddy.service') }),
      directory({ path: dropIn }),
      file({ path: `${dropIn}/provision.conf`, content: caddyGroups(users) }),
      ...sites.map(
        ({ domain, basic_auth: auth }) => auth !== undefined && basicAuth({ path: authFile(domain), ...auth, stampKey }),
      ),
      file({
        path: '/etc/caddy/Caddyfile',
        content: caddyfile({
          directory: acme.directory,
          caBundle: acme.ca === undefined ? undefined : caFile,
          // Without one Caddy 2.11.9 may register as “default” when several sites ask at once, is refused, and waits a minute.
          email: acme.email ?? `postmaster@${mail.primary}`,
          sites: sites.map(({ domain, aliases, root, basic_auth, php: runs }) => ({
            names: [domain, ...aliases],
            root,
            basicAuth: basic_auth === undefined ? undefined : authFile(domain),
            php: runs && php !== undefined ? { socket: poolPlaces.socket(domain), upload: php.upload } : undefined,
          })),
          challenge: dns.provider === 'manual' ? { name: mail.hostname, folder: acmePlaces.challenge } : undefined,
          mail: domains.map((domain) => ({ domain: domain.name, folder: folderOf(domain), policy: servesPolicy(domain) })),
        }),
        // As caddy: what it makes on the way has to be the daemon's.
        check: validateCaddy('/usr/local/bin/caddy', sh`"$tmp"`),
      }),
    ]),

    step('Run Caddy', [
      service({
        unit: 'caddy.service',
        reads: ['/usr/local/bin/caddy', '/etc/systemd/system/caddy.service', dropIn],
        // A reload drops no connection.
        rereads: ['/etc/caddy'],
      }),
    ]),
  ])
}

const caFile = '/etc/caddy/acme-ca.pem'
const authFile = (domain: string) => `/etc/caddy/auth/${domain}` as const

const folderOf = ({ name }: Pick<Domain, 'name'>) => `/var/caddy/mail/${name}` as const
const servesPolicy = ({ mta_sts }: Pick<Domain, 'mta_sts'>) => mta_sts.served === 'here'

const answers = (domain: Domain, mx: string): readonly Item<Resource>[] => {
  const settings = { domain: domain.name, mx }
  return [
    directory({ path: folderOf(domain) }),
    file({ path: `${folderOf(domain)}/thunderbird.xml`, content: thunderbird(settings) }),
    file({ path: `${folderOf(domain)}/outlook.xml`, content: outlook(settings) }),
    file({ path: `${folderOf(domain)}/apple.mobileconfig`, content: apple(settings) }),
    servesPolicy(domain) && file({ path: `${folderOf(domain)}/mta-sts.txt`, content: mtaStsPolicy(domain, mx) }),
  ]
}

/**
 * One folder may be that of several sites, and is made with those above it. Caddy and its owner alone get in, so that the pages of no
 * other site do.
 */
const folders = (sites: Server['sites'], admin: string): readonly Resource[] => {
  const owners = new Map(sites.map(({ root, owner }) => [root, owner === 'admin' ? admin : 'caddy']))
  return [...owners].map(([path, owner]) => directory({ path, mode: '0750', owner, group: 'caddy' }))
}
