import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ProvisionError } from '../../../src/errors.ts'
import { aliasLines, loadInventory, Server } from '../../../src/inventory/inventory.ts'
import { networkOf } from '../../../src/inventory/schema/overlay.ts'
import { PublicKeyField } from '../../../src/inventory/schema/public-key.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'
import { hidden, secretsIn } from '../../../src/secret.ts'
import { network, withMask } from '../../../src/util/addresses.ts'

/** The smallest inventory there is, as YAML, with some lines of it replaced or added. */
const small = (change: Record<string, unknown> = {}): string =>
  Object.entries({
    version: 1,
    hostname: 'example.org',
    address: '192.0.2.10',
    admin: { user: 'alice' },
    dns: { provider: 'manual' },
    mail: { hostname: 'mx1.example.org', primary: 'example.org' },
    domains: [{ name: 'example.org', accounts: [{ address: 'bob' }] }],
    ...change,
  })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('')

/** What an NFS export needs. */
const overlay = { nebula: { address: '10.19.55.5/24' } }

const read = (text: string): Server => validate('x.yml', readYaml('x.yml', text))

/** What is said of an inventory; empty when it is right. */
function fault(text: string): string {
  try {
    read(text)
    return ''
  } catch (error) {
    assert.ok(error instanceof ProvisionError, String(error))
    assert.equal(error.where, 'x.yml')
    return error.message
  }
}

test('inventory: the smallest one has the reference server’s defaults', () => {
  const server = read(small())
  assert.equal(server.ssh.port, 55148)
  assert.equal(server.time_zone, 'Europe/Paris')
  assert.equal(server.journal.keep_days, 90)
  assert.equal(server.acme.directory, 'https://acme-v02.api.letsencrypt.org/directory')
  assert.equal(server.artifacts.maddy.version, '0.9.5')
  assert.deepEqual(server.admin.keys, ['operator'])
})

test('inventory: what it gives is valid input for it again, and stays the same', () => {
  const once = Server.parse(read(small({ sites: [{ domain: 'example.org', basic_auth: { user: 'bob' } }] })))
  assert.deepEqual(Server.parse(once), once)
})

test('inventory: a secret has the name that it is given, else that of what it belongs to', () => {
  const server = read(
    `${small({ domains: undefined })}domains:\n  - { name: example.org, accounts: [{ address: bob }, { address: carol, password: !secret mail/other }] }\n`,
  )
  assert.deepEqual(
    server.domains[0]?.accounts.map(({ password: { name, madeAs } }) => [name, madeAs]),
    [
      ['mail/bob@example.org', 'password'],
      ['mail/other', 'password'],
    ],
  )
  assert.deepEqual(
    secretsIn(server)
      .map(({ name }) => name)
      .toSorted(),
    ['mail/bob@example.org', 'mail/other', 'mail/probe', 'mail/system', 'provision/stamp-key', 'root/password'],
  )
  assert.ok(!JSON.stringify(server).includes('mail/bob'), hidden)
})

test('inventory: an API key is nothing that can be made up', () => {
  const { dns } = read(small({ dns: { provider: 'ovh' } }))
  assert.ok(dns.provider === 'ovh')
  assert.equal(dns.consumer_key.madeAs, undefined)
})

const domain = (change: object) => small({ domains: [{ name: 'example.org', accounts: [{ address: 'bob' }], ...change }] })
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDuK0Bzh7X1yKMFhnGbJ5Wl0yzOzbu2Dr2GmmzpZ8yQ2'

const faults: Record<string, [text: string, said: RegExp]> = {
  'a key that is not known, with its line': [
    `${small()}sites:\n  - domian: example.org\n`,
    /Unrecognized key: "domian"[^✖]*sites\[0\], line 9/,
  ],
  'a key at the top that is not known': [`${small()}nobody: {}\n`, /Unrecognized key: "nobody"\n {2}→ line 8/],
  'a text where a list is expected': [small({ packages: 'git' }), /expected array, received string\n {2}→ at packages, line 8/],
  'a later version of the format': [small({ version: 2 }), /^is in version 2 of the inventory’s format/],
  'a missing version': [small({ version: undefined }), /has no version/],
  'a key that is there twice': [`${small()}version: 1\n`, /Map keys must be unique at line 8/],
  'what is no YAML': ['version: [1\n', /at line 2/],
  'a tag that is not known': [`${small()}provider: !secrets x\n`, /Unresolved tag: !secrets at line 8/],
  'a secret with a name that is none': [
    `${small({ root: undefined })}root: { password: !secret "a b" }\n`,
    /“a b” is not a valid secret name/,
  ],
  'a secret in clear': [small({ root: { password: 'hunter2' } }), /✖ is a secret: write “!secret NAME” here/],
  'a host name with capitals': [small({ hostname: 'Example.org' }), /is not a valid host name[^✖]*at hostname, line 2/],
  'a host name without a dot': [small({ hostname: 'example' }), /is not a valid host name/],
  'an address that is none': [small({ address: '192.0.2.300' }), /is not a valid IPv4 address/],
  'an IPv6 address that is none': [small({ address6: '2001:db8::g' }), /is not a valid IPv6 address/],
  'the system’s name for the admin': [small({ admin: { user: 'maddy' } }), /is taken by the system or one of its daemons/],
  'a user name that adduser refuses': [small({ admin: { user: 'Alice' } }), /is not a valid user name/],
  'a key that is cut off': [small({ admin: { user: 'alice', keys: [key.slice(0, -8)] } }), /not a valid public SSH key/],
  'no key at all': [small({ admin: { user: 'alice', keys: [] } }), /admin\.keys/],
  'a time zone that does not exist': [small({ time_zone: 'Europe/Pariss' }), /is not a time zone known here/],
  'a time zone in small letters': [small({ time_zone: 'europe/paris' }), /is not a valid time zone/],
  'a default locale that is not generated': [
    small({ locales: { default: 'de_DE.UTF-8' } }),
    /de_DE\.UTF-8 is not among those that are generated/,
  ],
  'a network with bits below its mask': [small({ fail2ban: { ignore: ['10.19.55.5/24'] } }), /with no bits set below the mask/],
  'a duration without a unit': [small({ fail2ban: { auth_ban: '96' } }), /is not a valid duration/],
  'SSH on a port of ours': [small({ ssh: { port: 443 } }), /443 belongs to the web/],
  'a rule for what is let in anyway': [small({ firewall: { allow: [{ port: 55148 }] } }), /55148\/tcp belongs to SSH/],
  'the same rule twice': [
    small({ firewall: { allow: [{ port: 1 }, { port: 1 }] } }),
    /1\/tcp is declared twice[^✖]*firewall\.allow\[1\]/,
  ],
  'one folder of two owners': [
    small({
      sites: [
        { domain: 'example.org', root: '/srv/a' },
        { domain: 'b.example.org', root: '/srv/a', owner: 'caddy' },
      ],
    }),
    /\/srv\/a is a folder of admin already[^✖]*sites\[1\]\.owner/,
  ],
  'the same domain twice': [
    small({ domains: [{ name: 'example.org' }, { name: 'example.org' }] }),
    /example\.org is declared twice/,
  ],
  'a primary domain that is none of them': [
    small({ mail: { hostname: 'mx1.example.org', primary: 'example.com' } }),
    /example\.com is not one of the domains/,
  ],
  'a primary domain without an account': [small({ domains: [{ name: 'example.org' }] }), /needs an account: postmaster/],
  'a mail server outside of all domains': [
    small({ mail: { hostname: 'mx1.example.com', primary: 'example.org' } }),
    /is not below any of the domains/,
  ],
  'an account twice': [
    domain({ accounts: [{ address: 'bob' }, { address: 'bob@example.org' }] }),
    /bob@example\.org is an account already/,
  ],
  'an alias that is an account': [domain({ aliases: [{ address: 'bob', to: 'bob' }] }), /bob@example\.org is an account already/],
  'an account of another domain': [domain({ accounts: [{ address: 'bob@example.net' }] }), /is not an address of example\.org/],
  'an account with a tag': [domain({ accounts: [{ address: 'bob+x' }] }), /is not a valid mailbox name/],
  'an account with capitals, which maddy never finds': [domain({ accounts: [{ address: 'Bob@example.org' }] }), /in lower case/],
  'an alias to nobody': [
    domain({ aliases: [{ address: 'info', to: ['bob', 'carol'] }] }),
    /carol@example\.org does not exist[^✖]*aliases\[0\]\.to\[1\]/,
  ],
  'an alias to an alias': [
    domain({
      aliases: [
        { address: 'a', to: 'bob' },
        { address: 'b', to: 'a' },
      ],
    }),
    /a@example\.org is an alias itself/,
  ],
  'an alias to what is no address': [
    domain({ aliases: [{ address: 'a', to: 'b c' }] }),
    /is neither an address nor a list of addresses/,
  ],
  'a catch-all that is no account': [domain({ catch_all: 'carol' }), /carol@example\.org is not an account of example\.org/],
  'a web that is nowhere': [
    domain({ web: { elsewhere: {} } }),
    /needs an address, an address6, or both\n {2}→ at domains\[0\]\.web\.elsewhere/,
  ],
  'a web that is neither here nor elsewhere': [domain({ web: 'there' }), /is neither “here” nor “elsewhere/],
  'a site whose web is elsewhere': [
    small({
      domains: [{ name: 'example.org', accounts: [{ address: 'bob' }], web: { elsewhere: { address: '192.0.2.1' } } }],
      sites: [{ domain: 'example.org' }],
    }),
    /the web of example\.org is elsewhere/,
  ],
  'a name of two sites': [
    small({ sites: [{ domain: 'a.example.org' }, { domain: 'b.example.org', aliases: ['a.example.org'] }] }),
    /a\.example\.org is declared twice/,
  ],
  'a site under the name of the mail server': [small({ sites: [{ domain: 'mx1.example.org' }] }), /is the mail server/],
  'a site under a name that a domain makes': [small({ sites: [{ domain: 'mta-sts.example.org' }] }), /is made from its domain/],
  'a root that climbs': [small({ sites: [{ domain: 'a.example.org', root: '/var/../etc' }] }), /has \. or \.\. in it/],
  'a root that ends in a slash': [small({ sites: [{ domain: 'a.example.org', root: '/srv/a/' }] }), /no slash at the end/],
  'the whole disk as a root': [small({ sites: [{ domain: 'a.example.org', root: '/' }] }), /is not a valid absolute path/],
  'one folder for the pages of two sites': [
    small({
      php: { source: 'debian' },
      sites: [
        { domain: 'a.example.org', php: true },
        { domain: 'b.example.org', php: true, root: '/var/caddy/www/a.example.org' },
      ],
    }),
    /belongs to the site a\.example\.org already: further names of one site are its aliases[^✖]*sites\[1\]\.root/,
  ],
  'a folder inside one of a different owner': [
    small({
      sites: [
        { domain: 'a.example.org', root: '/srv/a' },
        { domain: 'b.example.org', root: '/srv/a/b', owner: 'caddy' },
      ],
    }),
    /\/srv\/a\/b and \/srv\/a, of the site a\.example\.org, are inside each other[^✖]*sites\[1\]\.root/,
  ],
  'an export of a folder that Caddy owns': [
    small({
      ...overlay,
      nfs: { exports: [{ path: '/srv/a' }] },
      sites: [{ domain: 'a.example.org', root: '/srv/a', owner: 'caddy' }],
    }),
    /\/srv\/a belongs to the site a\.example\.org already, with a different owner[^✖]*nfs\.exports\[0\]\.path/,
  ],
  'PHP that no site asks for': [small({ php: { source: 'debian' } }), /no site says “php: true”[^✖]*php/],
  'a site that asks for PHP that is not declared': [
    small({ sites: [{ domain: 'a.example.org', php: true }] }),
    /needs PHP: declare “php”, too[^✖]*sites\[0\]\.php/,
  ],
  'PHP as one user for all sites': [
    small({ php: { source: 'debian', user: 'pages' }, sites: [{ domain: 'a.example.org', php: true }] }),
    /run as a user of that site alone: remove “php\.user”, and the next run hands over[^✖]*at php/,
  ],
  'PHP as the admin': [
    small({ admin: { user: 'web-a-example-org' }, php: { source: 'debian' }, sites: [{ domain: 'a.example.org', php: true }] }),
    /web-a-example-org is the admin, who may sudo[^✖]*sites\[0\]\.php/,
  ],
  'pages inside the folder of another site': [
    small({
      php: { source: 'debian' },
      sites: [
        { domain: 'a.example.org', php: true, root: '/srv/www/a' },
        { domain: 'b.example.org', root: '/srv/www' },
      ],
    }),
    /\/srv\/www and \/srv\/www\/a, of the site a\.example\.org, are inside each other/,
  ],
  'a database twice': [
    small({ mariadb: { databases: [{ name: 'blog' }, { name: 'blog', user: 'other' }] } }),
    /blog is declared twice[^✖]*mariadb\.databases\[1\]\.name/,
  ],
  'a user of two databases': [
    small({
      mariadb: {
        databases: [
          { name: 'a', user: 'u' },
          { name: 'b', user: 'u' },
        ],
      },
    }),
    /u has another database already[^✖]*mariadb\.databases\[1\]\.user/,
  ],
  'a database of MariaDB’s own': [small({ mariadb: { databases: [{ name: 'mysql' }] } }), /is a name that MariaDB itself has/],
  'keys of another DNS provider': [small({ dns: { provider: 'manual', server: '192.0.2.1' } }), /Unrecognized key: "server"/],
}

for (const [title, [text, said]] of Object.entries(faults))
  test(`inventory: refused with its reason: ${title}`, () => assert.match(fault(text), said))

const foreign: readonly (readonly [folder: string, why: RegExp])[] = [
  ...[
    ...['/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/proc', '/root', '/run', '/sbin', '/sys', '/tmp', '/usr'],
    ...['/var/lib', '/var/log', '/var/spool', '/var/cache', '/var/mail', '/var/caddy/mail'],
  ].map((folder) => [folder, /belongs to the system/] as const),
  ...[
    ...['/etc/ssh', '/usr/bin', '/boot/grub', '/proc/1', '/root/.ssh', '/run/caddy', '/usr/local/sbin', '/dev/shm/x'],
    ...['/var/lib/maddy', '/var/lib/caddy/x', '/var/lib/provision', '/var/log/x', '/var/tmp/x', '/var/caddy/mail/example.org'],
  ].map((folder) => [folder, /is below \S+, which belongs to the system or to another service/] as const),
  ...['/home', '/srv', '/opt', '/mnt', '/media', '/var', '/var/caddy', '/var/caddy/www', '/var/www'].map(
    (folder) => [folder, /holds folders of others/] as const,
  ),
  ['/home/alice', /is the home of a user/],
  ['/home/alice/.ssh', /has a hidden folder in it/],
  ['/srv/a/.git', /has a hidden folder in it/],
]

for (const [folder, why] of foreign)
  test(`inventory: ${folder} is given to nobody, neither as a site nor as an export`, () => {
    const said = new RegExp(`${folder} ${why.source}[^✖]*such as /srv/NAME`)
    assert.match(
      fault(small({ sites: [{ domain: 'a.example.org', root: folder }] })),
      new RegExp(`${said.source}[^✖]*sites\\[0\\]\\.root`),
    )
    assert.match(
      fault(small({ ...overlay, nfs: { exports: [{ path: folder }] } })),
      new RegExp(`${said.source}[^✖]*nfs\\.exports\\[0\\]\\.path`),
    )
  })

test('inventory: folders of their own are taken, and one below a home for an export only', () => {
  for (const folder of [
    '/srv/a',
    '/var/caddy/www/a',
    '/var/www/html',
    '/opt/a',
    '/data',
    '/sharenfs/a',
    '/mnt/disk/a',
    '/etcetera',
  ]) {
    assert.equal(fault(small({ sites: [{ domain: 'a.example.org', root: folder }] })), '', folder)
    assert.equal(fault(small({ ...overlay, nfs: { exports: [{ path: folder }] } })), '', folder)
  }
  assert.equal(fault(small({ ...overlay, nfs: { exports: [{ path: '/home/alice/films' }] } })), '')
  assert.match(
    fault(small({ sites: [{ domain: 'a.example.org', root: '/home/alice/www' }] })),
    /is below \/home, where Caddy sees nothing/,
  )
})

test('inventory: what a restore cannot do without is excluded from no backup', () => {
  const excluding = (path: string) => fault(small({ backup: { repository: 'ssh://u@b.example/./x', exclude: ['/srv/x', path] } }))
  for (const [path, lost] of [
    ['/var', 'mail'],
    ['/var/lib', 'mail'],
    ['/var/lib/maddy', 'mail'],
    ['/var/lib/maddy/messages', 'mail'],
    ['/var/lib/provision', 'the dumps of the databases'],
    ['/var/lib/acme', 'the ACME account'],
    ['/etc', 'the ssh host keys'],
  ])
    assert.match(excluding(path!), new RegExp(`${path} would leave ${lost} out of every archive[^✖]*backup\\.exclude\\[1\\]`))
  for (const path of ['/home/alice/films', '/var/www/cache', '/opt']) assert.equal(excluding(path), '', path)
})

test('inventory: every fault is named at once', () => {
  const said = fault(small({ hostname: 'X', address: 'Y', ssh: { port: 0 } }))
  assert.equal(said.match(/✖/g)?.length, 3)
})

const keys: Record<string, [line: string, valid: boolean]> = {
  ed25519: [key, true],
  'ed25519 with a comment': [`${key} alice@laptop`, true],
  'one with options in front': [`no-pty ${key}`, false],
  'one that says it is another type': [key.replace('ssh-ed25519', 'ssh-rsa'), false],
  'an RSA key of 1024 bits': [`ssh-rsa ${rsa(1024)}`, false],
  'an RSA key of 3072 bits': [`ssh-rsa ${rsa(3072)}`, true],
  'two lines': [`${key}\n${key}`, false],
}

for (const [title, [line, valid]] of Object.entries(keys))
  test(`inventory: public key: ${title} is ${valid ? 'taken' : 'refused'}`, () =>
    assert.equal(PublicKeyField.safeParse(line).success, valid))

function rsa(bits: number): string {
  const field = (content: Buffer) => Buffer.concat([Buffer.from([0, 0, content.length >> 8, content.length & 255]), content])
  return Buffer.concat([
    field(Buffer.from('ssh-rsa')),
    field(Buffer.from([1, 0, 1])),
    field(Buffer.alloc(bits / 8 + 1, 1)),
  ]).toString('base64')
}

test('inventory: addresses and networks get the form in which the host says them', () => {
  const server = read(small({ address6: '2001:DB8:0:0::1', fail2ban: { ignore: ['2001:db8:0::/32', '192.0.2.1'] } }))
  assert.equal(server.address6, '2001:db8::1')
  assert.deepEqual(server.fail2ban.ignore, ['2001:db8::/32', '192.0.2.1'])
})

for (const [written, kept] of [
  ['198.51.100.7/32', '198.51.100.7'],
  ['::ffff:198.51.100.7', '198.51.100.7'],
  ['::FFFF:198.51.100.0/120', '198.51.100.0/24'],
  ['2001:DB8::1/128', '2001:db8::1'],
  ['2001:DB8:0:0::/32', '2001:db8::/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['198.51.100.7/24', undefined],
  ['198.51.100.0/33', undefined],
  ['198.51.100.0/', undefined],
  ['::ffff:0:0/90', undefined],
] as const)
  test(`network: ${written} is kept as ${kept ?? 'nothing: it is refused'}`, () => assert.equal(network(written), kept))

test('network: nebula, which takes no single address, gets the mask', () => {
  assert.deepEqual(['192.0.2.7', '2001:db8::1', '10.0.0.0/8'].map(withMask), ['192.0.2.7/32', '2001:db8::1/128', '10.0.0.0/8'])
})

for (const [address, of] of [
  ['10.19.55.5/24', '10.19.55.0/24'],
  ['10.19.55.5/32', '10.19.55.5'],
  ['2001:db8::5/64', '2001:db8::/64'],
] as const)
  test(`overlay: ${address} is in ${of}`, () => assert.equal(networkOf(address), of))

test('aliases: postmaster and abuse exist in every domain, declared or not', () => {
  const server = read(
    small({
      domains: [
        { name: 'example.org', accounts: [{ address: 'bob' }], aliases: [{ address: 'info', to: ['bob', 'carol@example.edu'] }] },
        { name: 'example.com', accounts: [{ address: 'postmaster' }] },
        {
          name: 'example.net',
          aliases: [
            { address: 'postmaster', to: 'bob@example.org' },
            { address: 'carol', to: 'bob@example.org' },
          ],
        },
        { name: 'example.info' },
      ],
    }),
  )
  assert.deepEqual(
    aliasLines(server.domains).map(({ from, to }) => `${from}: ${to.join(', ')}`),
    [
      'info@example.org: bob@example.org, carol@example.edu',
      'postmaster@example.org: bob@example.org',
      'abuse@example.org: bob@example.org',
      'abuse@example.com: postmaster@example.com',
      'postmaster@example.net: bob@example.org',
      'carol@example.net: bob@example.org',
      'abuse@example.net: bob@example.org',
      'postmaster@example.info: bob@example.org',
      'abuse@example.info: bob@example.org',
    ],
  )
})

/** A folder of inventories. */
function folder(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'provision-test-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}

test('loadInventory: found by file name, host name and address, and by nothing else', async () => {
  const dir = folder({ 'one.yml': small(), 'artifacts.lock.yml': 'version: 1\n', 'example.yml': small(), 'broken.yml': 'a: [\n' })
  writeFileSync(join(dir, 'flow.yml'), '{version: 1, hostname: flow.example.org}')
  await assert.rejects(loadInventory(dir, 'flow.example.org'), { where: join(dir, 'flow.yml') })
  rmSync(join(dir, 'flow.yml'))
  for (const name of ['one', 'example.org', '192.0.2.10']) assert.equal((await loadInventory(dir, name)).name, 'one')
  await assert.rejects(loadInventory(dir, 'two'), {
    where: 'two',
    message: /there are: broken \(cannot be read\); one, example\.org, 192\.0\.2\.10$/,
  })
  await assert.rejects(loadInventory(dir, 'broken'), { where: join(dir, 'broken.yml') })
  await assert.rejects(loadInventory(join(dir, 'none'), 'one'), /there is no such folder/)
})

test('loadInventory: a name that two inventories have is refused with both', async () => {
  const dir = folder({ 'one.yml': small(), 'two.yml': small({ address: '192.0.2.11' }) })
  await assert.rejects(loadInventory(dir, 'example.org'), /is meant by one\.yml and two\.yml/)
  assert.equal((await loadInventory(dir, 'two')).server.address, '192.0.2.11')
})

test('loadInventory: a CA of one’s own is read from beside the inventory, and must be one', async () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  const dir = folder({
    'one.yml': small({ acme: { ca: 'ca.pem' } }),
    'ca.pem': pem,
    'text.yml': small({ address: '192.0.2.2', hostname: 'b.example.org', acme: { ca: pem } }),
  })
  assert.equal((await loadInventory(dir, 'one')).server.acme.ca, pem)
  assert.equal((await loadInventory(dir, 'text')).server.acme.ca, pem)
  writeFileSync(join(dir, 'ca.pem'), 'nothing\n')
  await assert.rejects(loadInventory(dir, 'one'), /there is no PEM certificate/)
  writeFileSync(join(dir, 'one.yml'), small({ acme: { ca: 'other.pem' } }))
  await assert.rejects(loadInventory(dir, 'one'), /acme\.ca names .*other\.pem, which cannot be read/)
})

test('loadInventory: without a folder it is $PROVISION_INVENTORY, else the one that comes with the package', async (t) => {
  const before = { cwd: process.cwd(), folder: process.env.PROVISION_INVENTORY }
  t.after(() => {
    process.chdir(before.cwd)
    if (before.folder === undefined) delete process.env.PROVISION_INVENTORY
    else process.env.PROVISION_INVENTORY = before.folder
  })
  const dir = folder({ 'one.yml': small() })
  process.env.PROVISION_INVENTORY = dir
  assert.equal((await loadInventory(undefined, 'one')).embedded, false)
  delete process.env.PROVISION_INVENTORY
  process.chdir(dir)
  const embedded = await loadInventory(undefined, 'xoyize.xyz')
  assert.equal(embedded.embedded, true)
  await embedded.store.open()
  await assert.rejects(embedded.store.ensure([embedded.server.root.password]), /keeps no secrets/)
  mkdirSync('inventory')
  await assert.rejects(loadInventory(undefined, 'xoyize.xyz'), /no inventory in inventory has this/)
})
