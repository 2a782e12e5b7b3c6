import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { $ } from 'zx'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { network } from '../../src/util/addresses.ts'
import { edit, isSettled, type Operator, type Outcome, operatorOf, provision, ready, stage, told } from '../support/harness.ts'
import { corrected } from '../support/install.ts'

const only = ['--only', 'access,firewall,fail2ban,others']
let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-others')
})

after(() => rehearsal?.stop())

/** The admin gets the next free number: that of the image's own user is taken. */
const someone = async (name: string): Promise<Operator> =>
  operatorOf(rehearsal, await rehearsal.addHost(name, image), { change: (document) => document.deleteIn(['admin', 'uid']) })
const image = [...ready(bare), { name: 'nftables', packages: ['nftables'] }] as const

/** Its notes, of every plan that it made. */
const notes = ({ events }: Outcome): readonly string[] =>
  events.filter(({ event }) => event === 'note').map(({ id, why }) => `${id} ${why}`)

async function endsWell(operator: Operator, ...flags: readonly string[]): Promise<readonly string[]> {
  const run = await provision(operator, ['--yes', ...only, ...flags])
  assert.equal(run.code, 0, told(run))
  return corrected(run)
}

async function settled(operator: Operator, ...flags: readonly string[]): Promise<readonly string[]> {
  const run = await provision(operator, ['--yes', ...only, ...flags])
  assert.ok(isSettled(run), told(run))
  return notes(run)
}

/** A program of somebody else that listens, as a unit of its own would start it. */
const listens = (name: string, ...how: readonly string[]): Sh => sh`
cp /usr/bin/systemd-socket-activate /usr/local/bin/${name}
systemd-run -q --unit=${name} /usr/local/bin/${name} ${how} cat
`

/**
 * What each program really puts on a host: its chains and rules as its own code makes them (Docker 27, Tailscale 1.80, libvirt 9,
 * wg-quick 1.0), the groups, files, units and ports that come with it → what has to be named.
 */
const guests: readonly (readonly [name: string, arrives: Sh, named: readonly RegExp[]])[] = [
  [
    'Docker',
    sh`iptables-restore -n <<'END'
*filter
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-P FORWARD DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
END
groupadd --system docker
useradd --create-home --groups docker deploy
${listens('docker-proxy', '-l', '8080')}`,
    [
      /^packet-filter:host chains of Docker: filter DOCKER, .*, nat DOCKER$/,
      /^packet-filter:host past ufw: nat DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT /,
      /^listening:public 8080\/tcp is listened on by docker-proxy/,
      /^other-access:host group docker: with deploy: --prune removes it$/,
    ],
  ],
  [
    'Tailscale',
    sh`for p in iptables ip6tables; do $p-restore -n <<'END'
*filter
:ts-forward - [0:0]
:ts-input - [0:0]
-I INPUT -j ts-input
-I FORWARD -j ts-forward
-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
-A ts-forward -o tailscale0 -j ACCEPT
-A ts-input -i tailscale0 -j ACCEPT
-A ts-input -p udp -m udp --dport 41641 -j ACCEPT
COMMIT
*nat
:ts-postrouting - [0:0]
-A POSTROUTING -j ts-postrouting
-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
COMMIT
END
done
printf 'net.ipv4.ip_forward = 1\n' > /etc/sysctl.d/99-tailscale.conf
${listens('tailscaled', '-d', '-l', '0.0.0.0:30641')}`,
    [
      /^packet-filter:host chains of Tailscale: filter ts-forward, filter ts-input, nat ts-postrouting$/,
      /^other-access:host third-party file \/etc\/sysctl\.d\/99-tailscale\.conf$/,
      /^listening:public 30641\/udp is listened on by tailscaled/,
    ],
  ],
  [
    'libvirt',
    sh`iptables-restore -n <<'END'
*filter
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
:LIBVIRT_INP - [0:0]
:LIBVIRT_OUT - [0:0]
-I INPUT -j LIBVIRT_INP
-I FORWARD -j LIBVIRT_FWX
-I FORWARD -j LIBVIRT_FWI
-I FORWARD -j LIBVIRT_FWO
-I OUTPUT -j LIBVIRT_OUT
-A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p tcp -m tcp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 67 -j ACCEPT
COMMIT
*nat
:LIBVIRT_PRT - [0:0]
-I POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN
-A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
COMMIT
END
ip address add 192.168.122.1/24 dev lo
${listens('dnsmasq', '-l', '192.168.122.1:53')}`,
    [/^packet-filter:host chains of libvirt: filter LIBVIRT_FWI, /, /^listening:public 53\/tcp is listened on by dnsmasq/],
  ],
  [
    'WireGuard, as wg-quick and the PostUp of every tutorial set it up',
    sh`nft -f - <<'END'
table ip wg-quick-wg0 {
	chain preraw {
		type filter hook prerouting priority raw; policy accept;
		iifname != "wg0" ip daddr 10.66.0.1 fib saddr type != local drop
	}
	chain premangle {
		type filter hook prerouting priority mangle; policy accept;
		meta l4proto udp meta mark set ct mark
	}
	chain postmangle {
		type filter hook postrouting priority mangle; policy accept;
		meta l4proto udp meta mark 51820 ct mark set meta mark
	}
}
END
iptables -A FORWARD -i wg0 -j ACCEPT
iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
iptables -I INPUT -p udp --dport 51820 -j ACCEPT`,
    [
      /^packet-filter:host third-party table ip wg-quick-wg0 of nftables$/,
      /^packet-filter:host third-party rule: filter INPUT -p udp -m udp --dport 51820 -j ACCEPT \(v4\)$/,
      /^packet-filter:host third-party rule: nat POSTROUTING -o eth0 -j MASQUERADE \(v4\)$/,
    ],
  ],
  [
    'a panel’s agent',
    sh`useradd --system --shell /bin/bash --home-dir /opt/agent --create-home agent
install -d -m 0700 -o agent /opt/agent/.ssh
ssh-keygen -q -t ed25519 -N '' -C support@panel.example -f /root/panel
install -m 0600 -o agent /root/panel.pub /opt/agent/.ssh/authorized_keys
printf 'agent ALL=(ALL) NOPASSWD: ALL\n' > /etc/sudoers.d/agent
printf '*/5 * * * * root /opt/agent/run\n' > /etc/cron.d/agent
printf '0 3 * * * /opt/agent/report\n' > /var/spool/cron/crontabs/root 2>/dev/null || { mkdir -p /var/spool/cron/crontabs; printf '0 3 * * * x\n' > /var/spool/cron/crontabs/root; }
printf '[Service]\nExecStart=/usr/local/bin/panel-agent -l 19999 cat\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/panel.service
cp /usr/bin/systemd-socket-activate /usr/local/bin/panel-agent
systemctl daemon-reload
systemctl -q enable --now panel.service`,
    [
      /^listening:public 19999\/tcp is listened on by panel-agent/,
      /^other-access:host \/etc\/sudoers\.d\/agent: third-party: --prune removes it$/,
      /^other-access:host \/opt\/agent\/\.ssh\/authorized_keys: keys of agent \(support@panel\.example\): --prune removes it$/,
      /^other-access:host third-party file \/etc\/cron\.d\/agent$/,
      /^other-access:host third-party file \/var\/spool\/cron\/crontabs\/root$/,
      /^other-access:host third-party file \/etc\/systemd\/system\/panel\.service$/,
    ],
  ],
  [
    'a provider’s image',
    sh`useradd --create-home --shell /bin/bash --groups sudo,adm debian
echo debian:hunter2hunter2 | chpasswd
install -d -m 0700 -o debian -g debian /home/debian/.ssh
ssh-keygen -q -t ed25519 -N '' -C image -f /root/image
install -m 0600 -o debian -g debian /root/image.pub /home/debian/.ssh/authorized_keys
printf '# Created by cloud-init\ndebian ALL=(ALL) NOPASSWD:ALL\n' > /etc/sudoers.d/90-cloud-init-users
mkdir -p -m 0700 /root/.ssh
cp /root/image.pub /root/.ssh/authorized_keys`,
    [
      /^other-access:host debian has a password/,
      /^other-access:host \/etc\/sudoers\.d\/90-cloud-init-users: third-party: --prune removes it$/,
      /^other-access:host \/home\/debian\/\.ssh\/authorized_keys: keys of debian \(image\): --prune removes it$/,
      /^other-access:host \/root\/\.ssh\/authorized_keys: keys of root \(image\): --prune removes it$/,
      /^other-access:host group sudo: with debian: --prune removes it$/,
    ],
  ],
  [
    'drop-ins and files among those of our daemons',
    sh`mkdir -p /etc/systemd/system/fail2ban.service.d /run/systemd/system/ssh.service.d
printf '[Service]\nUser=root\nNice=5\n' > /etc/systemd/system/fail2ban.service.d/zz.conf
printf '[Service]\nNice=1\n' > /run/systemd/system/ssh.service.d/zz.conf
printf '[sshd]\nmaxretry = 99\n' > /etc/fail2ban/jail.d/zz.local
printf 'MaxStartups 9\n' > /etc/ssh/sshd_config.d/zz-theirs.conf
systemctl daemon-reload`,
    [
      /^service:fail2ban\.service third-party file \/etc\/systemd\/system\/fail2ban\.service\.d\/zz\.conf sets Nice User: --prune removes it$/,
      /^service:ssh\.service third-party file \/run\/systemd\/system\/ssh\.service\.d\/zz\.conf sets Nice: --prune removes it$/,
      /^service:fail2ban\.service third-party file \/etc\/fail2ban\/jail\.d\/zz\.local: --prune removes it$/,
      /^service:ssh\.service third-party file \/etc\/ssh\/sshd_config\.d\/zz-theirs\.conf: --prune removes it$/,
    ],
  ],
]

describe('a host that is not only ours', { concurrency: true }, () => {
  test('guests of every kind: a run ends well, each is named, and a second run has nothing to do', async (t) => {
    const operator = await someone('guests')
    const { host } = operator
    for (const [, arrives] of guests)
      await host.must(sh`set -e
${arrives}`)
    await endsWell(operator)
    const seen = await settled(operator)
    for (const [name, , named] of guests)
      await t.test(`named: ${name}`, () => {
        for (const one of named)
          assert.ok(
            seen.some((note) => one.test(note)),
            `${one}\n${seen.join('\n')}`,
          )
      })
    const rules = await host.must(sh`iptables-save`)
    for (const one of [/-A DOCKER ! -i docker0 .* -j DNAT/, /-A INPUT -j ts-input/]) assert.match(rules, one)

    await t.test('the image’s user is not let in any more', async () => {
      const key = join(rehearsal.directory, 'image')
      await $`install -m 0600 ${join(host.root, 'root/image')} ${key}`
      const options = [
        '-p',
        '55148',
        '-i',
        key,
        '-o',
        'StrictHostKeyChecking=no',
        '-o',
        'UserKnownHostsFile=/dev/null',
        '-o',
        'BatchMode=yes',
      ]
      const login = await $({ nothrow: true })`ssh ${options} debian@${host.address} id`
      assert.match(login.stderr, /Permission denied/)
    })

    await t.test('--prune removes what gives rights or changes our daemons, after a copy; the rest stays, named', async () => {
      await endsWell(operator, '--prune')
      const left = await settled(operator)
      assert.deepEqual(
        left.filter((note) => note.includes('--prune')),
        [],
      )
      assert.ok(left.some((note) => note.includes('chains of Docker')))
      for (const path of [
        '/etc/sudoers.d/90-cloud-init-users',
        '/home/debian/.ssh/authorized_keys',
        '/etc/systemd/system/fail2ban.service.d/zz.conf',
      ])
        assert.equal(
          await host.must(sh`ls ${path} 2>/dev/null || ls ${`/var/lib/provision/kept${path}`}`),
          `/var/lib/provision/kept${path}\n`,
        )
      assert.match(
        await host.must(sh`id debian; cat /etc/cron.d/agent; id -nG xouser`),
        /^uid=\d+\(debian\)[\s\S]*opt\/agent\/run[\s\S]*sudo/,
      )
    })
  })

  test('what undoes the inventory fails its own step alone, names it, and is good once it is gone', async () => {
    const operator = await someone('undoing')
    const { host } = operator
    await endsWell(operator)
    await host.must(sh`iptables -I INPUT -j ACCEPT; iptables -t nat -A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 8443
echo '# by hand' >> /etc/fail2ban/filter.d/maddy-auth.conf; systemctl disable -q ufw.service`)
    const run = await provision(operator, ['--yes', ...only, '--overwrite'])
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /^See what else filters packets: .*filter INPUT -j ACCEPT \(v4\) lets everything in: remove it/)
    assert.match(run.error, /nat PREROUTING .*takes 443\/tcp away from our services/)
    assert.match(
      await host.must(sh`systemctl is-enabled ufw.service; tail -n 1 /etc/fail2ban/filter.d/maddy-auth.conf`),
      /^enabled\n(?!# by hand)/,
    )
    await host.must(sh`iptables -D INPUT -j ACCEPT; iptables -t nat -F PREROUTING`)
    await settled(operator)
  })

  test('one foreign rule that lets a port in stops nothing; nftables.service that would flush ufw’s rules is named', async () => {
    const operator = await someone('rule')
    const { host } = operator
    await host.must(sh`iptables -A INPUT -p tcp --dport 3306 -j ACCEPT`)
    await endsWell(operator)
    assert.ok((await settled(operator)).some((note) => /third-party rule: filter INPUT .*--dport 3306 -j ACCEPT/.test(note)))
    // Debian's own file begins so, and its unit is off as long as nobody enables it.
    await host.must(sh`printf '#!/usr/sbin/nft -f\n\nflush ruleset\n' > /etc/nftables.conf
printf '[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=sysinit.target\n' > /etc/systemd/system/nftables.service
systemctl daemon-reload; systemctl -q enable nftables.service`)
    const run = await provision(operator, ['--yes', ...only])
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /nftables\.service throws ufw’s rules away when it starts: remove it/)
  })

  test('what ufw makes of a network is what we declare, in whatever notation', async () => {
    const operator = await someone('networks')
    const { host } = operator
    const written = fc.sample(anyNetwork, { numRuns: 400, seed: 10 })
    // ufw's own code, for thousands would take an hour by its command line.
    const printed = await host.must(sh`python3 -c 'import sys, ufw.util
for line in sys.argv[1].split(): print(ufw.util.normalize_address(line, ":" in line)[0])' ${written.map((one) => network(one)!).join(' ')}`)
    assert.deepEqual(printed.trim().split('\n').map(network), written.map(network))

    const some = [
      '198.51.100.7/32',
      '::ffff:198.51.100.8',
      '::ffff:203.0.113.0/120',
      '2001:DB8:0:0::/32',
      '2001:db8::1/128',
      '::102:304',
      '0.0.0.0/0',
      '::/0',
    ]
    edit(operator, (document) =>
      document.setIn(
        ['firewall', 'allow'],
        some.map((from, i) => ({ port: 7000 + i, from })),
      ),
    )
    await endsWell(operator)
    await settled(operator)
    const { server } = await loadInventory(operator.inventory, 'xoyize.xyz')
    const tuples = await host.must(
      sh`cat /etc/ufw/user.rules /etc/ufw/user6.rules | sed -n 's/^### tuple ### allow tcp \(70[0-9]*\) [^ ]* any \([^ ]*\) in$/\1 \2/p' | sort`,
    )
    assert.deepEqual(
      tuples
        .trim()
        .split('\n')
        .map((line) => line.replace(/\S+$/, (from) => network(from)!)),
      server.firewall.allow.map(({ port, from }) => `${port} ${from}`),
    )
  })

  test('a third-party list that fails is named, and Debian’s packages are installed all the same', async () => {
    const operator = await someone('list')
    const { host } = operator
    await host.must(sh`printf 'deb https://pkgs.expired.example/apt bookworm main\n' > /etc/apt/sources.list.d/expired.list`)
    const apt = ['--yes', '--only', 'base/configure-apt,base/install-the-tools']
    const run = await provision(operator, apt)
    assert.equal(run.code, 0, told(run))
    assert.ok(notes(await provision(operator, apt)).some((note) => /went on without it: .*pkgs\.expired\.example/.test(note)))
    assert.match(await host.must(sh`cat /etc/apt/sources.list.d/expired.list`), /expired/)
  })

  test('somebody else is let in by the inventory, and keeps their keys', async () => {
    const operator = await someone('puller')
    const { host } = operator
    await host.must(sh`useradd --create-home --shell /bin/bash puller
install -d -m 0700 -o puller -g puller /home/puller/.ssh
ssh-keygen -q -t ed25519 -N '' -C puller -f /root/puller
install -m 0600 -o puller -g puller /root/puller.pub /home/puller/.ssh/authorized_keys`)
    await endsWell(operator)
    edit(operator, (document) => document.setIn(['ssh', 'allow_users'], ['puller']))
    // sshd has to be restarted for a file that the same step writes.
    const ids = await endsWell(operator, '--prune')
    assert.deepEqual(ids, ['file:/etc/ssh/sshd_config.d/00-provision.conf', 'service:ssh.service', 'sshd-settings:effective'])
    const key = join(rehearsal.directory, 'puller')
    await $`install -m 0600 ${join(host.root, 'root/puller')} ${key}`
    const options = [
      '-p',
      '55148',
      '-i',
      key,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'BatchMode=yes',
    ]
    assert.equal((await $`ssh ${options} puller@${host.address} id -un`).stdout, 'puller\n')
    assert.match(readFileSync(join(host.root, 'home/puller/.ssh/authorized_keys'), 'utf8'), /puller$/m)
    await settled(operator)
  })
})

/** Networks as people write them: with and without a mask, upper case, long forms, IPv4 in IPv6. */
const anyNetwork = fc
  .oneof(
    fc.tuple(fc.ipV4(), fc.constantFrom('', '/32')),
    fc.tuple(fc.ipV6(), fc.constantFrom('', '/128')),
    fc.tuple(
      fc.ipV6().map((address) => address.toUpperCase()),
      fc.constantFrom('', '/128'),
    ),
    fc.tuple(
      fc.ipV4().map((address) => `::ffff:${address}`),
      fc.constantFrom('', '/128'),
    ),
    fc
      .tuple(fc.nat(255), fc.integer({ min: 8, max: 32 }))
      .map(([first, length]): [string, string] => [`${first}.0.0.0`, `/${length}`]),
    fc
      .tuple(fc.nat(0xffff), fc.integer({ min: 16, max: 128 }))
      .map(([first, length]): [string, string] => [`${first.toString(16)}::`, `/${length}`]),
  )
  .map(([address, mask]) => `${address}${mask}`)
  .filter((one) => network(one) !== undefined)
