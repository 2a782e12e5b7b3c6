import { surySays } from '../files/etc/apt/preferences.d/provision-sury.ts'
import { suryPlaces, sury as surySource } from '../files/etc/apt/sources.list.d/provision-sury.sources.ts'
import { poolPlaces, pools } from '../files/etc/php/pools.conf.ts'
import { phpUnit } from '../files/etc/systemd/system/php-fpm.service.d/provision.conf.ts'
import { type Playbook, playbook, type Step, step } from '../src/engine/step.ts'
import { phpOf, type Server, siteUser, suryOf } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { handedOver } from '../src/kinds/files/handed-over.ts'
import { archiveKey } from '../src/kinds/packages/archive-key.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

/** PHP-FPM: for each site that says so a pool, a socket, and a user with a folder that no other site gets into. */
export const php = ({ php: wanted, sites: all, admin }: Pick<Server, 'php' | 'sites' | 'admin'>): Playbook => {
  if (wanted === undefined) return playbook('php', [])
  const { version, packages: installed, lacking } = phpOf(wanted)
  const sites = all.filter((site) => site.php).map((site) => ({ ...site, user: siteUser(site.domain) }))
  const configuration = `/etc/php/${version}/fpm` as const
  const program = `/usr/sbin/php-fpm${version}` as const
  const unit = `php${version}-fpm.service` as const
  const dropIn = `/etc/systemd/system/${unit}.d` as const
  const notes = lacking.map((name) => `Debian has no ${name} for PHP ${version}: it is left out`)
  return playbook('php', [
    ...fromSury(suryOf({ php: wanted }), version),
    step('Install PHP', [packages({ name: 'php', installed })]),

    step('Configure PHP', [
      directory({ path: poolPlaces.all }),
      ...sites.flatMap(({ domain, root, owner, user }) => [
        // Of hosts on which one user ran the pages of all sites.
        handedOver({ path: root, to: user, witness: poolPlaces.state(domain) }),
        directory({ path: poolPlaces.state(domain), mode: '0700', owner: user, group: user }),
        // Caddy is in the group.
        directory({ path: root, mode: '0750', owner: owner === 'admin' ? admin.user : user, group: user }),
      ]),
      file({
        // Debian's own pool, which would run as somebody else, has this name.
        path: `${configuration}/pool.d/www.conf`,
        content: pools({ ...wanted, sites }),
        check: sh`printf '[global]\ninclude=%s\n' "$tmp" > "$tmp.main"
trap 'rm -f -- "$tmp" "$tmp.main"' EXIT
${program} -t -y "$tmp.main"`,
        notes,
      }),
      directory({ path: dropIn }),
      file({ path: `${dropIn}/provision.conf`, content: phpUnit({ program, writable: [poolPlaces.all, ...writable(sites)] }) }),
    ]),

    step('Run PHP', [
      // Of the other source, when the inventory has changed: it would take the same sockets.
      service({ unit: version === '8.2' ? 'php8.3-fpm.service' : 'php8.2-fpm.service', state: 'off' }),
      service({ unit, reads: [dropIn], rereads: [configuration] }),
    ]),
  ])
}

/** A folder of ours holds most: a root that is replaced by hand stays writable in it. */
const writable = (sites: readonly { readonly root: `/${string}` }[]): readonly string[] => [
  ...new Set(sites.map(({ root }) => (root.startsWith('/var/caddy/www/') ? '/var/caddy/www' : root))),
]

/** A source of somebody else's: its key is good for it alone, and it replaces nothing that Debian has. */
const fromSury = (from: ReturnType<typeof suryOf>, version: string): readonly Step[] =>
  from === undefined
    ? []
    : [
        step('Install what the key of the source is read with', [packages({ name: 'php-source', installed: ['gpg', 'curl'] })]),
        step('Take PHP from its source', [
          directory({ path: '/etc/apt/keyrings' }),
          archiveKey({ path: suryPlaces.key, url: from.key, fingerprint: from.fingerprint }),
          file({ path: '/etc/dpkg/dpkg.cfg.d/provision-sury', content: text('etc/dpkg/dpkg.cfg.d/provision-sury') }),
          file({ path: suryPlaces.preferences, content: surySays({ host: from.host, version }) }),
          file({ path: suryPlaces.source, content: surySource(from) }),
        ]),
      ]
