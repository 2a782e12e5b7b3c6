import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caddyfile } from '../../files/etc/caddy/Caddyfile.ts'
import { pools } from '../../files/etc/php/pools.conf.ts'
import { backupPatterns } from '../../files/etc/provision/borg.ts'
import { phpOf } from '../../src/inventory.ts'
import { referencePlaybooks, referenceServer } from '../reference.ts'

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
    { domain: 'a.example', root: '/a' },
    { domain: 'b.example', root: '/b' },
  ]
  const text = pools({ user: 'pages', upload: '1G', processes: 3, sites })
  assert.deepEqual(
    [...text.matchAll(/^\[(.*)\]$/gm)].map(([, name]) => name),
    ['global', 'a.example', 'b.example'],
  )
  assert.deepEqual(
    [...text.matchAll(/open_basedir\] = (.*)$/gm)].map(([, path]) => path),
    ['/a:/var/lib/php/sites/a.example', '/b:/var/lib/php/sites/b.example'],
  )
  assert.equal([...text.matchAll(/^user = pages$/gm)].length, 2)
  assert.equal([...text.matchAll(/^listen\.owner = caddy\nlisten\.group = caddy\nlisten\.mode = 0600$/gm)].length, 2)
  assert.equal([...text.matchAll(/_(?:filesize|max_size)\] = 1G$/gm)].length, 4)
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
