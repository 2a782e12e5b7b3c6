import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { $ } from 'zx'
import { bare, oneSession, sshSocket, ufwOn } from '../../src/rehearsal/image/images.ts'
import { removeTree } from '../../src/rehearsal/image/overlay.ts'
import { until } from '../../src/rehearsal/local.ts'
import type { Machine } from '../../src/rehearsal/machine/machine.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { findRehearsal, listRehearsals, startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'

const local = $({ quiet: true, nothrow: true })
const names = ['e2e-one', 'e2e-two'] as const
const leftovers = [...names, 'e2e-dead']
const domain = 'reh.example.org'
const mxname = `mx1.${domain}`
let one: Rehearsal
let two: Rehearsal
let scratch: string

const begin = (name: string): Promise<Rehearsal> =>
  startRehearsal({
    name,
    mxname,
    zones: ({ host }) => [{ name: domain, text: `@ MX 10 mx1\nmx1 A ${host.v4}\nmx1 AAAA ${host.v6}\n` }],
  })

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'rehearsal-test-'))
  await Promise.all(leftovers.map(stopRehearsal))
  ;[one, two] = (await Promise.all(names.map(begin))) as [Rehearsal, Rehearsal]
})

after(async () => {
  await Promise.all(leftovers.map(stopRehearsal))
  rmSync(scratch, { recursive: true, force: true })
})

/** A login by password with the stock client; `command` as the host prints it. */
async function login({ address, rootPassword }: Pick<Machine, 'address' | 'rootPassword'>, command: string): Promise<string> {
  const askpass = join(scratch, 'askpass')
  writeFileSync(askpass, '#!/bin/sh\nprintf "%s\\n" "$REHEARSAL_PASSWORD"\n', { mode: 0o700 })
  const env = { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', REHEARSAL_PASSWORD: rootPassword }
  const options = [
    '-F',
    '/dev/null',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'PubkeyAuthentication=no',
  ]
  const { stdout, stderr, exitCode } = await local({ env, timeout: '20s' })`ssh ${options} root@${address} ${command} </dev/null`
  assert.equal(exitCode, 0, stderr)
  return stdout.trim()
}

const dig = async (rehearsal: Rehearsal, ...question: readonly string[]): Promise<string> =>
  (await rehearsal.internet.must(sh`dig +short +time=2 +tries=1 ${`@${rehearsal.dnsServer}`} ${question}`)).trim()

test('rehearsal: the host lets root in by the password that came by mail, as a provider delivers it', async () => {
  assert.equal(await login(one.host, 'id -un; cat /etc/debian_version | cut -d. -f1'), 'root\n12')
  const seen = await one.host.must(sh`
cat /etc/ssh/sshd_config.d/50-cloud-init.conf
command -v exim4
command -v sudo || echo no sudo
command -v locale-gen || echo no locales`)
  assert.match(seen, /PasswordAuthentication yes\n\S*exim4\nno sudo\nno locales\n/)
})

test('rehearsal: apt is locked during the first seconds of the first boot', async () => {
  const free = async () =>
    (await one.host.run(sh`systemctl is-active -q first-boot-upgrade.service`)).code === 0 ? undefined : true
  const denied = await one.host.run(sh`systemctl is-active -q first-boot-upgrade.service || exit 0; apt-get install -y hello`)
  assert.ok(denied.code === 0 || /Could not get lock/.test(denied.stderr), denied.stderr)
  assert.ok(existsSync(join(one.host.root, 'var/lib/first-boot-upgrade')), 'it ran')
  await until({ where: 'host', what: 'the end of the first upgrade', limit: 15_000 }, free)
  assert.equal((await one.host.must(sh`systemctl is-failed first-boot-upgrade.service || true`)).trim(), 'inactive')
})

test('rehearsal: the host asks its DNS for the domains of the inventory, both ways', async () => {
  const { host, roles } = one.addresses
  assert.match(await one.host.must(sh`getent ahosts ${mxname}`), new RegExp(host.v4.replaceAll('.', '[.]')))
  assert.match(await one.host.must(sh`getent hosts ${roles.peer.v4}`), /mx[.]peer[.]example/)
  assert.equal(await dig(one, domain, 'MX'), `10 ${mxname}.`)
  assert.deepEqual([await dig(one, '-x', host.v4), await dig(one, '-x', host.v6)], [`${mxname}.`, `${mxname}.`])
  assert.equal(await dig(one, 'peer.example', 'MX'), '10 mx.peer.example.')
})

test('rehearsal: a record is published with the TSIG key, and refused without it', async () => {
  const update = `server ${one.dnsServer}\nzone ${domain}\nupdate add _acme-challenge.mx1.${domain}. 60 TXT "hello"\nsend\n`
  const key = `${one.tsig.algorithm}:${one.tsig.name}:${one.tsig.secret}`
  const refused = await one.internet.run(sh`printf %s ${update} | nsupdate`)
  assert.match(refused.stderr, /REFUSED/)
  await one.internet.must(sh`printf %s ${update} | nsupdate -y ${key}`)
  assert.equal(await dig(one, `_acme-challenge.mx1.${domain}`, 'TXT'), '"hello"')
})

test('rehearsal: the ACME server answers over TLS to whoever trusts the bundle', async () => {
  const bundle = readFileSync(one.caBundle, 'utf8')
  assert.equal(bundle.match(/BEGIN CERTIFICATE/g)?.length, 2)
  const directory = new URL(one.acmeDirectory)
  const answer = await new Promise<string>((resolve, reject) => {
    const host = one.addresses.roles.acme.v4
    const options = { host, port: directory.port, path: directory.pathname, servername: directory.hostname, ca: bundle }
    request(options, (response) => {
      response.setEncoding('utf8')
      response.on('data', resolve)
    })
      .on('error', reject)
      .end()
  })
  assert.match(answer, /"newOrder"/)
})

test('rehearsal: the host installs packages through the cache, and reaches nothing else', async () => {
  const proxy = `Acquire::http::Proxy "${one.aptProxy}";`
  await one.host.must(sh`
printf '%s\n' ${proxy} > /etc/apt/apt.conf.d/99proxy
apt-get -q update
apt-get -q install -y hello
hello`)
  const { stdout } = await one.host.run(sh`
reach() { timeout 2 perl -MIO::Socket::IP -e 'IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => 2) or die "$@\n"; print "reached $ARGV[0]\n"' "$1" "$2" 2>&1; }
reach 1.1.1.1 80
reach 2606:4700:4700::1111 80
reach ${one.addresses.operator.v4} 22
reach ${one.addresses.operator.v6} 22
reach ${two.addresses.host.v4} 22
reach ${one.addresses.roles.peer.v4} 25`)
  assert.equal(stdout.match(/^reached .*$/gm)?.join(), `reached ${one.addresses.roles.peer.v4}`, stdout)
})

test('rehearsal: what is not a package of the mirror is refused by the cache', async () => {
  const { stdout } = await one.internet.run(sh`curl -sS -o /dev/null -w '%{http_code}' -x ${one.aptProxy} http://example.org/`)
  assert.equal(stdout, '403')
})

test('rehearsal: the second mail server takes mail for its domain, and finds the MX of others by DNS', async () => {
  await one.host.must(sh`
perl -MIO::Socket::IP -e '
  my $s = IO::Socket::IP->new(PeerHost => "mx.peer.example", PeerPort => 25) or die;
  for my $say ("EHLO host.example", "MAIL FROM:<a\@host.example>", "RCPT TO:<anybody\@peer.example>", "DATA", "Subject: hello\r\n\r\nfrom the host\r\n.", "QUIT") {
    my $line; do { $line = <$s> } while $line =~ /^\d+-/; die $line unless $line =~ /^[23]/; print $s "$say\r\n";
  }'`)
  const arrived = async () => (await one.internet.run(sh`grep -rl 'from the host' /var/mail/peer/inbox/new`)).stdout || undefined
  await until({ where: 'peer', what: 'the mail', limit: 10_000 }, arrived)
  await one.internet.must(sh`printf 'Subject: hi\n\nhi\n' | sendmail -f me@peer.example ${`info@${domain}`}`)
  const tried = async () =>
    (await one.internet.run(sh`grep ${`relay=${mxname}\\|connect to ${mxname}`} /var/log/mail.log`)).stdout || undefined
  await until(
    {
      where: 'peer',
      what: 'a try to deliver',
      limit: 10_000,
      evidence: async () => (await one.internet.run(sh`cat /var/log/mail.log`)).stdout,
    },
    tried,
  )
})

test('rehearsal: two at once have networks and host keys of their own', async () => {
  assert.notEqual(one.addresses.host.v4, two.addresses.host.v4)
  assert.equal(await dig(two, mxname, 'A'), two.addresses.host.v4)
  const keys = [...(await one.host.hostKeys()), ...(await two.host.hostKeys())]
  assert.equal(new Set(keys).size, 6)
  assert.deepEqual(
    names.filter((name) => listRehearsals().includes(name)),
    names,
  )
})

test('rehearsal: a disk comes back as it was kept', async () => {
  const { host } = two
  await host.must(sh`echo kept > /root/note; mkdir /root/folder; echo 1 > /root/folder/a`)
  await host.snapshot('with a note')
  await host.must(sh`rm /root/note; mv /root/folder /root/moved; touch /root/later`)
  await host.restore('with a note')
  assert.equal(await host.must(sh`cd /root; cat note; ls`), 'kept\nfolder\nnote\n')
})

test('rehearsal: a host that reboots comes back by itself, with another boot id', async () => {
  const id = () => two.host.must(sh`cat /proc/sys/kernel/random/boot_id`)
  const before = await id()
  await two.host.reboot()
  assert.notEqual(await id(), before)
  assert.equal(await login(two.host, 'cat /root/note'), 'kept')
})

test('rehearsal: it is found again by name, and boots what is down', async () => {
  await two.host.kill()
  assert.equal(two.host.running(), false)
  const again = await findRehearsal('e2e-two')
  await again!.start()
  assert.equal(await login(again!.host, 'cat /root/note'), 'kept')
})

test('rehearsal: other kinds of delivered hosts', async () => {
  const made = await Promise.all([
    two.addHost('bare', bare),
    two.addHost('ufw', ufwOn),
    two.addHost('socket', sshSocket),
    two.addHost('sessions', oneSession),
  ])
  assert.equal(new Set([two.host.address, ...made.map(({ address }) => address)]).size, 5)
  for (const machine of made) assert.equal(await login(machine, 'id -un'), 'root', machine.name)
  const [, ufw, socket] = made
  assert.match(await ufw!.must(sh`ufw status`), /Status: active[\s\S]*22\/tcp +ALLOW/)
  assert.equal(
    await socket!.must(sh`systemctl is-active ssh.socket; systemctl is-enabled ssh.service || true`),
    'active\ndisabled\n',
  )
})

/** Lines about links, mounts, processes and cgroups of this machine that hold one of these words. */
async function traces(words: readonly string[]): Promise<readonly string[]> {
  const look = local`cat /proc/self/mountinfo; ip -o addr; ip route; ip netns; ps -eo args; find /sys/fs/cgroup /run/systemd/nspawn -name 'provision*'`
  return (await look).stdout.split('\n').filter((line) => words.some((word) => line.includes(word)))
}

const networkId = (directory: string): string => JSON.parse(readFileSync(join(directory, 'network.json'), 'utf8')).id

test('rehearsal: one whose maker was killed half way is taken away', async () => {
  const directory = join(dirname(one.directory), 'e2e-dead')
  const made = import.meta.resolve('../../src/rehearsal/rehearsal.ts')
  const program = `import(${JSON.stringify(made)}).then((it) => it.startRehearsal({ name: 'e2e-dead', mxname: 'mx1.example.org', zones: () => [] }))`
  const maker = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'inherit' })
  const booting = () => (existsSync(join(directory, 'machines/host/container.pid')) ? true : undefined)
  await until({ where: 'e2e-dead', what: 'the beginning of its boot', limit: 20_000 }, booting)
  maker.kill('SIGKILL')
  const words = [directory, networkId(directory)]
  assert.ok((await traces(words)).length > 4)
  assert.equal(findRehearsal('e2e-dead'), undefined, 'it is not whole')
  await stopRehearsal('e2e-dead')
  assert.deepEqual(await traces(words), [])
})

test('rehearsal: a base whose building was killed is removed with what was mounted in it, and nothing behind those mounts', async () => {
  const [behind, unfinished] = ['behind', 'unfinished'].map((name) => join(mkdtempSync(join(tmpdir(), 'mounts-')), name)) as [
    string,
    string,
  ]
  await $`mkdir -p ${join(behind, 'kept')} ${join(unfinished, 'sys/inner')}`
  await $`mount --bind ${behind} ${join(unfinished, 'sys')} && mount -t tmpfs none ${join(unfinished, 'sys/kept')}`
  await $`mount -o remount,bind,ro ${join(unfinished, 'sys')}`
  await removeTree(unfinished)
  assert.equal(existsSync(unfinished), false)
  assert.equal(existsSync(join(behind, 'kept')), true)
})

test('rehearsal: nothing is left of it once it is stopped', async () => {
  const { directory } = one
  const words = [directory, two.directory, networkId(directory), one.addresses.host.v4.replace(/10$/, '')]
  assert.ok((await traces(words)).length > 10, 'the way it is looked for finds it while it runs')
  await Promise.all([one.stop(), two.stop()])
  assert.deepEqual(await traces(words), [])
  assert.equal(existsSync(directory), false)
})
