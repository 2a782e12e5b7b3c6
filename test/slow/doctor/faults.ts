import { dkimName } from '../../../src/dns/dkim.ts'
import { blocklist, internetDomain, peerDomain, peerMx } from '../../../src/rehearsal/internet/service.ts'
import { until } from '../../../src/rehearsal/local.ts'
import { type Sh, sh } from '../../../src/sh.ts'
import { reverseName } from '../../../src/util/addresses.ts'
import type { Installed } from '../../support/install.ts'
import { certified, publish, update } from './stage.ts'

/** Something that breaks, as it does in life, and how it is mended. */
export interface Fault {
  readonly title: string
  /** The one check that has to see it. */
  readonly check: string
  readonly verdict: 'error' | 'warning' | 'could not look'
  /** What it has to say. */
  readonly says: RegExp
  plant(it: Installed): Promise<unknown>
  mend(it: Installed): Promise<unknown>
}

const on =
  (script: Sh) =>
  ({ host }: Installed): Promise<string> =>
    host.must(script)

const conf = '/etc/maddy/maddy.conf'
/** A changed maddy.conf, by a person, with what that needs to be read. */
const maddy = (change: Sh) => ({
  plant: on(sh`cp -p ${conf} /root/maddy.conf.kept
${change}
if cmp -s ${conf} /root/maddy.conf.kept; then echo 'nothing was changed' >&2; exit 1; fi
systemctl restart maddy`),
  mend: on(sh`mv /root/maddy.conf.kept ${conf}; systemctl restart maddy`),
})

const live = '/var/lib/certificates/mx1.xoyize.xyz/live'
/** Another certificate in the place of ours. */
const served = (to: { from: string; to: string; key?: 'own' | 'another' }) => ({
  plant: async (it: Installed) => {
    const pem = await certified(it, to)
    await it.host.must(sh`cp -p ${live}/fullchain.pem /root/fullchain.kept
printf %s ${pem} > ${live}/fullchain.pem
${to.key === 'another' ? sh`:` : sh`systemctl restart maddy`}`)
  },
  mend: on(sh`cp -p /root/fullchain.kept ${live}/fullchain.pem; systemctl restart maddy`),
})

const zone = 'xoyize.xyz'
/** Other records in the zone; mended by publishing all of them. */
const records = (...lines: readonly string[]) => ({
  plant: (it: Installed) => update(it, [`zone ${zone}`, ...lines]),
  mend: publish,
})

const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
const reverse = (it: Installed) => reverseName(it.host.address)
const listed = ({ host }: Installed) => reverseName(host.address, `${blocklist}.${internetDomain}`)
const onList = (answer: string) => ({
  plant: (it: Installed) => update(it, [`zone ${internetDomain}`, `update add ${listed(it)}. 60 A ${answer}`]),
  mend: (it: Installed) => update(it, [`zone ${internetDomain}`, `update delete ${listed(it)}. A`]),
})

/** What is planted, one after the other. */
export const planted: readonly Fault[] = [
  {
    ...{ title: 'a stopped service', check: 'units', verdict: 'error', says: /maddy\.service: does not run: it is inactive/ },
    plant: on(sh`systemctl stop maddy`),
    mend: on(sh`systemctl start maddy`),
  },
  {
    ...{ title: 'a stopped fail2ban', check: 'units', verdict: 'error', says: /fail2ban\.service: does not run: it is inactive/ },
    plant: on(sh`systemctl stop fail2ban`),
    mend: on(sh`systemctl start fail2ban`),
  },
  {
    ...{ title: 'a failed unit', check: 'units', verdict: 'error', says: /planted\.service: has failed/ },
    plant: on(sh`systemd-run -q --wait --unit=planted false || systemctl -q is-failed planted`),
    mend: on(sh`systemctl reset-failed planted`),
  },
  {
    ...{
      title: 'a closed port',
      check: 'ports',
      verdict: 'error',
      says: /993\/tcp over IPv[46]: does not answer, although somebody listens there/,
    },
    plant: on(sh`ufw insert 1 deny 993/tcp; ufw deny 993/tcp`),
    mend: on(sh`ufw delete deny 993/tcp; ufw allow 993/tcp`),
  },
  {
    ...{
      title: 'a port that nobody declared',
      check: 'ports',
      verdict: 'error',
      says: /3306\/tcp over IPv4: answers, and is not declared/,
    },
    plant: on(sh`ufw allow 3306/tcp
systemd-run -q --unit=stray perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 3306, Listen => 5, ReuseAddr => 1) or die; while (1) { my $c = $s->accept }'
until ss -Hltn sport = :3306 | grep -q .; do sleep 0.1; done`),
    mend: on(sh`systemctl stop stray; ufw delete allow 3306/tcp`),
  },
  {
    ...{
      title: 'a wrong banner',
      check: 'greeting',
      verdict: 'error',
      says: /the banner says wrong\.example, not mx1\.xoyize\.xyz/,
    },
    ...maddy(sh`sed -i 's/^smtp tcp.*/&\n    hostname wrong.example/' ${conf}`),
  },
  {
    ...{
      title: 'a wrong PTR',
      check: 'reverse-names',
      verdict: 'error',
      says: /its PTR says vps\.provider\.example, not mx1\.xoyize\.xyz/,
    },
    plant: (it) => update(it, [`update delete ${reverse(it)}. PTR`, `update add ${reverse(it)}. 60 PTR vps.provider.example.`]),
    mend: (it) => update(it, [`update delete ${reverse(it)}. PTR`, `update add ${reverse(it)}. 60 PTR mx1.xoyize.xyz.`]),
  },
  {
    ...{ title: 'an expired certificate', check: 'certificate', verdict: 'error', says: /it ended on 20\d\d-/ },
    ...served({ from: day(-90), to: day(-1) }),
  },
  {
    ...{
      title: 'a certificate that was not renewed',
      check: 'certificate',
      verdict: 'warning',
      says: /it ends on .* in \d days, and was not renewed/,
    },
    ...served({ from: day(-80), to: day(10) }),
  },
  {
    ...{
      title: 'a certificate that is not served',
      check: 'served-certificate',
      verdict: 'error',
      says: /serves another certificate than/,
    },
    ...served({ from: day(-1), to: day(80), key: 'another' }),
  },
  {
    ...{
      title: 'a key without rights',
      check: 'certificate-key',
      verdict: 'error',
      says: /maddy may not read it \(600 root:root\)/,
    },
    plant: on(sh`chown root:root ${live}/privkey.pem; chmod 0600 ${live}/privkey.pem`),
    mend: on(sh`chown root:maddy ${live}/privkey.pem; chmod 0640 ${live}/privkey.pem`),
  },
  {
    ...{ title: 'no TLSA', check: 'tlsa', verdict: 'warning', says: /there is no TLSA record/ },
    ...records(`update delete _25._tcp.mx1.${zone}. TLSA`),
  },
  {
    ...{ title: 'TLSA of another key', check: 'tlsa', verdict: 'error', says: /shows a key that TLSA does not name/ },
    ...records(`update delete _25._tcp.mx1.${zone}. TLSA`, `update add _25._tcp.mx1.${zone}. 60 TLSA 3 1 1 ${'ab'.repeat(32)}`),
  },
  {
    ...{
      title: 'a second MX',
      check: 'dns',
      verdict: 'warning',
      says: /xoyize\.xyz MX: extra: 20 mx\.peer\.example\.: a part of what comes for it goes there/,
    },
    ...records(`update add ${zone}. 60 MX 20 ${peerMx}.`),
  },
  {
    ...{
      title: 'an MTA-STS policy that was edited',
      check: 'mta-sts',
      verdict: 'error',
      says: /serves another policy than the inventory's \(“mode: enforce” instead of “mode: testing”\)/,
    },
    plant: on(sh`sed -i 's/^mode: testing/mode: enforce/' /var/caddy/mail/xoyize.xyz/mta-sts.txt`),
    mend: on(sh`sed -i 's/^mode: enforce/mode: testing/' /var/caddy/mail/xoyize.xyz/mta-sts.txt`),
  },
  {
    ...{
      title: 'an MTA-STS policy that was not announced',
      check: 'mta-sts',
      verdict: 'warning',
      says: /still announces id old1/,
    },
    ...records(`update delete _mta-sts.${zone}. TXT`, `update add _mta-sts.${zone}. 60 TXT "v=STSv1; id=old1"`),
  },
  {
    ...{
      title: 'an open relay',
      check: 'open-relay',
      verdict: 'error',
      says: /takes mail from strangers for strangers: an open relay/,
    },
    ...maddy(sh`sed -i 's/reject 550 5.7.1 "Relaying denied"/deliver_to \&remote_queue/' ${conf}`),
  },
  {
    ...{ title: 'passwords before TLS', check: 'auth-before-tls', verdict: 'error', says: /asks for a password before TLS/ },
    ...maddy(sh`sed -i 's/^submission tls.*/&\n    insecure_auth yes/' ${conf}`),
  },
  {
    ...{ title: 'a DKIM key of somebody else', check: 'signed-mail', verdict: 'error', says: /xoyize\.xyz: DKIM fail/ },
    plant: async (it) => {
      const key = await it.rehearsal.internet.must(
        sh`openssl genrsa 2048 2>/dev/null | openssl rsa -pubout -outform DER 2>/dev/null | base64 -w0`,
      )
      const pieces = `v=DKIM1; k=rsa; p=${key.trim()}`.match(/.{1,200}/g)!.map((part) => `"${part}"`)
      await update(it, [
        `zone ${zone}`,
        `update delete ${dkimName(zone, 'default')}. TXT`,
        `update add ${dkimName(zone, 'default')}. 60 TXT ${pieces.join(' ')}`,
      ])
    },
    mend: publish,
  },
  {
    ...{
      title: 'SPF that lets nobody send',
      check: 'signed-mail',
      verdict: 'error',
      says: /SPF fail: its record does not let the IPv6 address send/,
    },
    ...records(`update delete ${zone}. TXT`, `update add ${zone}. 60 TXT "v=spf1 -all"`),
  },
  {
    ...{ title: 'no DMARC', check: 'signed-mail', verdict: 'warning', says: /there is no DMARC record/ },
    ...records(`update delete _dmarc.${zone}. TXT`),
  },
  {
    ...{
      title: 'an address on a blocklist',
      check: 'blocklists',
      verdict: 'error',
      says: /is listed \(127\.0\.0\.4\): others refuse its mail/,
    },
    ...onList('127.0.0.4'),
  },
  {
    ...{
      title: 'a blocklist that refuses us',
      check: 'blocklists',
      verdict: 'could not look',
      says: /the list refuses this resolver/,
    },
    ...onList('127.255.255.254'),
  },
  {
    ...{ title: 'a site that may not be read', check: 'sites', verdict: 'error', says: /ouestline\.xyz over IPv4: answers 403/ },
    plant: on(sh`chmod 0700 /var/caddy/www/ouestline.xyz`),
    mend: on(sh`chmod 0750 /var/caddy/www/ouestline.xyz`),
  },
  {
    ...{ title: 'port 25 outwards closed', check: 'outbound-mail', verdict: 'error', says: /maddy does not reach port 25 of it/ },
    plant: on(sh`ufw reject out 25/tcp`),
    mend: on(sh`ufw delete reject out 25/tcp`),
  },
  {
    ...{
      title: 'port 25 outwards open to everybody',
      check: 'outbound-mail',
      verdict: 'error',
      says: /everybody on the host reaches port 25 of others/,
    },
    plant: on(sh`nft delete table inet provision`),
    mend: on(sh`systemctl restart provision-outgoing.service`),
  },
  {
    ...{ title: 'a full disk', check: 'disk', verdict: 'error', says: /\/srv\/full: \d+ % full/ },
    plant: on(sh`mkdir -p /srv/full; mount -t tmpfs -o size=2m full /srv/full; head -c 2000000 /dev/zero > /srv/full/f`),
    mend: on(sh`umount /srv/full; rmdir /srv/full`),
  },
  {
    ...{ title: 'a mail that waits since yesterday', check: 'queue', verdict: 'error', says: /1 wait, the oldest for 2[45] h/ },
    // The other server says “later” to everything; a refused connection would be final to maddy.
    plant: async (it) => {
      await it.rehearsal.internet.must(sh`postconf -e smtpd_relay_restrictions=defer; postfix reload 2>/dev/null`)
      await it.host.must(sh`printf 'Subject: slow\n\nhello\n' | sendmail ${`friend@${peerDomain}`}`)
      const age = sh`find /var/lib/maddy/remote_queue -name '*.header' -exec touch -d '25 hours ago' {} + -print | grep -q .`
      const evidence = async () => (await it.host.run(sh`journalctl -u maddy -n 10 -o cat`)).stdout
      await until({ where: 'host', what: 'its queue', limit: 15_000, evidence }, async () =>
        (await it.host.run(age)).code === 0 ? true : undefined,
      )
    },
    mend: async (it) => {
      await it.host.must(sh`systemctl stop maddy; find /var/lib/maddy/remote_queue -type f -delete; systemctl start maddy`)
      await it.rehearsal.internet.must(
        sh`postconf -e 'smtpd_relay_restrictions=permit_mynetworks, reject_unauth_destination'; postfix reload 2>/dev/null`,
      )
    },
  },
  {
    ...{
      title: 'another IPv6 address, from which mail would leave',
      check: 'ipv6',
      verdict: 'warning',
      says: /mail leaves from 2001:db8:9::9 instead/,
    },
    plant: on(sh`ip -6 address add 2001:db8:9::9/64 dev eth0 nodad`),
    mend: on(sh`ip -6 address del 2001:db8:9::9/64 dev eth0`),
  },
  {
    ...{ title: 'a stopped clock service', check: 'clock', verdict: 'error', says: /service: chrony does not run/ },
    plant: on(
      sh`DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chrony >/dev/null 2>&1; systemctl stop chrony`,
    ),
    mend: on(sh`DEBIAN_FRONTEND=noninteractive apt-get purge -qq -y chrony >/dev/null 2>&1`),
  },
  {
    ...{ title: 'a jail that is off', check: 'jails', verdict: 'error', says: /maddy-auth: does not run/ },
    plant: on(sh`fail2ban-client stop maddy-auth`),
    mend: on(sh`fail2ban-client reload`),
  },
  {
    ...{
      title: 'a filter that matches nothing',
      check: 'jails',
      verdict: 'error',
      says: /maddy-dictionary-attack: runs, and matches none of the \d+ lines/,
    },
    plant: on(sh`cp -p /etc/fail2ban/filter.d/maddy-dictionary-attack.conf /root/filter.kept
sed -i 's/dictonary/dictionary/' /etc/fail2ban/filter.d/maddy-dictionary-attack.conf`),
    mend: on(sh`mv /root/filter.kept /etc/fail2ban/filter.d/maddy-dictionary-attack.conf`),
  },
  {
    ...{
      title: 'automatic updates off',
      check: 'updates',
      verdict: 'error',
      says: /unattended-upgrades: does not install anything/,
    },
    plant: on(sh`printf 'APT::Periodic::Unattended-Upgrade "0";\n' > /etc/apt/apt.conf.d/99planted`),
    mend: on(sh`rm /etc/apt/apt.conf.d/99planted`),
  },
  {
    ...{
      title: 'a kernel that waits for a reboot',
      check: 'reboot',
      verdict: 'warning',
      says: /is needed since .*, for linux-image-amd64/,
    },
    plant: on(sh`touch /run/reboot-required; echo linux-image-amd64 > /run/reboot-required.pkgs`),
    mend: on(sh`rm /run/reboot-required /run/reboot-required.pkgs`),
  },
]
