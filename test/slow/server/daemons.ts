import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import tls from 'node:tls'
import { peerDomain } from '../../../src/rehearsal/internet/service.ts'
import { until } from '../../../src/rehearsal/local.ts'
import { proofs } from '../../../src/rehearsal/proof/prove.ts'
import { type Sh, sh } from '../../../src/sh.ts'
import type { Installed } from '../../support/install.ts'
import { on, type Server } from './on.ts'

/** What a server of mail answers to each of these lines, by its code. */
async function answers({ host }: Installed, port: number, lines: readonly string[]): Promise<readonly string[]> {
  const at = { host: host.address, port, timeout: 20_000 }
  const socket = port === 465 ? tls.connect({ ...at, rejectUnauthorized: false }) : net.connect(at)
  socket.on('timeout', () => socket.destroy(new Error(`no answer on ${port}`)))
  const left = [...lines]
  const codes: string[] = []
  for await (const line of createInterface(socket)) {
    if (line[3] === '-') continue
    codes.push(line.slice(0, 3))
    const next = left.shift()
    if (next === undefined) break
    socket.write(`${next}\r\n`)
  }
  socket.destroy()
  return codes.slice(1)
}

const login = (address: string, password: string): string =>
  `AUTH PLAIN ${Buffer.from(`\0${address}\0${password}`).toString('base64')}`

/** The page of a site as a visitor in the rehearsal gets it: status, then body. */
const page = ({ rehearsal, host }: Installed, url: string, ...flags: readonly string[]): Promise<string> => {
  const { hostname, port, protocol } = new URL(url)
  const at = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}:${host.address}`
  return rehearsal.internet.must(
    sh`curl -sk --max-time 20 -o - -w '\n%{http_code} %{redirect_url}' --resolve ${at} ${flags} ${url} | tail -n 3`,
  )
}

/** Runs with somebody's own playbooks, whose configuration the daemon would refuse: what it said. */
async function refused(it: Installed, step: string): Promise<string> {
  const file = join(dirname(it.operator.inventory), 'playbooks', 'index.ts')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `export { server } from ${JSON.stringify(import.meta.resolve('./bad.ts'))}\n`)
  try {
    return await it.fails('--only', step)
  } finally {
    rmSync(dirname(file), { recursive: true })
  }
}

const facts = (unit: string, file: string): Sh =>
  sh`systemctl show -p MainPID --value ${unit}; sha256sum ${file}; ls -A "$(dirname ${file})"`

/** What a TLS client that knows only this comes to: the protocol, or the code of the error. */
const tlsAs = ({ host }: Installed, port: number, offer: tls.ConnectionOptions): Promise<string> =>
  new Promise((resolve) => {
    const socket = tls.connect({ host: host.address, port, rejectUnauthorized: false, timeout: 20_000, ...offer })
    socket.on('secureConnect', () => {
      resolve(socket.getProtocol() ?? '')
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('timeout', () => socket.destroy(new Error('no answer')))
  })

/** Mail and web, as others meet them. */
export function daemonTests(server: Server): void {
  on(server, 'TLS is 1.2 at least, and without CBC, on every port of mail and web', async (it) => {
    const all = 'ALL:@SECLEVEL=0'
    for (const port of [465, 993, 443]) {
      assert.match(await tlsAs(it, port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: all }), /ALERT/, `${port}`)
      assert.equal(await tlsAs(it, port, { maxVersion: 'TLSv1.2', servername: 'xoyize.xyz' }), 'TLSv1.2')
      assert.equal(await tlsAs(it, port, { servername: 'xoyize.xyz' }), 'TLSv1.3')
    }
    for (const port of [465, 993])
      assert.match(await tlsAs(it, port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }), /ALERT/, `${port}`)
  })

  on(server, 'what a finished server does is proved with real clients', async (it) => {
    // The CA of the overlay is the operator's own.
    const rehearsal = { ...it.rehearsal, directory: it.operator.home }
    for (const { try: attempt } of proofs(rehearsal, it.inventory.server, it.secret)) await attempt()
  })

  on(server, 'maddy: its state is closed to others, whatever commands have run', async ({ host }) => {
    await host.must(sh`systemctl restart maddy; runuser -u maddy -- sh -c 'umask 0007; maddy creds list' > /dev/null`)
    assert.equal(await host.must(sh`stat -c '%a %U:%G' /var/lib/maddy`), '750 maddy:maddy\n')
    assert.equal(await host.must(sh`find /var/lib/maddy -perm /o=rwx ! -type l`), '')
    assert.notEqual((await host.run(sh`runuser -u xouser -- cat /var/lib/maddy/credentials.db`)).code, 0)
  })

  on(server, 'maddy: what it made when it once ran as root is its own again after a run', async (it) => {
    // The folder itself is right, as it is after half a mend: systemd looks no further.
    await it.host.must(sh`systemctl stop maddy provision-probe.timer
find /var/lib/maddy -mindepth 1 -exec chown -h root:root {} +`)
    const ids = await it.correct()
    assert.ok(ids.includes('owner:/var/lib/maddy'), ids.join(' '))
    assert.equal(await it.host.must(sh`find /var/lib/maddy ! -user maddy; systemctl is-active maddy`), 'active\n')
    // One message among many, which only the watch looks for.
    await it.host.must(sh`cd /var/lib/maddy/messages; install -m 0640 /dev/null zz; provision-watch`)
    assert.match(await it.host.must(sh`provision-watch --now`), /files below \/var\/lib\/maddy belong to others/)
    assert.deepEqual(await it.correct(), ['owner:/var/lib/maddy'])
    await it.host.must(sh`rm /var/lib/maddy/messages/zz; provision-watch`)
    await it.settled()
  })

  on(server, 'maddy: on 25 no relay, and nobody from outside with an address of ours', async (it) => {
    assert.deepEqual(await answers(it, 25, ['EHLO a', `MAIL FROM:<a@${peerDomain}>`, 'RCPT TO:<b@elsewhere.example>']), [
      '250',
      '250',
      '550',
    ])
    const own = await answers(it, 25, ['EHLO a', 'MAIL FROM:<xoyi@xoyize.xyz>', 'RCPT TO:<xoyi@xoyize.xyz>'])
    assert.ok(own.includes('501'), own.join(' '))
  })

  on(
    server,
    'maddy: an account, its tag, an alias, postmaster and abuse of every domain are taken; others are not',
    async (it) => {
      const domains = it.inventory.server.domains.map(({ name }) => name)
      const good = [
        'xoyi@xoyize.xyz',
        'xoyi+tag@xoyize.xyz',
        'achats@xoyize.xyz',
        'yannick.meunier@cinay.eu',
        ...domains.flatMap((name) => [`postmaster@${name}`, `abuse@${name}`]),
      ]
      const rcpt = (all: readonly string[]) => [
        'EHLO a',
        `MAIL FROM:<a@${peerDomain}>`,
        ...all.map((address) => `RCPT TO:<${address}>`),
      ]
      assert.deepEqual(await answers(it, 25, rcpt(good)), ['250', '250', ...good.map(() => '250')])
      for (const name of domains) assert.deepEqual(await answers(it, 25, rcpt([`nobody@${name}`])), ['250', '250', '550'], name)
    },
  )

  on(server, 'maddy: submission needs a login, and the sender to be who logged in', async (it) => {
    const password = it.secret('mail/xoyi@xoyize.xyz')
    const as = ['EHLO a', login('xoyi@xoyize.xyz', password)]
    assert.deepEqual(await answers(it, 465, ['EHLO a', 'MAIL FROM:<xoyi@xoyize.xyz>']), ['250', '502'])
    assert.deepEqual(await answers(it, 587, ['EHLO a', 'MAIL FROM:<xoyi@xoyize.xyz>']), ['250', '502'])
    // On 587 a password is not even asked for before TLS.
    assert.notEqual((await answers(it, 587, as)).at(-1), '235')
    const other = await answers(it, 465, [...as, 'MAIL FROM:<ouest@ouestline.xyz>', `RCPT TO:<b@${peerDomain}>`])
    assert.deepEqual([other.slice(0, 2), other.includes('553')], [['250', '235'], true], other.join(' '))
    assert.deepEqual(await answers(it, 465, [...as, 'MAIL FROM:<xoyi@xoyize.xyz>', `RCPT TO:<b@${peerDomain}>`, 'RSET']), [
      '250',
      '235',
      '250',
      '250',
      '250',
    ])
  })

  on(server, 'maddy: mail that leaves is signed for the domain of its sender', async (it) => {
    const subject = `signed ${Date.now().toString(36)}`
    const mail = `From: ouest@ouestline.xyz\r\nTo: friend@${peerDomain}\r\nSubject: ${subject}\r\n\r\nhello\r\n.`
    const as = ['EHLO a', login('ouest@ouestline.xyz', it.secret('mail/ouest@ouestline.xyz')), 'MAIL FROM:<ouest@ouestline.xyz>']
    const codes = await answers(it, 465, [...as, `RCPT TO:<friend@${peerDomain}>`, 'DATA', mail])
    assert.deepEqual(codes, ['250', '235', '250', '250', '354', '250'])
    const head = await until({ where: peerDomain, what: 'the mail', limit: 60_000 }, async () => {
      const { stdout } = await it.rehearsal.internet.run(sh`grep -rlF ${subject} /var/mail/peer | head -n 1 | xargs -r cat`)
      return stdout || undefined
    })
    assert.match(head, /^DKIM-Signature:[\s\S]*? d=ouestline\.xyz;/m)
  })

  for (const [step, unit, file] of [
    ['maddy/configure-maddy', 'maddy.service', '/etc/maddy/maddy.conf'],
    ['caddy/configure-caddy', 'caddy.service', '/etc/caddy/Caddyfile'],
  ] as const)
    on(server, `${unit}: a configuration that it would refuse never reaches it`, async (it) => {
      const before = await it.host.must(facts(unit, file))
      assert.match(await refused(it, step), new RegExp(`correcting file:${file} failed`))
      assert.equal(await it.host.must(facts(unit, file)), before)
      await it.settled()
    })

  on(server, 'caddy: its admin end is a socket of its own, and nobody else’s', async ({ host }) => {
    assert.equal(
      await host.must(sh`stat -c '%F %U' /run/caddy/admin.sock; stat -c '%a %U' /run/caddy`),
      'socket caddy\n750 caddy\n',
    )
    assert.equal(await host.must(sh`ss -Hltn 'sport = :2019'`), '')
    assert.notEqual(
      (await host.run(sh`runuser -u xouser -- curl -s --unix-socket /run/caddy/admin.sock http://caddy/config/`)).code,
      0,
    )
    assert.equal(await host.must(sh`stat -c '%U %a' /etc/caddy /etc/caddy/Caddyfile`), 'root 755\nroot 644\n')
    assert.equal(await host.must(sh`systemctl show -p Restart --value caddy`), 'on-failure\n')
  })

  on(server, 'caddy: no dot file but .well-known is served, and a protected site asks for its password', async (it) => {
    await it.host.must(
      sh`cd /var/caddy/www/ouestline.xyz; mkdir -p .git .well-known a/.b; for f in .env .git/config .well-known/x a/.b/c a/d; do echo content > "$f"; done`,
    )
    for (const hidden of ['.env', '.git/config', 'a/.b/c', 'a/../.env', '%2eenv'])
      assert.match(await page(it, `https://ouestline.xyz/${hidden}`, '--path-as-is'), /\n404 $/, hidden)
    for (const shown of ['.well-known/x', 'a/d'])
      assert.match(await page(it, `https://ouestline.xyz/${shown}`), /content\n\n200 $/, shown)
    assert.match(await page(it, 'https://xoyize.xyz/'), /\n401 $/)
    assert.match(await page(it, 'https://xoyize.xyz/.well-known/x'), /\n401 $/)
    const password = it.secret(it.inventory.server.sites.find(({ domain }) => domain === 'xoyize.xyz')!.basic_auth!.password.name)
    assert.match(await page(it, 'https://xoyize.xyz/', '-u', `xouser:${password}`), /\n(403|404) $/)
    assert.match(await page(it, 'http://ouestline.xyz/a/d'), /\n30[18] https:\/\/ouestline\.xyz\/a\/d$/)
  })

  on(server, 'caddy: a change of its sites cuts no download, and refuses nobody', async (it) => {
    await it.host.must(sh`head -c 12000000 /dev/zero > /var/caddy/www/ouestline.xyz/large; echo '# mine' >> /etc/caddy/Caddyfile`)
    const slow = page(it, 'https://ouestline.xyz/large', '--limit-rate', '2M', '-o', '/dev/null')
    const knocks = it.rehearsal.internet.must(
      sh`for i in $(seq 60); do curl -sk -o /dev/null --max-time 5 --resolve ${`ouestline.xyz:443:${it.host.address}`} -w '%{http_code}\n' https://ouestline.xyz/a/d || echo refused; done | sort | uniq -c`,
    )
    assert.deepEqual(await it.correct('--overwrite'), ['file:/etc/caddy/Caddyfile', 'service:caddy.service'])
    assert.match(await slow, /\n200 $/)
    assert.match(await knocks, /^\s*60 200\n$/)
  })

  on(server, 'apt: whoever holds its locks is waited for, and nothing is asked', async ({ host, correct }) => {
    await host.must(sh`DEBIAN_FRONTEND=noninteractive apt-get -qy remove jq
systemd-run -q --unit=holder perl -MFcntl -e '
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
for my $path ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock") { open(my $file, ">>", $path) or die; fcntl($file, F_SETLK, $lock) or die; push @held, $file }
sleep 4'`)
    assert.deepEqual(await correct(), ['packages:tools'])
    assert.equal(await host.must(sh`systemctl is-active holder || :`), 'inactive\n')
  })
}
