import assert from 'node:assert/strict'
import { peerDomain } from '../../../src/rehearsal/internet/service.ts'
import { until } from '../../../src/rehearsal/local.ts'
import { type Sh, sh } from '../../../src/sh.ts'
import type { Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

type Family = 'v4' | 'v6'
const mail = [25, 465, 587, 993]

/** Where the second mail server is, and how it sees the host. */
const between = ({ rehearsal, host }: Installed, family: Family) => ({
  from: rehearsal.addresses.roles.peer[family],
  to: family === 'v4' ? host.address : host.address6,
})

/** Says words to a port, a line at a time, after the answer to the line before. */
const talk = (
  { from, to }: { from: string; to: string },
  port: number,
  words: readonly string[],
): Sh => sh`timeout 20 perl -MIO::Socket::IP -e '
my ($from, $to, $port, @words) = @ARGV;
my $s = IO::Socket::IP->new(PeerHost => $to, PeerPort => $port, LocalHost => $from, Timeout => 5) or die "$@\n";
for (@words) { my $line; do { $line = <$s> // exit } while $line =~ /^\d+-/; print $s "$_\r\n" }
1 while <$s>' ${from} ${to} ${port} ${words}`

/** What each jail is for, as somebody does it: once. */
const attacks: Readonly<Record<string, (it: Installed, family: Family) => Sh>> = {
  sshd: (it, family) => {
    const { from, to } = between(it, family)
    return sh`[ -e /tmp/wrong ] || ssh-keygen -q -t ed25519 -N '' -f /tmp/wrong
timeout 5 ssh -b ${from} -p 55148 -i /tmp/wrong -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes ${`root@${to}`} true`
  },
  'maddy-auth': (it, family) => {
    const { from, to } = between(it, family)
    const at = family === 'v4' ? to : `[${to}]`
    return sh`curl -sk --max-time 10 --interface ${from} ${`imaps://${at}/`} -u xoyi@xoyize.xyz:wrong
curl -sk --max-time 10 --interface ${from} ${`smtps://${at}/`} -u nobody@xoyize.xyz:wrong --mail-from xoyi@xoyize.xyz --mail-rcpt xoyi@xoyize.xyz -T /dev/null`
  },
  'maddy-dictionary-attack': (it, family) =>
    talk(between(it, family), 25, [
      `EHLO ${peerDomain}`,
      `MAIL FROM:<guess@${peerDomain}>`,
      ...Array.from({ length: 6 }, (_, i) => `RCPT TO:<guess${i}@xoyize.xyz>`),
      'QUIT',
    ]),
  'caddy-basic-auth': (it, family) => {
    const { from, to } = between(it, family)
    const at = family === 'v4' ? to : `[${to}]`
    return sh`curl -sk -o /dev/null --max-time 10 --interface ${from} --resolve ${`xoyize.xyz:443:${at}`} -u xouser:wrong https://xoyize.xyz/`
  },
}

/** The ports of these at which the peer is refused. */
async function refused(it: Installed, family: Family, ports: readonly number[]): Promise<readonly number[]> {
  const { from, to } = between(it, family)
  const out = await it.rehearsal.internet.must(sh`for port in ${ports}; do
  perl -MIO::Socket::IP -MErrno=ECONNREFUSED -e 'IO::Socket::IP->new(PeerHost => $ARGV[1], PeerPort => $ARGV[2], LocalHost => $ARGV[0], Timeout => 5) or print $ARGV[2], $! == ECONNREFUSED ? "" : " $!", "\n"' ${from} ${to} "$port"
done`)
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
}

/** Attacks until the peer is refused at these ports. A fail2ban that has just begun reads what is new, so it may take a try more. */
async function attack(it: Installed, jail: string, family: Family, ports: readonly number[]): Promise<void> {
  const evidence = async () => (await it.host.run(sh`fail2ban-client status ${jail}; tail -n 5 /var/log/fail2ban.log`)).stdout
  await until({ where: jail, what: `its ban over ${family}`, limit: 20_000, evidence }, async () => {
    await it.rehearsal.internet.run(attacks[jail]!(it, family))
    return (await refused(it, family, ports)).length === ports.length ? true : undefined
  })
}

/** Who fails to log in too often is kept out for days: with real failures of real clients, seen from where they come from. */
export function banTests(server: Server): void {
  on(server, 'fail2ban: what is forgotten is older than what is counted, and that is longer than the bans', async ({ host }) => {
    const get = async (...words: readonly string[]) =>
      Number(/\d+/.exec(await host.must(sh`fail2ban-client get ${words} | tail -n 1`))?.[0])
    const [hour, day] = [3600, 86_400]
    assert.deepEqual(
      [await get('maddy-auth', 'bantime'), await get('maddy-dictionary-attack', 'bantime')],
      [96 * hour, 72 * hour],
    )
    for (const jail of ['maddy-auth', 'maddy-dictionary-attack'])
      assert.deepEqual([await get(jail, 'maxretry'), await get(jail, 'findtime')], [3, 6 * hour])
    const [kept, counted] = [await get('dbpurgeage'), await get('recidive', 'findtime')]
    assert.ok(kept > counted && counted > 96 * hour && kept > (await get('recidive', 'bantime')), `${kept} ${counted}`)
    assert.equal(counted, 30 * day)
    assert.match(await host.must(sh`fail2ban-client get recidive logpath`), /\/var\/log\/fail2ban\.log/)
    assert.match(await host.must(sh`fail2ban-client get sshd journalmatch`), /sshd/)
    assert.deepEqual((await host.must(sh`fail2ban-client get sshd ignoreip`)).match(/(?<=- ).*$/gm), ['127.0.0.0/8', '::1'])
  })

  const jails = [
    ['sshd', [55148], 5],
    ['maddy-auth', mail, 3],
    ['maddy-dictionary-attack', mail, 3],
    ['caddy-basic-auth', [80, 443], 5],
  ] as const
  for (const [jail, ports, times] of jails)
    on(
      server,
      `fail2ban: ${jail} matches the lines of real failures, and refuses ${ports.join(', ')} over v4 and v6`,
      async (it) => {
        for (const family of ['v6', 'v4'] as const) {
          await it.host.must(sh`fail2ban-client set recidive addignoreip ${between(it, family).from}`)
          await attack(it, jail, family, ports)
          const { from } = between(it, family)
          const found = await it.host.must(
            sh`fail2ban-regex "systemd-journal[journalflags=1]" ${jail === 'sshd' ? 'sshd[mode=keys]' : jail}`,
          )
          // Of sshd's filter it counts a line of several that belong together as ignored: the hits of the expression tell.
          const count = jail === 'sshd' ? /\[(\d+)\] .* not listed in AllowUsers/ : /(\d+) matched/
          assert.ok(Number(count.exec(found)?.[1]) >= times, found)
          await it.host.must(sh`fail2ban-client set ${jail} unbanip ${from}`)
          assert.deepEqual(await refused(it, family, ports), [])
        }
      },
    )

  on(
    server,
    'fail2ban: who was banned three times is refused on all ports, which recidive reads in fail2ban’s own log',
    async (it) => {
      const all = [25, 80, 443, 465, 587, 993, 55148]
      const { from } = between(it, 'v4')
      await it.host.must(sh`fail2ban-client set recidive delignoreip ${from}
for jail in maddy-auth sshd maddy-dictionary-attack; do fail2ban-client set "$jail" banip ${from}; fail2ban-client set "$jail" unbanip ${from}; done`)
      const evidence = async () => (await it.host.run(sh`tail -n 20 /var/log/fail2ban.log`)).stdout
      await until({ where: 'recidive', what: 'its ban', limit: 15_000, evidence }, async () =>
        (await refused(it, 'v4', all)).length === all.length ? true : undefined,
      )
      const found = await it.host.must(sh`fail2ban-regex /var/log/fail2ban.log recidive`)
      assert.ok(Number(/(\d+) matched/.exec(found)?.[1]) >= 3, found)
    },
  )

  on(server, 'fail2ban: bans outlive a restart and a reload of the firewall', async (it) => {
    await it.host.must(sh`systemctl restart fail2ban; ufw reload`)
    await until({ where: 'fail2ban', what: 'its bans of before', limit: 15_000 }, async () =>
      (await refused(it, 'v4', mail)).length === mail.length ? true : undefined,
    )
    await it.host.must(sh`fail2ban-client unban --all`)
    assert.deepEqual(await refused(it, 'v4', mail), [])
  })

  on(server, 'fail2ban: a run lets in the address that it comes from, and no jail file says so', async (it) => {
    const { v4 } = it.rehearsal.addresses.operator
    await it.host.must(sh`fail2ban-client set maddy-auth banip ${v4} ${between(it, 'v4').from}`)
    assert.deepEqual(await it.correct(), ['ban:operator'])
    assert.equal(await it.host.must(sh`fail2ban-client get maddy-auth banip`), `${between(it, 'v4').from}\n`)
    assert.equal((await it.host.run(sh`grep -rF ${v4} /etc`)).stdout, '')
    await it.host.must(sh`fail2ban-client unban --all`)
    await it.settled()
  })
}
