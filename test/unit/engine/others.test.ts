import assert from 'node:assert/strict'
import { test } from 'node:test'
import { others } from '../../../playbooks/others.ts'
import { compare } from '../../../src/engine/converge.ts'
import { knowing } from '../../../src/engine/declared.ts'
import type { Resource } from '../../../src/engine/kind.ts'
import { playbook, step } from '../../../src/engine/step.ts'
import { otherAccess } from '../../../src/kinds/access/other-access.ts'
import { sshdSettings } from '../../../src/kinds/access/sshd-settings.ts'
import { file } from '../../../src/kinds/files/file.ts'
import { packetFilter } from '../../../src/kinds/network/packet-filter.ts'
import { aptSources } from '../../../src/kinds/packages/apt-sources.ts'
import { listening } from '../../../src/kinds/system/listening.ts'
import { service } from '../../../src/kinds/system/service.ts'
import { referenceServer } from '../../support/reference.ts'

/** What a plan says of one resource whose probe printed this: its notes, and its differences. */
function seen({ kind, desired, id }: Resource, printed: string) {
  const state = kind.parse(printed, [desired]).get(kind.key(desired))
  assert.notEqual(state, undefined, `${id} is unknown`)
  const changes = kind.diff(desired, state).map(({ field, from, to }) => `${field} ${from} → ${to}`)
  return {
    notes: kind.notes?.(desired, state) ?? [],
    changes,
    apply: () => kind.apply(desired, state, kind.diff(desired, state)).text,
  }
}

const among = (resource: Resource, prune: boolean, paths: readonly string[] = []): Resource => {
  const { kind, desired } = resource
  return { ...resource, desired: kind.among!(desired, { paths: new Set(paths), prune }) }
}

const filter = packetFilter({ declared: ['25/tcp', '443/tcp', '443/udp'], tables: ['provision'] })
const saved = (...lines: readonly string[]) => `${lines.map((line) => `4 ${line}\n`).join('')}end\n`
const ufw = '-A INPUT -j ufw-before-logging-input'

/** A rule as iptables-save says it → what it takes away from what is declared; nothing when it is only shown. */
const rules: readonly (readonly [line: string, undoes: string | undefined, table?: string])[] = [
  ['-A INPUT -p tcp -m tcp --dport 3306 -j ACCEPT', undefined],
  ['-A INPUT -s 192.0.2.9/32 -j ACCEPT', undefined],
  ['-A INPUT -i tailscale0 -j ACCEPT', undefined],
  ['-A INPUT -i wg0 -p tcp -m tcp --dport 25 -j DROP', undefined],
  ['-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', undefined],
  ['-A INPUT -m conntrack --ctstate INVALID -j DROP', undefined],
  ['-A INPUT -p icmp -j ACCEPT', undefined],
  ['-A INPUT -j ACCEPT', 'lets everything in'],
  ['-A INPUT -p tcp -j ACCEPT', 'lets everything in'],
  ['-A INPUT -i eth0 -j ACCEPT', 'lets everything in'],
  ['-A INPUT -m comment --comment "-s is nothing here" -j ACCEPT', 'lets everything in'],
  ['-A INPUT -p tcp -m tcp --dport 25 -j DROP', 'closes 25/tcp'],
  ['-A INPUT -p tcp -m multiport --dports 20:30,443 -j REJECT --reject-with tcp-reset', 'closes 25/tcp 443/tcp'],
  ['-A INPUT -p udp -m udp --dport 25 -j DROP', undefined],
  ['-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 25 -j DROP', undefined],
  ['-A INPUT -p tcp -m tcp --dport 25 -m connlimit --connlimit-above 20 -j REJECT', undefined],
  ['-A PREROUTING -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80', undefined, 'nat'],
  ['-A PREROUTING -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 8443', 'takes 443/tcp away from our services', 'nat'],
  [
    '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 25 -j DNAT --to-destination 172.17.0.2:25',
    'takes 25/tcp away from our services',
    'nat',
  ],
  ['-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80', undefined, 'nat'],
  ['-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 25 -j DNAT --to-destination 172.17.0.2:25', undefined, 'nat'],
  ['-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE', undefined, 'nat'],
]
for (const [line, undoes, table = 'filter'] of rules)
  test(`packet-filter: “${line}” ${undoes ?? 'is shown'}`, () => {
    const { notes, changes } = seen(filter, saved(`*${table}`, line, ...(table === 'filter' ? [ufw] : [])))
    const said = `${table} ${line.replace(/^-A /, '')} (v4)`
    assert.deepEqual(changes, undoes === undefined ? [] : [`${said} ${undoes} → absent`])
    assert.equal(
      notes.some((note) => note.includes(said)),
      undoes === undefined,
      notes.join('\n'),
    )
  })

test('packet-filter: what closes a port behind ufw, which has let it in before, closes nothing', () => {
  assert.deepEqual(seen(filter, saved('*filter', ufw, '-A INPUT -p tcp -m tcp --dport 25 -j DROP')).changes, [])
})

test('packet-filter: chains are named by whose they are, jumps to them are not told twice, v4 and v6 are told once', () => {
  const lines = ['*filter', ':INPUT DROP [0:0]', ':DOCKER - [0:0]', ':DOCKER-USER - [0:0]', ':ts-input - [0:0]', ':mine - [0:0]']
  const both = [...lines, '-A INPUT -j ts-input', '-A FORWARD -j DOCKER-USER', '-A INPUT -p tcp -m tcp --dport 9 -j ACCEPT']
  const printed = `${both.map((line) => `4 ${line}\n6 ${line}\n`).join('')}nft table ip filter\nnft table inet provision\nnft table ip wg-quick-wg0\nend\n`
  assert.deepEqual(seen(filter, printed).notes, [
    'chains of Docker: filter DOCKER, filter DOCKER-USER',
    'chains of Tailscale: filter ts-input',
    'third-party chains: filter mine',
    'third-party rule: filter INPUT -p tcp -m tcp --dport 9 -j ACCEPT (v4, v6)',
    'third-party table ip wg-quick-wg0 of nftables',
  ])
})

test('packet-filter: a unit that throws ufw’s rules away at boot is a difference, one that adds its own is shown', () => {
  const { notes, changes, apply } = seen(
    filter,
    'flushes nftables.service\nunit netfilter-persistent.service\nchanged /etc/ufw/before.rules\nend\n',
  )
  assert.deepEqual(changes, ['nftables.service throws ufw’s rules away when it starts → disabled'])
  assert.deepEqual(notes, [
    '/etc/ufw/before.rules was changed by hand, or is run by ufw',
    'netfilter-persistent.service loads rules of its own at boot',
  ])
  assert.match(apply(), /nftables\.service throws[\s\S]*exit 1/)
})

test('listening: a third-party program is shown, and what the kernel listens on; one of ours is a difference', () => {
  const printed =
    'tcp LISTEN 0 1 *:19999 *:* users:(("netdata",pid=1,fd=3))\nudp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*  \ntcp LISTEN 0 1 *:6379 *:* users:(("redis-server",pid=1,fd=3))\nrange 52000\t60999\n'
  const { notes, changes } = seen(listening({ declared: [], ours: ['redis-server'] }), printed)
  assert.deepEqual(notes, [
    '19999/tcp is listened on by netdata, which is third-party: firewall.listen declares it',
    '51820/udp is listened on by the kernel, which is third-party: firewall.listen declares it',
  ])
  assert.deepEqual(changes, ['6379/tcp listened on by redis-server → nothing'])
})

const access = otherAccess({ admin: 'xouser', allowed: ['puller'] })
const found = `me debian
root toor
password debian
empty guest
password xouser
keys\tdebian\t/home/debian/.ssh/authorized_keys\timage
keys\troot\t/root/.ssh/authorized_keys\tpanel, no name
keys\tpuller\t/home/puller/.ssh/authorized_keys\tpuller
keys\txouser\t/home/xouser/.ssh/authorized_keys\tme
keys\txouser\t/home/xouser/.ssh/authorized_keys2\told
member sudo xouser
member sudo debian
member docker bob
file /etc/sudoers.d/90-cloud-init-users
file /etc/sudoers.d/panel
file /etc/cron.d/panel
needed /etc/sudoers.d/90-cloud-init-users
changed /etc/sudoers
end
`

test('other-access: whoever may do something besides us is named', () => {
  const { notes, changes } = seen(among(access, false), found)
  assert.deepEqual(changes, [])
  assert.deepEqual(notes, [
    'toor has the uid of root: “userdel -o toor” removes it',
    'debian has a password: “passwd -l debian” locks it',
    'guest has an empty password: “passwd -l guest” locks it',
    '/etc/sudoers.d/panel: third-party: --prune removes it',
    '/root/.ssh/authorized_keys: keys of root (panel, no name): --prune removes it',
    '/home/xouser/.ssh/authorized_keys2: keys of xouser (old): --prune removes it',
    'group docker: with bob: --prune removes it',
    'password of xouser: a password: --prune removes it',
    'third-party file /etc/cron.d/panel',
    'third-party file /etc/sudoers.d/90-cloud-init-users, which this login needs',
    '/etc/sudoers was changed by hand',
  ])
})

test('other-access: --prune removes what gives a way in or rights, after a copy, and nothing of whoever is logged in', () => {
  const { changes, apply } = seen(among(access, true), found)
  assert.deepEqual(changes, [
    '/etc/sudoers.d/panel third-party → absent',
    '/root/.ssh/authorized_keys keys of root (panel, no name) → absent',
    '/home/xouser/.ssh/authorized_keys2 keys of xouser (old) → absent',
    'group docker with bob → without bob',
    'password of xouser a password → locked',
  ])
  const script = apply()
  assert.match(script, /cp -a --backup=numbered -- '\/etc\/sudoers\.d\/panel'/)
  assert.doesNotMatch(script, /90-cloud-init|debian/)
})

test('other-access: what could not be read is unknown', () => {
  assert.equal(access.kind.parse('me root\n', [access.desired]).size, 0)
})

const unit =
  'Id=a.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nDropInPaths=/etc/systemd/system/a.service.d/zz.conf\n'
const daemon = service({ unit: 'a.service', reads: ['/etc/a.d'] })
const beside = `${unit}\nbeside\t/etc/systemd/system/a.service.d/zz.conf\tyes\tExecStart User \nbeside\t/etc/a.d/b.conf\tyes\t\nbeside\t/etc/other/c.conf\tyes\t\n`

test('service: a drop-in that is not ours is named with what it sets, and so is a file among those it reads', () => {
  const { notes, changes } = seen(among(daemon, false), beside)
  assert.deepEqual(changes, [])
  assert.deepEqual(notes, [
    'third-party file /etc/systemd/system/a.service.d/zz.conf sets ExecStart User: --prune removes it',
    'third-party file /etc/a.d/b.conf: --prune removes it',
  ])
})

test('service: with --prune a third-party file is removed after a copy, and the unit restarted', () => {
  const { notes, changes, apply } = seen(among(daemon, true), beside)
  assert.deepEqual(notes, [])
  assert.deepEqual(changes, [
    '/etc/systemd/system/a.service.d/zz.conf third-party (sets ExecStart User) → absent',
    '/etc/a.d/b.conf third-party → absent',
  ])
  assert.match(apply(), /rm -f -- '\/etc\/a\.d\/b\.conf'[\s\S]*daemon-reload[\s\S]*systemctl 'restart'/)
})

test('service: what it reads is written by the same step, so it is started again with it', () => {
  const written = file({ path: '/etc/a.d/ours.conf', content: 'x' })
  const states = new Map(
    [[written, 'absent /etc/a.d/ours.conf\n'] as const, [daemon, unit] as const].map(([one, printed]) => [
      one.id,
      { type: 'known', state: one.kind.parse(printed, [one.desired]).get(one.kind.key(one.desired)) } as const,
    ]),
  )
  const { drift } = compare(step('Write and run', [written, daemon]), states)
  assert.deepEqual(
    drift.map(({ resource: { id }, changes }) => [id, changes[0]!.field]),
    [
      ['file:/etc/a.d/ours.conf', 'type'],
      ['service:a.service', 'start'],
    ],
  )
  const { resource, current, changes } = drift[1]!
  assert.match(resource.kind.apply(resource.desired, current, changes).text, /systemctl 'restart' -- 'a\.service'/)
})

test('service: a unit masked until the next boot is a difference, and unmasked', () => {
  const masked = unit
    .replace('UnitFileState=enabled', 'UnitFileState=masked-runtime')
    .replace('ActiveState=active', 'ActiveState=inactive')
  const { changes, apply } = seen(daemon, masked)
  assert.ok(changes.includes('enabled masked-runtime → enabled'))
  assert.match(apply(), /unmask --runtime/)
})

test('sshd-settings: another AllowUsers is named', () => {
  const printed =
    'port 1\npasswordauthentication no\nkbdinteractiveauthentication no\npermitrootlogin no\nauthorizedkeysfile .ssh/authorized_keys\nallowusers x\nallowusers bob\nlistening 1\nend\n'
  const { notes, changes } = seen(sshdSettings({ port: 1, users: ['x'] }), printed)
  assert.deepEqual([notes, changes], [['sshd lets in bob as well, by another AllowUsers: ssh.allow_users declares it'], []])
})

test('knowing: what one playbook declares is third-party for no other', () => {
  const a = playbook('a', [step('Write', [file({ path: '/etc/a.d/ours.conf', content: '' })])])
  const [, b] = knowing([a, playbook('b', [step('Run', [daemon])])], false)
  const { kind, desired } = b!.steps[0]!.resources[0]!
  assert.match(kind.probe([desired]).text, /ours=' \/etc\/a\.d\/ours\.conf '/)
})

test('others: what is let in from one network alone is nobody’s whole service', () => {
  const { steps } = others(referenceServer())
  const { desired } = steps[1]!.resources[0]!
  assert.ok((desired as { declared: readonly string[] }).declared.includes('25/tcp'))
  assert.ok(!(desired as { declared: readonly string[] }).declared.includes('2049/tcp'))
})

const debian = aptSources({ release: 'bookworm' })
const hetzner = [
  'source\t/etc/apt/sources.list\thttps://mirror.hetzner.com/debian/packages\tbookworm\tmain',
  'source\t/etc/apt/sources.list\thttps://mirror.hetzner.com/debian/packages\tbookworm-updates\tmain',
  'source\t/etc/apt/sources.list\thttps://mirror.hetzner.com/debian/security\tbookworm-security\tmain',
]
const of = (name: string, origin: string) => `release\t${name}_InRelease\t${origin}`
const tailscale = 'source\t/etc/apt/sources.list.d/tailscale.list\thttps://pkgs.tailscale.com/stable/debian\tbookworm\tmain'

test('apt-sources: a provider’s mirror is Debian, by its Release files and while there are none', () => {
  const lists = [
    of('mirror.hetzner.com_debian_packages_dists_bookworm', 'Debian'),
    of('mirror.hetzner.com_debian_packages_dists_bookworm-updates', 'Debian'),
    of('mirror.hetzner.com_debian_security_dists_bookworm-security', 'Debian'),
  ]
  for (const lines of [[...hetzner, ...lists], hetzner]) {
    const { notes, changes } = seen(debian, `${[...lines, 'end'].join('\n')}\n`)
    assert.deepEqual([notes, changes], [[], []])
  }
})

test('apt-sources: a mirror whose path names nobody is Debian by its Release files', () => {
  const suites = ['bookworm', 'bookworm-updates', 'bookworm-security']
  const lines = suites.flatMap((suite) => [
    `source\t/etc/apt/sources.list\thttp://mirror.example/my_os/\t${suite}\tmain`,
    of(`mirror.example_my%5fos_dists_${suite}`, 'Debian'),
  ])
  assert.deepEqual(seen(debian, `${[...lines, 'end'].join('\n')}\n`).changes, [])
})

test('apt-sources: a third-party source at a path that ends in debian is not Debian, as its Release file says', () => {
  const { notes, changes } = seen(
    debian,
    `${[...hetzner, tailscale, of('mirror.hetzner.com_debian_packages_dists_bookworm', 'Debian'), of('mirror.hetzner.com_debian_packages_dists_bookworm-updates', 'Debian'), of('mirror.hetzner.com_debian_security_dists_bookworm-security', 'Debian'), of('pkgs.tailscale.com_stable_debian_dists_bookworm', 'Tailscale'), 'end'].join('\n')}\n`,
  )
  assert.deepEqual(changes, [])
  assert.deepEqual(notes, [
    'of somebody else: https://pkgs.tailscale.com/stable/debian bookworm (/etc/apt/sources.list.d/tailscale.list)',
  ])
})
