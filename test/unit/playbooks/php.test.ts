import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caddyfile } from '../../../files/etc/caddy/Caddyfile.ts'
import { pools } from '../../../files/etc/php/pools.conf.ts'
import { backupPatterns } from '../../../files/etc/provision/borg.ts'
import { phpOf, siteUser } from '../../../src/inventory/inventory.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

/** The files of the server with this PHP, by path. */
const filesWith = (php: object | undefined, more: object = {}) => {
  const server = referenceServer((raw) =>
    Object.assign(raw, {
      sites: [{ domain: 'cinay.eu', php: php !== undefined }],
      ...(php === undefined ? {} : { php }),
      ...more,
    }),
  )
  const resources = referencePlaybooks(server).flatMap(({ steps }) => steps.flatMap((step) => step.resources))
  return new Map(resources.map(({ id, desired }) => [id, String((desired as { content?: unknown }).content ?? '')]))
}

test('pools: one a site, which sees its own folder and is asked by caddy alone', () => {
  const sites = [
    { domain: 'a.example', root: '/a', user: 'web-a-example' },
    { domain: 'b.example', root: '/b', user: 'web-b-example' },
  ]
  const text = pools({ upload: '1G', processes: 3, sites })
  assert.deepEqual(
    [...text.matchAll(/^\[(.*)\]$/gm)].map(([, name]) => name),
    ['global', 'a.example', 'b.example'],
  )
  assert.deepEqual(
    [...text.matchAll(/open_basedir\] = (.*)$/gm)].map(([, path]) => path),
    ['/a:/var/lib/php/sites/a.example', '/b:/var/lib/php/sites/b.example'],
  )
  assert.deepEqual(
    [...text.matchAll(/^user = (.*)\ngroup = (.*)$/gm)].map(([, user, group]) => [user, group]),
    [
      ['web-a-example', 'web-a-example'],
      ['web-b-example', 'web-b-example'],
    ],
  )
  assert.equal([...text.matchAll(/^listen\.owner = caddy\nlisten\.group = caddy\nlisten\.mode = 0600$/gm)].length, 2)
  assert.equal([...text.matchAll(/_(?:filesize|max_size)\] = 1G$/gm)].length, 4)
})

test('siteUser: a name that useradd takes, and no two sites have the same', () => {
  const domains = [
    'a-b.example',
    'a.b-example.org',
    'a.b.example',
    'a-b-example.org',
    'xn--mller-kva.example',
    'x'.repeat(60).concat('.example'),
  ]
  const other = 'x'.repeat(60).concat('.example2')
  const users = [...domains, other].map(siteUser)
  assert.equal(new Set(users).size, users.length)
  for (const user of users) assert.match(user, /^web-[a-z0-9_-]{1,28}$/)
})

test('php: each site has a user, a folder that this user, its owner and Caddy get into, and nobody else', () => {
  const server = referenceServer((raw) =>
    Object.assign(raw, {
      sites: [
        { domain: 'cinay.eu', php: true },
        { domain: 'yanfi.net', php: true, owner: 'caddy' },
        { domain: 'xoyize.xyz', owner: 'caddy' },
        { domain: 'static.xoyize.xyz' },
      ],
      php: { source: 'debian' },
    }),
  )
  const resources = referencePlaybooks(server).flatMap(({ steps }) => steps.flatMap((step) => step.resources))
  const of = (id: string) => resources.filter((one) => one.id === id).map(({ desired }) => desired as Record<string, unknown>)
  const folder = (domain: string) =>
    of(`directory:/var/caddy/www/${domain}`).map(({ mode, owner, group }) => [mode, owner, group].join(' '))
  assert.deepEqual(folder('cinay.eu'), ['0750 xouser web-cinay-eu'])
  assert.deepEqual(folder('yanfi.net'), ['0750 web-yanfi-net web-yanfi-net'])
  assert.deepEqual(folder('xoyize.xyz'), ['0750 caddy caddy'])
  assert.deepEqual(folder('static.xoyize.xyz'), ['0750 xouser caddy'])
  assert.deepEqual(
    of('file:/etc/systemd/system/caddy.service.d/provision.conf')[0]?.content,
    '# Written by provision.\n[Service]\nSupplementaryGroups=web-cinay-eu web-yanfi-net\n',
  )
  for (const user of ['web-cinay-eu', 'web-yanfi-net']) assert.equal(of(`user:${user}`).length, 1)
})

test('Caddyfile: a site without PHP asks nobody, one with it asks its own socket, and limits what it takes', () => {
  const site = { names: ['a.example'], root: '/a' }
  const text = (php?: { socket: string; upload: string }) =>
    caddyfile({ directory: 'https://ca', sites: [{ ...site, php }], mail: [] })
  assert.doesNotMatch(text(), /php_fastcgi|max_size/)
  assert.match(
    text({ socket: '/run/php/a.example.sock', upload: '64M' }),
    /max_size 64MiB\n[\s\S]*\tphp_fastcgi unix\/\/run\/php\/a\.example\.sock\n\tfile_server\n/,
  )
})

test('php: the packages of each source, without what it has not', () => {
  const modules = ['cli', 'smbclient', 'mysql']
  assert.deepEqual(phpOf({ source: 'debian', modules }), {
    version: '8.2',
    packages: ['php8.2-fpm', 'php8.2-cli', 'php8.2-mysql'],
    lacking: ['smbclient'],
  })
  assert.deepEqual(phpOf({ source: 'sury', modules }).packages, ['php8.3-fpm', 'php8.3-cli', 'php8.3-smbclient', 'php8.3-mysql'])
})

test('php: the key of Sury’s is good for its source alone, which gives PHP and what Debian lacks', () => {
  const files = filesWith({ source: 'sury' })
  const source = files.get('file:/etc/apt/sources.list.d/provision-sury.sources')
  assert.match(
    source ?? '',
    /^URIs: https:\/\/packages\.sury\.org\/php\/\nSuites: bookworm\nComponents: main\nSigned-By: \/etc\/apt\/keyrings\/provision-sury\.gpg$/m,
  )
  assert.ok(files.has('archive-key:/etc/apt/keyrings/provision-sury.gpg'))
  assert.match(
    files.get('file:/etc/dpkg/dpkg.cfg.d/provision-sury') ?? '',
    /^path-exclude=\/etc\/apt\/trusted\.gpg\.d\/debsuryorg\*$/m,
  )
  const pins = [
    ...(files.get('file:/etc/apt/preferences.d/provision-sury') ?? '').matchAll(
      /^Package: (.*)\nPin: origin "(.*)"\nPin-Priority: (.*)$/gm,
    ),
  ]
  assert.deepEqual(
    pins.map(([, ...rest]) => rest),
    [
      ['php8.3 php8.3-* php-common debsuryorg-archive-keyring', 'packages.sury.org', '500'],
      ['*', 'packages.sury.org', '100'],
    ],
  )
})

test('php: what is updated from Sury’s is a run of its own, so that Debian’s does not end with it', () => {
  const unit = 'file:/etc/systemd/system/apt-daily-upgrade.service.d/provision.conf'
  const debian = 'file:/etc/apt/apt.conf.d/52provision-updates'
  const others = 'file:/etc/apt/provision-others.conf'
  const sury = filesWith({ source: 'sury' })
  assert.doesNotMatch(sury.get(debian)!, /sury/)
  assert.match(sury.get(others)!, /#clear Unattended-Upgrade::Origins-Pattern;\n[\s\S]*"site=packages\.sury\.org";/)
  assert.match(sury.get(unit)!, /APT_CONFIG=\/etc\/apt\/provision-others\.conf \/usr\/bin\/unattended-upgrade$/m)
  for (const files of [
    filesWith({ source: 'debian' }),
    filesWith(undefined),
    filesWith({ source: 'sury' }, { updates: { automatic: false } }),
  ]) {
    assert.equal(files.has(others), false)
    assert.doesNotMatch(files.get(unit)!, /unattended-upgrade$/m)
  }
})

test('backup: where databases are declared their live files are left out, and nowhere else', () => {
  assert.match(backupPatterns([], true), /^- pp:\/var\/lib\/mysql$/m)
  assert.doesNotMatch(backupPatterns([], false), /mysql/)
})
