import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Change, Resource } from '../../../src/engine/kind.ts'
import { authorizedKeys } from '../../../src/kinds/access/authorized-keys.ts'
import { group } from '../../../src/kinds/access/group.ts'
import { password } from '../../../src/kinds/access/password.ts'
import { sshdSettings } from '../../../src/kinds/access/sshd-settings.ts'
import { user } from '../../../src/kinds/access/user.ts'
import { borgRepository } from '../../../src/kinds/data/borg-repository.ts'
import { database } from '../../../src/kinds/data/database.ts'
import { mariadbAccess } from '../../../src/kinds/data/mariadb-access.ts'
import { directory } from '../../../src/kinds/files/directory.ts'
import { file } from '../../../src/kinds/files/file.ts'
import { owner } from '../../../src/kinds/files/owner.ts'
import { privateKey } from '../../../src/kinds/files/private-key.ts'
import { certificate } from '../../../src/kinds/mail/certificate.ts'
import { mailAccount } from '../../../src/kinds/mail/mail-account.ts'
import { servedCertificate } from '../../../src/kinds/mail/served-certificate.ts'
import { undeclaredMail } from '../../../src/kinds/mail/undeclared-mail.ts'
import { ban } from '../../../src/kinds/network/ban.ts'
import { nftTable } from '../../../src/kinds/network/nft-table.ts'
import { ufwDefaults } from '../../../src/kinds/network/ufw-defaults.ts'
import { ufwRules } from '../../../src/kinds/network/ufw-rules.ts'
import { aptSources } from '../../../src/kinds/packages/apt-sources.ts'
import { archiveKey } from '../../../src/kinds/packages/archive-key.ts'
import { artifact } from '../../../src/kinds/packages/artifact.ts'
import { packages } from '../../../src/kinds/packages/packages.ts'
import { upgrade } from '../../../src/kinds/packages/upgrade.ts'
import { stampOf } from '../../../src/kinds/sh/stamp.ts'
import { hostname } from '../../../src/kinds/system/hostname.ts'
import { ipv6 } from '../../../src/kinds/system/ipv6.ts'
import { listening } from '../../../src/kinds/system/listening.ts'
import { locales } from '../../../src/kinds/system/locales.ts'
import { nfsServer } from '../../../src/kinds/system/nfs-server.ts'
import { reboot } from '../../../src/kinds/system/reboot.ts'
import { service } from '../../../src/kinds/system/service.ts'
import { timeSync } from '../../../src/kinds/system/time-sync.ts'
import { timeZone } from '../../../src/kinds/system/time-zone.ts'
import { Secret } from '../../../src/secret.ts'
import { redact } from '../../../src/sh.ts'

const v6 = '2001:db8::10'
const digest = (text: string) => createHash('sha256').update(text).digest('hex')
const secret = (name: string, value?: string) => new Secret(name, () => value)
const [pw, key] = [secret('mail/a', 'correct horse'), secret('provision/stamp-key', 'k')]
const row = '0'.repeat(64)
const ab = { name: 'a@b.c', address: 'a@b.c', mailboxes: ['a@b.c'] }
const ed = (n: number) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${String(n).repeat(43)}`

const nfs = nfsServer({
  exports: [{ path: '/s', to: '10.0.0.0/24', options: ['rw', 'sync'] }],
  address: '10.0.0.1',
  reads: ['/etc/nfs.conf.d'],
})
const nfsState = (exported = 'export /s\t10.0.0.0/24(rw,sync,wdelay)\n', versions = '-3 +4 +4.1 +4.2') =>
  `LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nversions ${versions}\n${exported}listening 10.0.0.1:2049\n`
const below = owner({
  ...({ path: '/var/lib/maddy', large: '/var/lib/maddy/messages', listed: '/run/owners' } as const),
  ...{ owner: 'maddy', group: 'maddy' },
})
const store = {
  ...{ repository: 'ssh://a@b:23/./c', passphrase: pw, stampKey: key },
  ...({
    script: '/usr/local/sbin/provision-backup',
    settings: '/etc/provision/borg',
    last: '/var/lib/provision/backup/last',
  } as const),
}

const fingerprint = '15058500A0235D97F5D10063B188E2B695BD4743'
const sury = archiveKey({ path: '/k.gpg', url: 'https://a.b/k', fingerprint })

const blog = database({ name: 'my_blog', user: 'blog', password: pw, stampKey: key })
/** What MariaDB says of it, its fields between tabs. */
const blogRows = ({
  user = `mysql_native_password 0 0 ${row}`,
  grant = 'my\\\\_blog all',
  stamp = `${stampOf(pw, key)} ${row}`,
} = {}) =>
  [
    ['stamp', 'blog', stamp],
    ['database', 'my_blog', '3'],
    ['user', 'blog', 'localhost', ...user.split(' ')],
    ['user', 'blog', '%', 'mysql_native_password', '0', '0', row],
    ...grant.split(', ').map((one) => ['grant', 'blog', 'localhost', ...one.split(' ')]),
    ['end'],
  ]
    .map((fields) => `${fields.join('\t')}\n`)
    .join('')

const access = mariadbAccess({ server: 'mariadb', users: ['blog'] })
const accessRows = (more = '', root = 'unix_socket\t0', bind = '127.0.0.1') =>
  `setting\tbind_address\t${bind}\nuser\troot\tlocalhost\t${root}\t1\t${row}\nuser\tblog\tlocalhost\tmysql_native_password\t0\t0\t${row}\n${more}end\n`

/** What a probe printed → what differs, as `field from → to`. `unknown` where the probe said nothing about it. */
const cases: readonly (readonly [string, Resource, string, readonly string[] | 'unknown'])[] = [
  [
    'file: no change when all is as declared',
    file({ path: '/a', content: 'x' }),
    `stat 644 root root 1763731200 /a\n${digest('x')}  /a\n`,
    [],
  ],
  ['file: a missing one is created', file({ path: '/a', content: 'x' }), 'absent /a\n', ['type absent → file']],
  ['file: a directory in its place is a difference', file({ path: '/a', content: 'x' }), 'other /a\n', ['type other → file']],
  [
    'file: mode and owner are corrected',
    file({ path: '/a', content: 'x', mode: '0640', group: 'adm' }),
    `stat 4755 www root 1763731200 /a\n${digest('x')}  /a\n`,
    ['mode 04755 → 0640', 'owner www → root', 'group root → adm'],
  ],
  [
    'file: a changed content is told by its digest',
    file({ path: '/a', content: 'x' }),
    `stat 644 root root 1763731200 /a\n${digest('y')}  /a\n`,
    [`content ${digest('y').slice(0, 12)} → ${digest('x').slice(0, 12)}`],
  ],
  [
    'file: not even the digest of a secret is told',
    file({ path: '/a', content: pw, mode: '0600' }),
    `stat 600 root root 1763731200 /a\n${digest('y')}  /a\n`,
    ['content other → as declared'],
  ],
  [
    'file: a secret that is yet to be made differs',
    file({ path: '/a', content: secret('b'), mode: '0600' }),
    `stat 600 root root 1763731200 /a\n${digest('y')}  /a\n`,
    ['content other → as declared'],
  ],
  [
    'borg-repository: no change once it was opened with this passphrase, however long ago the last archive was',
    borgRepository(store),
    `stamp ${store.repository} ${stampOf(pw, key)} ${store.repository}\nage ${store.repository} 51\nend\n`,
    [],
  ],
  [
    'borg-repository: a key, or a passphrase, that has not opened it yet is tried',
    borgRepository(store),
    `unproved ${store.repository} id_ed25519\nstamp ${store.repository} ${stampOf(pw, key)} ${store.repository}\nend\n`,
    ['id_ed25519 other → as declared'],
  ],
  ['borg-repository: one that was never opened is opened', borgRepository(store), 'end\n', ['repository not opened yet → open']],
  [
    'borg-repository: another repository is opened',
    borgRepository(store),
    `stamp ${store.repository} ${stampOf(pw, key)} ssh://a@b:23/./d\nend\n`,
    ['repository not opened yet → open'],
  ],
  [
    'borg-repository: another passphrase has to open it too',
    borgRepository(store),
    `stamp ${store.repository} ${stampOf(key, key)} ${store.repository}\nend\n`,
    ['repository opened by another passphrase → open'],
  ],
  ['borg-repository: nothing said is unknown', borgRepository(store), '', 'unknown'],
  ['file: nothing said is unknown', file({ path: '/a', content: 'x' }), '', 'unknown'],

  ['owner: as declared', below, 'end /var/lib/maddy\n', []],
  [
    'owner: after the daemon has once run as root',
    below,
    'other /var/lib/maddy root:root 640 /var/lib/maddy/a.db\nother /var/lib/maddy root:root 640 /var/lib/maddy/b.db\nend /var/lib/maddy\n',
    ['below it root:root 640 /var/lib/maddy/a.db and 1 more → maddy:maddy'],
  ],
  ['directory: as declared', directory({ path: '/d' }), 'stat 755 root root /d\n', []],
  ['directory: missing', directory({ path: '/d' }), 'absent /d\n', ['type absent → directory']],
  ['directory: a file in its place', directory({ path: '/d' }), 'other /d\n', ['type other → directory']],
  [
    'directory: mode and owner',
    directory({ path: '/d', mode: '0750', owner: 'maddy' }),
    'stat 755 root root /d\n',
    ['mode 0755 → 0750', 'owner root → maddy'],
  ],

  [
    'packages: installed and held ones are there, removed ones with their configuration are not',
    packages({ name: 'p', installed: ['a', 'b', 'c', 'd'] }),
    'a ii \nb hi \nc rc \nend\n',
    ['c removed, configuration left → installed', 'd absent → installed'],
  ],
  [
    'packages: half installed is not installed',
    packages({ name: 'p', installed: ['a', 'b'] }),
    'a iF \nb iU \nend\n',
    ['a half installed (iF) → installed', 'b half installed (iU) → installed'],
  ],
  [
    'packages: what must go is purged, its configuration too',
    packages({ name: 'p', absent: ['a', 'b', 'c'] }),
    'a ii \nb rc \nend\n',
    ['a installed → absent', 'b removed, configuration left → absent'],
  ],
  ['packages: dpkg that did not answer is unknown', packages({ name: 'p', installed: ['a'] }), 'a ii \n', 'unknown'],

  ['archive-key: no change while the key that was proved stands there', sury, `key ${fingerprint} 644:root:root - /k.gpg\n`, []],
  ['archive-key: none yet', sury, 'absent /k.gpg\n', ['type absent → the key B188E2B695BD4743']],
  [
    'archive-key: a file that is not what was proved, and that others may write',
    sury,
    'key other 666:root:root - /k.gpg\n',
    [`fingerprint other → ${fingerprint}`, 'mode 666:root:root → 644:root:root'],
  ],
  ['archive-key: that it ends is told, and no difference', sury, `key ${fingerprint} 644:root:root 2026-12-01 /k.gpg\n`, []],
  ['archive-key: nothing said is unknown', sury, '', 'unknown'],

  ['database: as declared', blog, blogRows(), []],
  [
    'database: no MariaDB yet',
    blog,
    'absent\n',
    ['database absent → my_blog', 'user absent → blog', 'grants none → all of my_blog'],
  ],
  [
    'database: another password than the one that was proved',
    blog,
    blogRows({ stamp: `${stampOf(key, key)} ${row}` }),
    ['password other → as declared'],
  ],
  [
    'database: a password that was changed on the host',
    blog,
    blogRows({ user: `mysql_native_password 0 0 ${'1'.repeat(64)}` }),
    ['password other → as declared'],
  ],
  [
    'database: a user that logs in by other means is made anew',
    blog,
    blogRows({ user: `unix_socket 0 0 ${row}` }),
    ['user absent → blog'],
  ],
  [
    'database: a user that may log in by other means as well',
    blog,
    blogRows({ user: `mysql_native_password 1 0 ${row}` }),
    ['user absent → blog'],
  ],
  [
    'database: a _ that stands for any letter is another grant',
    blog,
    blogRows({ grant: 'my_blog all' }),
    ['grants all of my_blog and its like → all of my_blog'],
  ],
  [
    'database: a part of it, something elsewhere, and everywhere',
    blog,
    blogRows({ user: `mysql_native_password 0 1 ${row}`, grant: 'my\\\\_blog some, other all' }),
    ['grants some of *, some of my_blog, all of other → all of my_blog'],
  ],
  ['database: MariaDB that did not answer is unknown', blog, 'database\tmy_blog\t3\n', 'unknown'],

  ['mariadb-access: as it should be', access, accessRows(), []],
  [
    'mariadb-access: as Debian leaves it',
    access,
    accessRows('', 'mysql_native_password\t1'),
    ['root mysql_native_password or another way → unix_socket'],
  ],
  ['mariadb-access: on every address', access, accessRows('', undefined, '*'), ['listening * → 127.0.0.1']],
  [
    'mariadb-access: root from anywhere, somebody without a name, and a database for everybody',
    access,
    accessRows(
      `user\troot\t%\tmysql_native_password\t0\t1\t${row}\nuser\t\tlocalhost\tmysql_native_password\t0\t0\t${row}\ndatabase\ttest\t0\n`,
    ),
    ['root from % → absent', 'without a name from localhost → absent', 'database test empty → absent'],
  ],
  [
    'mariadb-access: a database called test that is in use stays, as do users that nobody declared',
    access,
    accessRows(`database\ttest\t2\nuser\tx\t%\tmysql_native_password\t0\t0\t${row}\n`),
    [],
  ],
  ['mariadb-access: nothing said is unknown', access, '', 'unknown'],

  ['reboot: nothing asks for it', reboot({ allowed: true }), 'end\n', []],
  [
    'reboot: a package and a newer kernel ask for it',
    reboot({ allowed: true }),
    'required libc6 systemd \nkernel 6.1.0-56-amd64\nend\n',
    ['boot needed by the kernel 6.1.0-56-amd64, libc6, systemd → new'],
  ],
  [
    'reboot: something asks for it and does not say what',
    reboot({ allowed: true }),
    'required \nend\n',
    ['boot needed by an upgrade → new'],
  ],
  ['reboot: a run that may not does not', reboot({ allowed: false }), 'required libc6 \nend\n', []],
  ['reboot: nothing said is unknown', reboot({ allowed: true }), 'required libc6 \n', 'unknown'],

  ['nfs-server: version 4 on the overlay’s address, with what is declared', nfs, nfsState(), []],
  [
    'nfs-server: not installed yet',
    nfs,
    'LoadState=not-found\nActiveState=inactive\nUnitFileState=\n',
    ['enabled absent → enabled', 'active inactive → active', '/s 10.0.0.0/24 absent → rw,sync'],
  ],
  [
    'nfs-server: an option that is missing, an export that nobody declared',
    nfs,
    nfsState('export /s\t10.0.0.0/24(rw,async,wdelay)\nexport /etc\t*(rw)\n'),
    ['/s 10.0.0.0/24 rw,async,wdelay → rw,sync', '/etc * rw → absent'],
  ],
  [
    'nfs-server: version 3, on every address',
    nfs,
    `${nfsState(undefined, '-2 +3 +4')}listening 0.0.0.0:2049\nlistening [::]:2049\n`,
    ['versions -2 +3 +4 → 4 alone', 'listening 0.0.0.0 [::] → 10.0.0.1'],
  ],
  ['nfs-server: what it reads has changed', nfs, `${nfsState()}stale nfs-server.service\n`, ['config stale → fresh']],
  [
    'nfs-server: a kernel without it has none, which is no difference',
    nfs,
    'lacks kernel without nfsd\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n',
    [],
  ],
  [
    'nfs-server: a kernel without it does not try at each boot',
    nfs,
    'lacks kernel without nfsd\nLoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n',
    ['enabled enabled → disabled'],
  ],
  ['nfs-server: nothing said is unknown', nfs, '', 'unknown'],

  [
    'service: running, enabled, fresh',
    service({ unit: 'a.service', reads: ['/etc/a'] }),
    unit('loaded', 'active', 'enabled'),
    [],
  ],
  [
    'service: absent',
    service({ unit: 'a.service' }),
    unit('not-found', 'inactive', ''),
    ['enabled absent → enabled', 'active inactive → active'],
  ],
  [
    'service: stopped by hand',
    service({ unit: 'a.service' }),
    unit('loaded', 'inactive', 'enabled'),
    ['active inactive → active'],
  ],
  [
    'service: left in “reloading” by a bad reload',
    service({ unit: 'a.service' }),
    unit('loaded', 'reloading', 'enabled'),
    ['active reloading → active'],
  ],
  ['service: disabled', service({ unit: 'a.service' }), unit('loaded', 'active', 'disabled'), ['enabled disabled → enabled']],
  ['service: a static unit needs no enabling', service({ unit: 'a.service' }), unit('loaded', 'active', 'static'), []],
  [
    'service: what it reads has changed',
    service({ unit: 'a.service', reads: ['/etc/a'] }),
    `${unit('loaded', 'active', 'enabled')}stale a.service\n`,
    ['config stale → fresh'],
  ],
  [
    'service: what it reads again at a reload has changed',
    service({ unit: 'a.service', reads: ['/bin/a'], rereads: ['/etc/a'] }),
    `${unit('loaded', 'active', 'enabled')}stale a.service.reload\n`,
    ['config stale → fresh'],
  ],
  [
    'service: its unit file has changed',
    service({ unit: 'a.service' }),
    unit('loaded', 'active', 'enabled', 'yes'),
    ['unit changed → loaded'],
  ],
  ['service: off and not installed', service({ unit: 'a.socket', state: 'off' }), unit('not-found', 'inactive', ''), []],
  [
    'service: off and on',
    service({ unit: 'a.socket', state: 'off' }),
    unit('loaded', 'active', 'enabled'),
    ['enabled enabled → disabled', 'active active → inactive'],
  ],
  [
    'service: masked',
    service({ unit: 'a.service', state: 'masked' }),
    unit('loaded', 'failed', 'enabled'),
    ['enabled enabled → masked'],
  ],
  ['service: no answer of systemctl is unknown', service({ unit: 'a.service' }), '', 'unknown'],

  [
    'user: as declared',
    user({ name: 'x', groups: ['sudo'] }),
    'passwd x:x:1000:1000::/home/x:/bin/bash\ngroups x x sudo adm\n',
    [],
  ],
  ['user: absent', user({ name: 'x' }), 'absent x\n', ['type absent → user']],
  [
    'user: shell, home, uid and a group',
    user({ name: 'x', uid: 1000, groups: ['sudo'] }),
    'passwd x:x:1001:1001::/srv:/bin/sh\ngroups x x\n',
    ['shell /bin/sh → /bin/bash', 'home /srv → /home/x', 'uid 1001 → 1000', 'groups x → and sudo'],
  ],
  [
    'user: a system account has no shell',
    user({ name: 'm', system: true }),
    'passwd m:x:999:999::/var/lib/m:/bin/sh\ngroups m m\n',
    ['shell /bin/sh → /usr/sbin/nologin'],
  ],

  [
    'authorized-keys: as declared, whatever the comment',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' }),
    `${keysOf('600')}key x ${ed(1)} me\nend\n`,
    [],
  ],
  [
    'authorized-keys: a missing key',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' }),
    'user x /home/x\nend\n',
    [`key absent → ${ed(1).slice(-12)}`, 'mode other → 0600 in a directory 0700, both its own'],
  ],
  [
    'authorized-keys: another operator’s key stays',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' }),
    `${keysOf('600')}key x ${ed(1)}\nkey x ${ed(2)}\nend\n`,
    [],
  ],
  [
    'authorized-keys: and goes when asked',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'remove' }),
    `${keysOf('600')}key x ${ed(1)}\nkey x ${ed(2)}\nend\n`,
    [`key ${ed(2).slice(-12)} → absent`],
  ],
  [
    'authorized-keys: a file that others can write is corrected',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' }),
    `${keysOf('666')}key x ${ed(1)}\nend\n`,
    ['mode other → 0600 in a directory 0700, both its own'],
  ],
  [
    'authorized-keys: no user yet',
    authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' }),
    'end\n',
    ['user absent → with 1 keys'],
  ],

  ['ipv6: there', ipv6({ address: v6 }), `address ${v6}\nsource ${v6}\nend\n`, []],
  ['ipv6: switched off', ipv6({ address: v6 }), 'off\noff\nend\n', ['switched off → on', `address absent → ${v6}`]],
  ['ipv6: a helper that was not run yet', ipv6({ address: v6 }), 'helper\nend\n', [`address absent → ${v6}`]],
  ['ipv6: a helper that has not helped', ipv6({ address: v6 }), `helper\ntried ${v6}\nend\n`, []],
  ['ipv6: an address that nobody has', ipv6({ address: v6 }), 'address 2001:db8::20\nend\n', []],
  ['ipv6: a kernel without', ipv6({ address: v6 }), 'lacks\nend\n', []],
  ['ipv6: a host without ip is unknown', ipv6({ address: v6 }), '', 'unknown'],
  [
    'hostname: now and at the next boot',
    hostname({ name: 'a.b' }),
    'running vmi1\nfile vmi1\n',
    ['running vmi1 → a.b', 'file vmi1 → a.b'],
  ],
  ['hostname: no answer is unknown', hostname({ name: 'a.b' }), 'running a.b\n', 'unknown'],
  ['time-zone: no answer is unknown', timeZone({ name: 'Europe/Paris' }), 'link \n', 'unknown'],
  ['locales: no list is unknown', locales({ generated: ['en_US.UTF-8'], default: 'en_US.UTF-8' }), 'default \n', 'unknown'],
  [
    'time-zone: link and file',
    timeZone({ name: 'Europe/Paris' }),
    'link /usr/share/zoneinfo/Etc/UTC\nfile Europe/Paris\n',
    ['link Etc/UTC → Europe/Paris'],
  ],
  [
    'locales: utf8 and UTF-8 are the same',
    locales({ generated: ['en_US.UTF-8'], default: 'en_US.UTF-8' }),
    'have C\nhave C.utf8\nhave POSIX\nhave en_US.utf8\ndefault en_US.UTF-8\n',
    [],
  ],
  [
    'locales: exactly these',
    locales({ generated: ['en_US.UTF-8'], default: 'en_US.UTF-8' }),
    'have C\nhave de_DE.utf8\ndefault \n',
    ['generated de_de.utf8 → en_us.utf8', 'default none → en_US.UTF-8'],
  ],

  [
    'ufw-rules: v4 and v6 both',
    ufwRules({ name: 'in', rules: [{ port: 443, protocol: 'tcp' }], others: 'remove' }),
    'enabled yes\n4 allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in\n',
    ['443/tcp from anywhere absent → allowed'],
  ],
  [
    'ufw-rules: from a network, on an interface',
    ufwRules({ name: 'in', rules: [{ port: 2049, protocol: 'tcp', from: '10.0.0.0/8', on: 'nebula1' }], others: 'remove' }),
    'enabled yes\n4 allow tcp 2049 0.0.0.0/0 any 10.0.0.0/8 in_nebula1\n',
    [],
  ],
  [
    'ufw-rules: one that is not declared is drift',
    ufwRules({ name: 'in', rules: [], others: 'remove' }),
    'enabled yes\n4 allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in\n',
    ['allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in v4 → absent'],
  ],
  [
    'ufw-rules: not installed',
    ufwRules({ name: 'in', rules: [{ port: 25, protocol: 'tcp' }], others: 'remove' }),
    'absent\n',
    ['25/tcp from anywhere absent → allowed'],
  ],
  [
    'ufw-rules: only where it is on',
    ufwRules({ name: 'in', rules: [{ port: 25, protocol: 'tcp' }], others: 'keep', onlyWhenActive: true }),
    'enabled no\n',
    [],
  ],
  ['ufw-rules: no answer is unknown', ufwRules({ name: 'in', rules: [], others: 'remove' }), '', 'unknown'],
  [
    'ufw-defaults: on, in the kernel, alone',
    ufwDefaults({ incoming: 'deny', outgoing: 'allow' }),
    'configured yes\nboot enabled\nincoming "DROP"\noutgoing "ACCEPT"\nipv6 yes\nkernel yes\nkernel6 yes\nend\n',
    [],
  ],
  [
    'ufw-defaults: flushed by hand',
    ufwDefaults({ incoming: 'deny', outgoing: 'allow' }),
    'configured yes\nboot enabled\nincoming "DROP"\noutgoing "ACCEPT"\nipv6 yes\nend\n',
    ['active not in the kernel → yes'],
  ],
  [
    'ufw-defaults: IPv6 left out',
    ufwDefaults({ incoming: 'deny', outgoing: 'allow' }),
    'configured yes\nboot enabled\nincoming "DROP"\noutgoing "ACCEPT"\nipv6 no\nkernel yes\nkernel6 yes\nend\n',
    ['ipv6 no → yes'],
  ],
  [
    'ufw-defaults: its unit disabled, so that there is no firewall after the next boot',
    ufwDefaults({ incoming: 'deny', outgoing: 'allow' }),
    'configured yes\nboot disabled\nincoming "DROP"\noutgoing "ACCEPT"\nipv6 yes\nkernel yes\nkernel6 yes\nend\n',
    ['boot disabled → enabled'],
  ],

  [
    'listening: loopback, DHCP and short-lived UDP ports are nobody’s business',
    listening({ declared: ['22/tcp'], ours: ['x'] }),
    'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\ntcp LISTEN 0 1 127.0.0.1:3306 0.0.0.0:* users:(("mariadbd",pid=1,fd=3))\ntcp LISTEN 0 1 [::1]:25 [::]:* users:(("x",pid=1,fd=3))\nudp UNCONN 0 0 0.0.0.0%eth0:68 0.0.0.0:* users:(("dhclient",pid=1,fd=3))\nudp UNCONN 0 0 0.0.0.0:40123 0.0.0.0:* users:(("maddy",pid=1,fd=3))\nrange 32768\t60999\n',
    [],
  ],
  [
    'listening: one of our programs that is not declared is named',
    listening({ declared: [], ours: ['mariadbd', 'systemd-resolve'] }),
    'tcp LISTEN 0 1 *:3306 *:* users:(("mariadbd",pid=1,fd=3))\nudp UNCONN 0 0 [::]:5355 [::]:* users:(("systemd-resolve",pid=1,fd=3))\nrange 32768\t60999\n',
    ['3306/tcp listened on by mariadbd → nothing', '5355/udp listened on by systemd-resolve → nothing'],
  ],

  ['ban: nobody is', ban({ of: 'operator' }), 'address 192.0.2.1\n', []],
  [
    'ban: whoever runs this is, in two jails',
    ban({ of: 'operator' }),
    'address 192.0.2.1\njail sshd\njail recidive\n',
    ['sshd 192.0.2.1 banned → let in', 'recidive 192.0.2.1 banned → let in'],
  ],
  ['ban: no answer is unknown', ban({ of: 'operator' }), '', 'unknown'],

  [
    'apt-sources: by code name',
    aptSources({ release: 'bookworm' }),
    sources('bookworm', 'bookworm-updates', 'bookworm-security'),
    [],
  ],
  [
    'apt-sources: names that move on with each release',
    aptSources({ release: 'bookworm' }),
    sources('stable', 'oldstable-updates', 'stable/updates', 'stable-backports'),
    [
      '/etc/apt/sources.list stable → bookworm',
      '/etc/apt/sources.list oldstable-updates → bookworm-updates',
      '/etc/apt/sources.list stable/updates → bookworm-security',
      '/etc/apt/sources.list stable-backports → bookworm-backports',
    ],
  ],
  [
    'apt-sources: no security updates',
    aptSources({ release: 'bookworm' }),
    sources('bookworm', 'bookworm-updates'),
    ['bookworm-security absent → declared'],
  ],
  [
    'apt-sources: “stable” of somebody else is theirs',
    aptSources({ release: 'bookworm' }),
    `source\tf\thttps://download.docker.example/linux/debian\tstable\tstable\n${sources('bookworm', 'bookworm-updates', 'bookworm-security')}`,
    [],
  ],
  ['apt-sources: no answer is unknown', aptSources({ release: 'bookworm' }), '', 'unknown'],

  ['time-sync: one runs', clock(), 'package chrony ii\nrunning chrony\nrtc utc\n', []],
  ['time-sync: nothing is installed', clock(), 'rtc utc\n', ['service none → systemd-timesyncd']],
  ['time-sync: what is installed is started', clock(), 'package chrony ii\nrtc utc\n', ['service none → chrony']],
  [
    'time-sync: two fight',
    clock(),
    'package chrony ii\nrunning systemd-timesyncd\nrunning chrony\nrtc local\n',
    ['service systemd-timesyncd chrony → systemd-timesyncd', 'hardware clock local time → UTC'],
  ],
  ['time-sync: a container has its host’s clock', clock(), 'container\nrtc utc\n', []],

  [
    'service: as it is, and not there',
    service({ unit: 'a.service', state: 'as it is', reads: ['/etc/a'] }),
    unit('not-found', 'inactive', '') + '\nstale a.service\n',
    [],
  ],
  [
    'service: as it is, running with what was there before',
    service({ unit: 'a.service', state: 'as it is', reads: ['/etc/a'] }),
    unit('loaded', 'active', 'disabled') + '\nstale a.service\n',
    ['config stale → fresh'],
  ],

  ['upgrade: once', upgrade({ name: 'first' }), 'pending first\n', ['packages as delivered → up to date']],
  ['upgrade: done', upgrade({ name: 'first' }), 'done first\n', []],

  [
    'password: proved by its stamp',
    password({ user: 'root', password: pw, stampKey: key }),
    `row root r\nstamp root ${stampOf(pw, key)} r\n`,
    [],
  ],
  [
    'password: changed on the host',
    password({ user: 'root', password: pw, stampKey: key }),
    `row root other\nstamp root ${stampOf(pw, key)} r\n`,
    ['password other → as declared'],
  ],
  [
    'password: changed in the secrets',
    password({ user: 'root', password: secret('n', 'new'), stampKey: key }),
    `row root r\nstamp root ${stampOf(pw, key)} r\n`,
    ['password other → as declared'],
  ],

  [
    'mail-account: proved by its stamp',
    mailAccount({ ...ab, password: pw, stampKey: key }),
    `credentials a@b.c r\nmailbox a@b.c\nstamp a@b.c ${stampOf(pw, key)} r\nend\n`,
    [],
  ],
  [
    'mail-account: absent',
    mailAccount({ ...ab, password: pw, stampKey: key }),
    'end\n',
    ['mailbox absent → a@b.c', 'credentials absent → credentials'],
  ],
  [
    'mail-account: a password that was changed on the host',
    mailAccount({ ...ab, password: pw, stampKey: key }),
    `credentials a@b.c s\nmailbox a@b.c\nstamp a@b.c ${stampOf(pw, key)} r\nend\n`,
    ['password other → as declared'],
  ],
  ['mail-account: a database that cannot be read is unknown', mailAccount({ ...ab, password: pw, stampKey: key }), '', 'unknown'],

  [
    'mail-account: one of its mailboxes is missing',
    mailAccount({ name: 'a', address: 'a@b.c', mailboxes: ['a@b.c', 'a@d.e'], password: pw, stampKey: key }),
    `credentials a r\nmailbox a@b.c\nmailbox a\nstamp a ${stampOf(pw, key)} r\nend\n`,
    ['mailbox absent → a@d.e'],
  ],
  [
    'mail-account: one that only sends needs no mailbox',
    mailAccount({ ...ab, mailboxes: [], password: pw, stampKey: key }),
    `credentials a@b.c r\nstamp a@b.c ${stampOf(pw, key)} r\nend\n`,
    [],
  ],

  ['undeclared-mail: nobody', others('remove'), `credentials a@b.c ${row}\nmailbox a@b.c\ndomain b.c\nend\n`, []],
  ['undeclared-mail: others stay', others('keep'), `credentials x ${row}\nmailbox it's a\nmailbox a@b.c\ndomain d.e\nend\n`, []],
  [
    'undeclared-mail: and go when asked',
    others('remove'),
    `credentials x y ${row}\nmailbox it's a\nmailbox a@b.c\ndomain d.e\nend\n`,
    ['credentials x y → absent', "mailbox it's a → absent", 'domain d.e → absent'],
  ],
  [
    'undeclared-mail: whom the directory lists stays',
    others('remove', '/l'),
    `mailbox lea@b.c\nmailbox x@b.c\nlisted lea@b.c\nend\n`,
    ['mailbox x@b.c → absent'],
  ],
  ['undeclared-mail: whom the directory lists is not known yet', others('remove', '/l'), 'mailbox x@b.c\nunlisted\nend\n', []],
  ['undeclared-mail: before the first start', others('remove'), 'end\n', []],
  ['undeclared-mail: a database that cannot be read is unknown', others('remove'), '', 'unknown'],

  ['group: as declared, with others in it', group({ name: 'g', members: ['a'] }), 'group g:x:109:b,a\n', []],
  ['group: absent', group({ name: 'g', members: ['a'] }), 'absent g\n', ['type absent → group']],
  ['group: somebody is not in it', group({ name: 'g', members: ['a', 'b'] }), 'group g:x:109:a\n', ['members a → and b']],
  ['group: no answer is unknown', group({ name: 'g', members: [] }), '', 'unknown'],

  ['nft-table: in the kernel as it was loaded', nft('rules'), `kernel t k\nstamp t ${digest('rules')} k\n`, []],
  ['nft-table: flushed', nft('rules'), `absent t\nstamp t ${digest('rules')} k\n`, ['kernel absent → loaded']],
  [
    'nft-table: changed in the kernel',
    nft('rules'),
    `kernel t other\nstamp t ${digest('rules')} k\n`,
    ['kernel other rules → as declared'],
  ],
  [
    'nft-table: changed in its file',
    nft('new rules'),
    `kernel t k\nstamp t ${digest('rules')} k\n`,
    ['kernel other rules → as declared'],
  ],
  ['nft-table: loaded by somebody else', nft('rules'), 'kernel t k\nstamp t \n', ['kernel other rules → as declared']],
  ['nft-table: an nft that cannot look is unknown', nft('rules'), '', 'unknown'],

  ['certificate: valid, matching, readable', cert(), life(80), []],
  ['certificate: under a quarter of its life', cert(), life(20), ['life left 22 % → over a third']],
  ['certificate: ended', cert(), life(-1), ['life left none → over a third']],
  ['certificate: absent', cert(), 'absent mx\n', ['type absent → certificate']],
  ['certificate: damaged', cert(), 'damaged mx\n', ['type damaged → certificate']],
  ['certificate: with the key that is declared', cert('/k/mx_k202611.pem'), life(80), []],
  [
    'certificate: with another key than the one declared',
    cert('/k/mx_k202611.pem'),
    life(80, 'match', 'mx.b.c', '750:root:maddy 640:root:maddy', 'another'),
    ['key another → k202611'],
  ],
  ['private-key: absent', rsa(), 'key absent - absent /k/a_s.key\n', ['type absent → key']],
  ['private-key: there, its owner’s alone, with its record', rsa(), 'key key 600:maddy:maddy its-own /k/a_s.key\n', []],
  [
    'private-key: readable by others, with the record of another key',
    rsa(),
    'key key 640:root:root another /k/a_s.key\n',
    ['mode 640:root:root → 600:maddy:maddy', 'record another → its own'],
  ],
  ['private-key: not to be there, and it is', rsa(true), 'key key 600:maddy:maddy its-own /k/a_s.key\n', ['type key → absent']],
  ['private-key: not to be there, and its record is', rsa(true), 'key absent - another /k/a_s.key\n', ['type key → absent']],
  ['private-key: not to be there', rsa(true), 'key absent - absent /k/a_s.key\n', []],
  [
    'certificate: another name, another key, world readable',
    cert(),
    life(80, 'differ', 'old.b.c', '755:root:root 644:root:root'),
    [
      'names old.b.c → mx.b.c',
      'key of another certificate → its own',
      'mode 755:root:root 644:root:root → 750:root:maddy 640:root:maddy',
    ],
  ],

  ['served-certificate: on all ports', served(), 'mail 25 same\nmail 465 same\n', []],
  ['served-certificate: an old one, and nobody', served(), 'mail 25 another\n', ['25/tcp another → same', '465/tcp none → same']],

  ['sshd-settings: as declared', sshdSettings({ port: 55148, users: ['x'] }), sshdSays('55148', '55148', 'no'), []],
  [
    'sshd-settings: a Port 22 elsewhere keeps 22 open',
    sshdSettings({ port: 55148, users: ['x'] }),
    sshdSays('22\nport 55148', '22\nlistening 55148', 'no'),
    ['ports 22 55148 → 55148', 'listening 22 55148 → 55148'],
  ],
  [
    'sshd-settings: everybody may log in',
    sshdSettings({ port: 55148, users: ['x', 'y'] }),
    sshdSays('55148', '55148', 'no'),
    ['allowusers x → y'],
  ],
  [
    'sshd-settings: cloud-init’s drop-in won',
    sshdSettings({ port: 55148, users: ['x'] }),
    sshdSays('55148', '55148', 'yes'),
    ['passwordauthentication yes → no'],
  ],

  ['artifact: as sent', pinned(), 'maddy\tamd64\tas sent\tmaddy 0.9.5 amd64\n', []],
  [
    'artifact: another version',
    pinned(),
    'maddy\tarm64\tas sent\tmaddy 0.9.4 arm64\n',
    ['origin maddy 0.9.4 arm64 → maddy 0.9.5 arm64'],
  ],
  ['artifact: changed on the host', pinned(), 'maddy\tamd64\tchanged\tmaddy 0.9.5 amd64\n', ['content changed → as sent']],
  ['artifact: absent', pinned(), 'maddy\tamd64\tabsent\t\n', ['origin absent → maddy 0.9.5 amd64']],
]

for (const [title, { kind, desired }, printed, expected] of cases) {
  test(title, () => {
    const state = kind.parse(printed, [desired]).get(kind.key(desired))
    if (expected === 'unknown') return assert.equal(state, undefined)
    assert.notEqual(state, undefined, 'the state is unknown')
    assert.deepEqual(kind.diff(desired, state).map(words), expected)
  })
}

test('borg-repository: two nights without a backup are a note, one night is none: a night in March has no 02:10', () => {
  const { kind, desired } = borgRepository(store)
  const notes = (hours: number) =>
    kind.notes?.(desired, kind.parse(`age ${store.repository} ${hours}\nend\n`, [desired]).get(store.repository))
  assert.deepEqual([notes(49), notes(50)], [[], ['no backup has been made for 50 hours']])
})

test('database: an error of MariaDB that repeats a statement is cleaned of the password, however it is written there', () => {
  const { kind, desired } = database({ name: 'a', user: 'a', password: secret('mariadb/a', `it's a \\ "zebra"`), stampKey: key })
  const script = kind.apply(desired, kind.parse('absent\n', [desired]).get('a'), [])
  const said = redact(`ERROR 1064 at line 3: ALTER USER 'a'@'localhost' IDENTIFIED BY 'it''s a \\\\ "zebra"'`, script)
  assert.equal(said, `ERROR 1064 at line 3: ALTER USER 'a'@'localhost' IDENTIFIED BY (secret)`)
  assert.doesNotMatch(script.shown, /zebra/)
})

test('mariadb-access: who may log in and is not declared is told, and stays', () => {
  const { kind, desired } = access
  const rows = accessRows(
    `user\tblog\t%\tmysql_native_password\t0\t0\t${row}\nuser\tx\tlocalhost\tmysql_native_password\t0\t0\t${digest('')}\ndatabase\ttest\t2\n`,
  )
  assert.deepEqual(kind.notes?.(desired, kind.parse(rows, [desired]).get('mariadb')), [
    'may log in, and is not declared: blog@%',
    'may log in, and is not declared: x@localhost, without a password',
    'a database called test has tables in it: it stays',
  ])
})

test('file: what an operator should know of it is told, whatever its state', () => {
  const { kind, desired } = file({ path: '/a', content: 'x', notes: ['an alias leaves'] })
  assert.deepEqual(kind.notes?.(desired, kind.parse('absent /a\n', [desired]).get('/a')), ['an alias leaves'])
})

for (const [title, printed, said] of [
  ['nothing when all is well', `address ${v6}\nsource ${v6}\n`, undefined],
  ['nothing before it was tried', 'helper\n', undefined],
  ['an address that nobody has, and whose panel', 'address 2001:db8::20\n', /no interface has it.* in the panel of Some VPS/],
  ['a helper that has not helped', `helper\ntried ${v6}\n`, /enable_ipv6 was run: reboot/],
  ['no way out', `address ${v6}\n`, /names no IPv6 gateway/],
  ['another address that mail would leave from', `address ${v6}\nsource 2001:db8::20\n`, /leaves from 2001:db8::20/],
  ['a kernel without', 'lacks\n', /^not here: this kernel has no IPv6/],
] as const)
  test(`ipv6: its notes tell of ${title}`, () => {
    const { kind, desired } = ipv6({ address: v6, provider: 'Some VPS' })
    const notes = kind.notes!(desired, kind.parse(`${printed}end\n`, [desired]).get(v6))
    if (said === undefined) assert.deepEqual(notes, [])
    else assert.match(notes.join(), said)
  })

test('undeclared-mail: who is not declared is told, as a note', () => {
  const { kind, desired } = others('keep')
  const state = kind.parse(`credentials x ${row}\nmailbox y\ndomain d.e\nend\n`, [desired]).get('maddy')
  assert.deepEqual(kind.notes?.(desired, state), [
    'undeclared account x: --prune removes it',
    'undeclared mailbox y: --prune removes it, and keeps a copy',
    'undeclared domain d.e: --prune puts its DKIM keys away',
  ])
})

test('authorized-keys: an undeclared key is told, as a note', () => {
  const { kind, desired } = authorizedKeys({ user: 'x', keys: [ed(1)], others: 'keep' })
  const state = kind.parse(`${keysOf('600')}key x ${ed(1)}\nkey x ${ed(2)} bob@home\nend\n`, [desired]).get('x')
  assert.deepEqual(kind.notes?.(desired, state), [`undeclared key ${ed(2).slice(-12)} (bob@home): --prune removes it`])
})

function words({ field, from, to }: Change): string {
  return `${field} ${from} → ${to}`
}

function unit(load: string, active: string, enabled: string, reload = 'no'): string {
  return `Id=a.service\nLoadState=${load}\nActiveState=${active}\nUnitFileState=${enabled}\nNeedDaemonReload=${reload}\n`
}

function others(what: 'keep' | 'remove', directory?: `/${string}`): Resource {
  const declared = { credentials: ['a@b.c'], mailboxes: ['a@b.c'], domains: ['b.c'] }
  return undeclaredMail({ ...declared, others: what, ...(directory === undefined ? {} : { directory }) })
}

function nft(rules: string): Resource {
  return nftTable({ table: 't', rules, unit: 'a.service' })
}

function sources(...suites: readonly string[]): string {
  const lines = suites.map((suite) => `source\t/etc/apt/sources.list\thttp://mirror.example/debian\t${suite}\tmain contrib\n`)
  return `${lines.join('')}end\n`
}

function clock(): Resource {
  return timeSync({ fallback: 'systemd-timesyncd' })
}

function cert(key?: `/${string}`): Resource {
  return certificate({ name: 'mx', live: '/l', names: ['mx.b.c'], group: 'maddy', unit: 'r.service', key })
}

function rsa(absent?: true): Resource {
  const of = { path: '/k/a_s.key', record: '/k/a_s.dns', type: 'rsa', owner: 'maddy' } as const
  return privateKey(absent ? { ...of, absent } : of)
}

function life(
  daysLeft: number,
  pair = 'match',
  names = 'mx.b.c',
  mode = '750:root:maddy 640:root:maddy',
  key = 'declared',
): string {
  const at = (days: number) =>
    new Date(Date.now() + days * 86_400_000 + 60_000).toISOString().replace(/\.\d+/, '').replace('T', ' ')
  const dns = names
    .split(' ')
    .map((name) => `DNS:${name}`)
    .join(', ')
  return `certificate mx ${pair} ${key} ${mode} \nnames mx     ${dns}\nlife mx notBefore=${at(daysLeft - 90)} notAfter=${at(daysLeft)} \n`
}

function served(): Resource {
  return servedCertificate({
    name: 'mail',
    file: '/f',
    ports: [{ port: 25, starttls: 'smtp' }, { port: 465 }],
    unit: 'maddy.service',
  })
}

function sshdSays(ports: string, listens: string, passwords: string): string {
  return `port ${ports}\npasswordauthentication ${passwords}\nkbdinteractiveauthentication no\npermitrootlogin no\nauthorizedkeysfile .ssh/authorized_keys\nallowusers x\nlistening ${listens}\nend\n`
}

function pinned(): Resource {
  const origin = (architecture: string) => ({ text: () => `maddy 0.9.5 ${architecture}`, sha256: () => undefined })
  return artifact({
    name: 'maddy',
    version: '0.9.5',
    path: '/usr/local/bin/maddy',
    origin: { amd64: origin('amd64'), arm64: origin('arm64') },
  })
}

function keysOf(mode: string): string {
  return `user x /home/x\nstat 700:x /home/x/.ssh\nstat ${mode}:x /home/x/.ssh/authorized_keys\n`
}
