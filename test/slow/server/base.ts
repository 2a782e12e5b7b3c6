import assert from 'node:assert/strict'
import { sh } from '../../../src/sh.ts'
import { provision, told } from '../../support/harness.ts'
import { asInstalled, type Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

/** What the host says, without its last line feed. */
const says = async ({ host }: Installed, script: ReturnType<typeof sh>) => (await host.must(script)).trimEnd()

/** What every server has, and who may log in: as the host's own programs say it. */
export function baseTests(server: Server): void {
  on(server, 'sshd says keys only, one file of keys, and its port; and that port alone is listened on', async (it) => {
    const settings = await says(it, sh`sshd -T | sort`)
    for (const line of [
      'port 55148',
      'passwordauthentication no',
      'kbdinteractiveauthentication no',
      'permitrootlogin no',
      'pubkeyauthentication yes',
      'authorizedkeysfile .ssh/authorized_keys',
      'clientaliveinterval 60',
    ])
      assert.match(settings, new RegExp(`^${line}$`, 'm'))
    assert.equal(await says(it, sh`ss -Hltnp | grep '"sshd"' | sed 's/.*:\([0-9]*\) .*:\* .*/\1/' | sort -u`), '55148')
    assert.equal(await says(it, sh`cat /etc/ssh/sshd_config.d/50-cloud-init.conf`), 'PasswordAuthentication yes')
  })

  on(server, 'nothing listens on a public address but SSH, mail, web and nebula', async (it) => {
    const ports = await says(
      it,
      sh`ss -Hltun | awk '{ print $5, $1 }' | grep -v '^127\|^\[::1\]' | sed 's/.*:\([0-9]* [a-z]*\)$/\1/' | sort -u`,
    )
    assert.deepEqual(ports.split('\n'), [
      '25 tcp',
      '4242 udp',
      '443 tcp',
      '443 udp',
      '465 tcp',
      '55148 tcp',
      '587 tcp',
      '80 tcp',
      '993 tcp',
    ])
  })

  on(server, 'the admin has sudo without a password, and visudo takes the file', async (it) => {
    assert.equal(await says(it, sh`runuser -u xouser -- sudo -n id -un; visudo -cq && echo good`), 'root\ngood')
    assert.equal(
      await says(it, sh`id -nG xouser; getent passwd xouser | cut -d: -f3,6,7`),
      'xouser adm sudo users msmtp\n1000:/home/xouser:/bin/bash',
    )
  })

  on(server, 'the root password that came by mail no longer verifies; the one of the secrets does', async (it) => {
    const verify = sh`perl -e '
      my ($hash) = map { (split /:/)[1] } grep { /^root:/ } split /\n/, do { local (@ARGV, $/) = ("/etc/shadow"); <> };
      while (my $password = <STDIN>) { chomp $password; print crypt($password, $hash) eq $hash ? "good\n" : "bad\n" }'`
    const tried = sh`printf '%s\n' ${it.rehearsal.rootPassword} ${it.secret('root/password')} | ${verify}`
    assert.equal(await says(it, tried), 'bad\ngood')
  })

  on(server, 'exim4 is gone, its configuration too', async (it) => {
    assert.equal(
      await says(it, sh`dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\n' 'exim4*' 2>/dev/null | grep -v ' un' || :`),
      '',
    )
  })

  on(server, 'no package is half installed, and apt has nothing to mend', async (it) => {
    assert.equal(await says(it, sh`dpkg --audit; apt-get -q check >/dev/null && echo good`), 'good')
  })

  on(server, 'time zone, locales, name and banner are the inventory’s', async (it) => {
    assert.equal(await says(it, sh`date +%Z; cat /etc/timezone`), `${await says(it, sh`TZ=Europe/Paris date +%Z`)}\nEurope/Paris`)
    assert.equal(await says(it, sh`locale -a`), 'C\nC.utf8\nPOSIX\nen_US.utf8\nfr_FR.utf8')
    assert.equal(await says(it, sh`cat /etc/default/locale`), 'LANG=en_US.UTF-8')
    assert.equal(
      await says(it, sh`hostname; hostname -f; getent ahostsv4 xoyize.xyz | sed -n 's/ *STREAM */ /p'`),
      'xoyize.xyz\nxoyize.xyz\n127.0.1.1 xoyize.xyz',
    )
    assert.match(await says(it, sh`cat /etc/motd`), /___/)
  })

  on(server, 'Shift+Up searches the history, for every user', async (it) => {
    for (const user of ['root', 'xouser']) {
      const keys = await says(
        it,
        sh`runuser -u ${user} -- env HOME=/ TERM=xterm bash -ic 'bind -p' 2>/dev/null | grep history-search-`,
      )
      assert.match(keys, /^"\\e\[1;2A": history-search-backward$/m, user)
      assert.match(keys, /^"\\e\[1;2B": history-search-forward$/m, user)
    }
  })

  on(server, 'the journal is persistent, and its caps are the ones in force', async (it) => {
    const caps = await says(it, sh`systemd-analyze cat-config systemd/journald.conf | grep -E '^[A-Z]' | sort`)
    assert.equal(caps, 'MaxRetentionSec=90day\nStorage=persistent\nSystemKeepFree=2G\nSystemMaxUse=1G')
    assert.match(await says(it, sh`journalctl --header | grep -m1 '^File path'`), /\/var\/log\/journal\//)
    assert.match(await says(it, sh`journalctl -q -u systemd-journald -o cat | grep 'System Journal' | tail -n 1`), /max 1\.0G/)
  })

  on(
    server,
    'after a reboot the name, sshd, the firewall and all services are as before, and a run has nothing to do',
    async (it) => {
      await it.host.reboot()
      assert.equal(await says(it, sh`hostname -f`), 'xoyize.xyz')
      // What the kernel of a container's host does not have cannot be mounted in it.
      assert.equal(await says(it, sh`systemctl list-units --failed --no-legend --plain | grep -v '\.mount ' || :`), '')
      assert.equal(
        await says(it, sh`systemctl is-active ssh ufw fail2ban maddy caddy provision-certificates.timer`),
        'active\n'.repeat(6).trim(),
      )
      await it.settled()
    },
  )

  on(server, 'cloud-init is told last by us to leave name, hosts, keys, users and passwords alone', async (it) => {
    await it.host.must(sh`
printf 'preserve_hostname: false\nmanage_etc_hosts: true\nssh_deletekeys: true\nusers: [default]\n' > /etc/cloud/cloud.cfg.d/50-theirs.cfg
DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends cloud-init </dev/null`)
    const effective = await says(
      it,
      sh`python3 -c 'from cloudinit import util; c = util.read_conf_with_confd("/etc/cloud/cloud.cfg"); print([c.get(k) for k in ("preserve_hostname", "manage_etc_hosts", "ssh_deletekeys", "users", "disable_root")]); print([m for k in ("cloud_init_modules", "cloud_config_modules", "cloud_final_modules") for m in c[k] if any(w in str(m) for w in ("host", "ssh", "user", "passw", "locale", "timezone", "package"))])'`,
    )
    assert.equal(effective, '[True, False, False, [], False]\n[]')
    const before = await says(
      it,
      sh`cat /etc/hostname /etc/hosts /etc/ssh/ssh_host_*_key.pub /etc/shadow | sha256sum; ls /etc/ssh/sshd_config.d /etc/sudoers.d`,
    )
    await it.host.must(sh`
printf 'instance-id: another\nlocal-hostname: theirs\n' > /tmp/meta-data
mkdir -p /var/lib/cloud/seed/nocloud
mv /tmp/meta-data /var/lib/cloud/seed/nocloud/meta-data
printf '#cloud-config\nhostname: theirs\npassword: theirs\nchpasswd: { expire: false }\nssh_pwauth: true\n' > /var/lib/cloud/seed/nocloud/user-data
printf 'datasource_list: [NoCloud]\n' > /etc/cloud/cloud.cfg.d/60-source.cfg
systemctl enable -q cloud-init-local cloud-init cloud-config cloud-final 2>/dev/null || :
cloud-init clean --logs
cloud-init init --local
cloud-init init
cloud-init modules --mode=config
cloud-init modules --mode=final`)
    const after = await says(
      it,
      sh`cat /etc/hostname /etc/hosts /etc/ssh/ssh_host_*_key.pub /etc/shadow | sha256sum; ls /etc/ssh/sshd_config.d /etc/sudoers.d`,
    )
    assert.equal(after, before)
    assert.match(await says(it, sh`cat /var/lib/cloud/data/instance-id`), /another/)
    await it.host.restore(asInstalled)
  })

  on(server, 'what would listen unasked is shut: resolved’s LLMNR, and rpcbind', async (it) => {
    await it.host.must(sh`export DEBIAN_FRONTEND=noninteractive
cp /etc/resolv.conf /tmp/resolv.conf
apt-get -qy install --no-install-recommends rpcbind systemd-resolved </dev/null
rm /etc/resolv.conf
cp /tmp/resolv.conf /etc/resolv.conf
printf '[Resolve]\nLLMNR=yes\n' > /etc/systemd/resolved.conf.d/provision.conf
sed -i s/LLMNR=no/LLMNR=yes/ /etc/systemd/network/*.network
systemctl -q unmask rpcbind.socket rpcbind.service
systemctl restart systemd-networkd systemd-resolved rpcbind.socket`)
    for (const open of [/:111 /, /:5355 /]) assert.match(await says(it, sh`ss -Hlntu`), open)
    const ids = await it.correct('--overwrite')
    assert.deepEqual(ids, [
      'file:/etc/systemd/resolved.conf.d/provision.conf',
      'service:systemd-resolved.service',
      'service:rpcbind.socket',
      'service:rpcbind.service',
    ])
    assert.doesNotMatch(await says(it, sh`ss -Hlntu`), /:(111|5355|5353) /)
    await it.settled()
    await it.host.restore(asInstalled)
  })

  on(server, 'in a container the clock is told to be its host’s, and is no drift', async ({ operator }) => {
    const look = await provision(operator, ['--check'])
    assert.equal(look.code, 0, told(look))
    assert.deepEqual(
      look.events.filter(({ event, id }) => event === 'note' && id === 'time-sync:clock').map(({ why }) => why),
      ['not here: a container has the clock of its host'],
    )
  })

  on(server, 'apt: sources of somebody else, and suites of other releases, are told and stay', async ({ host, operator }) => {
    await host.must(sh`printf 'deb https://packages.example/php/ bookworm main\n#deb http://x.example/debian trixie main\n' > /etc/apt/sources.list.d/theirs.list
printf 'Enabled: no\nTypes: deb\nURIs: http://y.example/debian\nSuites: stable\nComponents: main\n\nTypes: deb deb-src\nURIs: http://x.example/debian\nSuites:\n bookworm-backports\n trixie\nComponents: main\n' > /etc/apt/sources.list.d/theirs.sources`)
    const look = await provision(operator, ['--check', '--only', 'base/configure-apt'])
    assert.equal(look.code, 0, told(look))
    assert.deepEqual(
      look.events.filter(({ event }) => event === 'note').map(({ why }) => why),
      [
        'of somebody else: https://packages.example/php/ bookworm (/etc/apt/sources.list.d/theirs.list)',
        'another suite: http://x.example/debian bookworm-backports (/etc/apt/sources.list.d/theirs.sources)',
        'another suite: http://x.example/debian trixie (/etc/apt/sources.list.d/theirs.sources)',
      ],
    )
    await host.must(sh`rm /etc/apt/sources.list.d/theirs.*`)
  })

  on(server, 'apt: a host without a source of Debian is not guessed a mirror', async (it) => {
    await it.host.must(sh`mv /etc/apt/sources.list /etc/apt/sources.list.d /tmp; mkdir /etc/apt/sources.list.d`)
    assert.match(await it.fails('--only', 'base/configure-apt'), /no source of Debian on the host/)
    await it.host.must(sh`rm -r /etc/apt/sources.list.d; mv /tmp/sources.list /tmp/sources.list.d /etc/apt`)
    await it.settled()
  })
}
