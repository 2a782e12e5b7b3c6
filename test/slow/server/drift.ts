import assert from 'node:assert/strict'
import { type Sh, sh } from '../../../src/sh.ts'
import { provision, told } from '../../support/harness.ts'
import { on, type Server } from './on.ts'

const mx = 'mx1.xoyize.xyz'
const caddy = 'service:caddy.service'

/** What somebody did by hand → what the next run corrects, and nothing else. */
const edits: readonly (readonly [string, Sh, readonly string[]])[] = [
  ['a line added to a file', sh`echo oops >> /etc/motd`, ['file:/etc/motd']],
  ['a file removed', sh`rm /etc/maddy/aliases`, ['file:/etc/maddy/aliases']],
  ['a file that others may read', sh`chmod 644 /etc/provision/acme.env`, ['file:/etc/provision/acme.env']],
  ['a link in place of a file', sh`ln -sf /dev/null /etc/inputrc`, ['file:/etc/inputrc']],
  ['a secret in a file', sh`sed -i 's/secret "./secret "x/' /etc/provision/nsupdate.key`, ['file:/etc/provision/nsupdate.key']],
  [
    'a site taken out of the Caddyfile: caddy reads it again',
    sh`sed -i '/^cinay.eu /,/^}/d' /etc/caddy/Caddyfile`,
    ['file:/etc/caddy/Caddyfile', caddy],
  ],
  [
    'a jail switched off, and fail2ban restarted: that the file is right again is not enough',
    sh`sed -i '/maddy-auth/,/port/s/enabled = true/enabled = false/' /etc/fail2ban/jail.d/provision.local; systemctl restart fail2ban`,
    ['file:/etc/fail2ban/jail.d/provision.local', 'service:fail2ban.service'],
  ],
  [
    'a file of somebody else in a folder that a daemon reads',
    sh`printf '[sshd]\nmaxretry = 99\n' > /etc/fail2ban/jail.d/zz.local`,
    ['service:fail2ban.service'],
  ],
  ['that file removed again', sh`rm /etc/fail2ban/jail.d/zz.local`, ['service:fail2ban.service']],
  [
    'a drop-in of somebody else for a unit',
    sh`printf '[Service]\nNice=5\n' > /etc/systemd/system/maddy.service.d/nice.conf`,
    ['service:maddy.service'],
  ],
  ['that drop-in removed again', sh`rm /etc/systemd/system/maddy.service.d/nice.conf`, ['service:maddy.service']],
  [
    'a unit made weaker',
    sh`sed -i s/ProtectSystem=strict/ProtectSystem=no/ /etc/systemd/system/caddy.service`,
    ['file:/etc/systemd/system/caddy.service', caddy],
  ],
  ['a folder that all may enter', sh`chmod 755 /var/lib/maddy`, ['directory:/var/lib/maddy']],
  ['a folder that is another’s', sh`chown caddy: /var/caddy/www/cinay.eu`, ['directory:/var/caddy/www/cinay.eu']],
  ['a tool removed', sh`DEBIAN_FRONTEND=noninteractive apt-get -qy remove jq`, ['packages:tools']],
  ['a tool purged', sh`DEBIAN_FRONTEND=noninteractive apt-get -qy purge tree`, ['packages:tools']],
  [
    'a package that dpkg has unpacked and not configured',
    sh`cd /tmp; apt-get -qy download tree; dpkg --unpack tree_*.deb; rm tree_*.deb`,
    ['packages:tools'],
  ],
  ['a service stopped', sh`systemctl stop caddy.service`, [caddy]],
  ['a service disabled', sh`systemctl disable -q fail2ban.service`, ['service:fail2ban.service']],
  [
    'a service masked',
    sh`systemctl stop fail2ban.service; mv /etc/systemd/system/multi-user.target.wants/fail2ban.service /tmp; ln -s /dev/null /etc/systemd/system/fail2ban.service; systemctl daemon-reload`,
    ['service:fail2ban.service'],
  ],
  ['a service killed', sh`systemctl kill -s KILL maddy.service; systemctl stop maddy.service`, ['service:maddy.service']],
  ['a timer disabled', sh`systemctl disable -q --now provision-certificates.timer`, ['service:provision-certificates.timer']],
  ['the socket of sshd enabled', sh`systemctl enable -q ssh.socket`, ['service:ssh.socket']],
  [
    'a sshd setting, in a drop-in that does not win',
    sh`printf 'PasswordAuthentication yes\n' > /etc/ssh/sshd_config.d/10-theirs.conf`,
    ['service:ssh.service'],
  ],
  ['that drop-in removed again', sh`rm /etc/ssh/sshd_config.d/10-theirs.conf`, ['service:ssh.service']],
  [
    'passwords allowed in our own drop-in',
    sh`sed -i 's/^PasswordAuthentication no/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/00-provision.conf; systemctl restart ssh`,
    ['file:/etc/ssh/sshd_config.d/00-provision.conf', 'service:ssh.service', 'sshd-settings:effective'],
  ],
  ['another shell', sh`usermod -s /bin/sh xouser`, ['user:xouser']],
  ['a shell for a daemon’s user', sh`usermod -s /bin/bash caddy`, ['user:caddy']],
  ['a group left', sh`gpasswd -d xouser adm`, ['user:xouser']],
  ['keys that others may read', sh`chmod 644 /home/xouser/.ssh/authorized_keys`, ['authorized-keys:xouser']],
  ['another password of root', sh`echo root:hunter2hunter2 | chpasswd`, ['password:root']],
  ['the password of root removed', sh`passwd -qd root`, ['password:root']],
  ['another name, for now', sh`hostname other`, ['hostname:xoyize.xyz']],
  ['another name, at the next boot', sh`echo other > /etc/hostname`, ['hostname:xoyize.xyz']],
  ['the public name at 127.0.0.1', sh`printf '127.0.0.1 localhost xoyize.xyz\n' > /etc/hosts`, ['file:/etc/hosts']],
  ['another time zone', sh`ln -sf /usr/share/zoneinfo/UTC /etc/localtime`, ['time-zone:system']],
  ['one more locale', sh`localedef -i de_DE -f UTF-8 de_DE.UTF-8`, ['locales:system']],
  ['another default locale', sh`echo LANG=C > /etc/default/locale`, ['locales:system']],
  [
    'the journal without a cap',
    sh`sed -i /MaxUse/d /etc/systemd/journald.conf.d/provision.conf`,
    ['file:/etc/systemd/journald.conf.d/provision.conf', 'service:systemd-journald.service'],
  ],
  ['a port let in', sh`ufw allow 8080`, ['ufw-rules:incoming']],
  [
    'a network let in',
    sh`ufw allow from 192.0.2.0/24; ufw route allow proto tcp from any to 192.0.2.9 port 80`,
    ['ufw-rules:incoming'],
  ],
  [
    'an application let in, and an address kept out',
    sh`ufw allow OpenSSH; ufw allow to 192.0.2.7 app 'WWW Full'; ufw deny from 192.0.2.7; ufw limit in on eth0 to any port 2222 proto tcp`,
    ['ufw-rules:incoming'],
  ],
  [
    'ports let in and out',
    sh`ufw allow 60000:60010/udp; ufw allow 21,24/tcp comment mine; ufw reject out 24/tcp; ufw allow log-all 5001/tcp; ufw route deny in on eth0 out on eth1`,
    ['ufw-rules:incoming'],
  ],
  ['a port closed', sh`ufw delete allow 993/tcp`, ['ufw-rules:incoming']],
  ['a port closed for IPv6', sh`printf '14\ny\n' | ufw --force delete 14`, ['ufw-rules:incoming']],
  ['everything let in', sh`ufw default allow incoming`, ['ufw-defaults:ufw']],
  ['the firewall off', sh`ufw disable`, ['ufw-defaults:ufw']],
  ['the firewall flushed', sh`iptables -P INPUT ACCEPT; iptables -F INPUT`, ['ufw-defaults:ufw']],
  [
    'IPv6 left out',
    sh`sed -i s/^IPV6=yes/IPV6=no/ /etc/default/ufw; ufw reload; ufw allow 7777`,
    ['ufw-rules:ssh', 'ufw-rules:incoming'],
  ],
  ['the rules for IPv6 flushed', sh`ip6tables -F ufw6-user-input`, ['ufw-defaults:ufw']],
  [
    'a program that is another',
    sh`cp /bin/true /usr/local/bin/maddy.x; mv /usr/local/bin/maddy.x /usr/local/bin/maddy`,
    ['artifact:maddy', 'service:maddy.service'],
  ],
  ['a file of acme.sh', sh`echo '# mine' >> /usr/local/share/acme.sh/acme.sh`, ['artifact:acme.sh']],
  ['a file added to acme.sh', sh`echo 'evil' > /usr/local/share/acme.sh/dnsapi/dns_evil.sh`, ['artifact:acme.sh']],
  ['a certificate’s key that all may read', sh`chmod 644 /var/lib/certificates/${mx}/live/privkey.pem`, [`certificate:${mx}`]],
  [
    'the key of another certificate',
    sh`openssl ecparam -genkey -name secp384r1 -noout -out /var/lib/certificates/${mx}/live/privkey.pem`,
    [`certificate:${mx}`],
  ],
  [
    'a mail account removed',
    sh`runuser -u maddy -- maddy creds remove -y ouest@ouestline.xyz; runuser -u maddy -- maddy imap-acct remove -y ouest@ouestline.xyz`,
    ['mail-account:ouest@ouestline.xyz'],
  ],
  [
    'another password of a mail account',
    sh`echo hunter2 | runuser -u maddy -- maddy creds password yack@cinay.eu`,
    ['mail-account:yack@cinay.eu'],
  ],
  ['an alias', sh`echo 'boss@cinay.eu: yack@cinay.eu' >> /etc/maddy/aliases`, ['file:/etc/maddy/aliases']],
  [
    'another password of a site',
    sh`sed -i 's/ .*/ $2a$14$0000000000000000000000000000000000000000000000000000/' /etc/caddy/auth/xoyize.xyz`,
    ['basic-auth:/etc/caddy/auth/xoyize.xyz', caddy],
  ],
  ['apt sources that move on with each release', sh`sed -i 's/bookworm/stable/' /etc/apt/sources.list`, ['apt-sources:debian']],
  [
    'apt sources in the other format, without the security updates',
    sh`uri=$(sed -n 's/^deb \([^ ]*\) bookworm main.*/\1/p' /etc/apt/sources.list)
printf 'Types: deb\nURIs: %s\nSuites: stable stable-updates\nComponents: main\n' "$uri" > /etc/apt/sources.list.d/debian.sources
: > /etc/apt/sources.list`,
    ['apt-sources:debian'],
  ],
  ['cloud-init let loose', sh`rm /etc/cloud/cloud.cfg.d/99-provision.cfg`, ['file:/etc/cloud/cloud.cfg.d/99-provision.cfg']],
]

type Edit = (typeof edits)[number]

/** Edits of different things are corrected by one run, in the order of the table: what touches the same thing comes a round later. */
function rounds(all: readonly Edit[]): readonly (readonly Edit[])[] {
  const made: Edit[][] = []
  for (const edit of all) {
    const last = made.findLastIndex((round) => round.some(([, , ids]) => ids.some((id) => edit[2].includes(id))))
    made[last + 1] = [...(made[last + 1] ?? []), edit]
  }
  return made
}

/** Hand edits of every kind: seen, named, corrected, and nothing else touched. */
export function driftTests(server: Server): void {
  for (const [i, round] of rounds(edits).entries())
    on(server, `hand edits are corrected, and nothing else (${i + 1})`, async (it, t) => {
      for (const [title, edit] of round)
        await t.test(`by hand: ${title}`, async () => {
          await it.host.must(sh`set -e
${edit}`)
        })
      const ids = await it.correct('--overwrite')
      const missed = (expected: readonly string[]) => expected.filter((id) => !ids.includes(id))
      for (const [title, , expected] of round) await t.test(`corrected: ${title}`, () => assert.deepEqual(missed(expected), []))
      const wanted = round.flatMap(([, , expected]) => expected)
      await t.test('and nothing else', () => assert.deepEqual(new Set(ids), new Set(wanted)))
      await it.settled()
    })

  on(server, 'a check names every hand edit, and writes nothing', async (it) => {
    await it.host.must(sh`echo oops >> /etc/motd; usermod -s /bin/sh xouser; systemctl stop caddy`)
    const look = await provision(it.operator, ['--check'])
    assert.equal(look.code, 2, told(look))
    const ids = look.events.filter(({ event }) => event === 'change').map(({ id }) => id)
    assert.deepEqual(ids, ['file:/etc/motd', 'user:xouser', caddy])
    assert.match(
      await it.host.must(sh`cat /etc/motd; getent passwd xouser; systemctl is-active caddy || :`),
      /oops\n.*:\/bin\/sh\ninactive\n$/,
    )
    assert.deepEqual(await it.correct('--overwrite'), ids)
  })

  on(server, 'a key that nobody declared is told, stays, and goes with --prune', async (it) => {
    const { host, operator } = it
    await host.must(
      sh`ssh-keygen -q -t ed25519 -N '' -C bob@home -f /tmp/bob; cat /tmp/bob.pub >> /home/xouser/.ssh/authorized_keys`,
    )
    const look = await provision(operator, ['--check'])
    assert.equal(look.code, 0, told(look))
    assert.match(
      look.events.find(({ event, id }) => event === 'note' && id === 'authorized-keys:xouser')?.why ?? '',
      /undeclared key .*\(bob@home\): --prune removes it/,
    )
    // The image's drop-in for sshd is third-party as well, and is removed with it.
    assert.deepEqual(await it.correct('--prune'), ['authorized-keys:xouser', 'service:ssh.service'])
    assert.equal(await host.must(sh`ls /etc/ssh/sshd_config.d`), '00-provision.conf\n')
    assert.equal(await host.must(sh`grep -c . /home/xouser/.ssh/authorized_keys`), '1\n')
  })

  on(server, 'a Port 22 in somebody else’s drop-in ends the run, which names the file', async (it) => {
    await it.host.must(sh`printf 'Port 22\n' > /etc/ssh/sshd_config.d/10-theirs.conf; systemctl restart ssh`)
    assert.match(await it.fails(), /sshd says port 22 55148 .*10-theirs\.conf/)
    await it.host.must(sh`rm /etc/ssh/sshd_config.d/10-theirs.conf`)
    await it.correct()
    await it.settled()
  })

  on(
    server,
    'who listens on a public address without being declared is named; one of our own programs fails its step',
    async (it) => {
      await it.host.must(sh`systemd-run -q --unit=stray systemd-socket-activate -l 3306 cat`)
      const look = await provision(it.operator, ['--yes'])
      assert.equal(look.code, 0, told(look))
      assert.ok(
        look.events.some(({ event, why }) => event === 'note' && /^3306\/tcp is listened on by systemd-socket/.test(why ?? '')),
      )
      await it.host.must(sh`systemctl stop stray
cp /usr/bin/systemd-socket-activate /run/unbound
systemd-run -q --unit=stray2 /run/unbound -l 5353 cat`)
      assert.match(await it.fails(), /5353\/tcp is listened on by unbound, and not declared/)
      await it.host.must(sh`systemctl stop stray2; rm /run/unbound`)
      await it.settled()
    },
  )
}
