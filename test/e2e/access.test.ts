import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { $ } from 'zx'
import { bare } from '../../src/rehearsal/image/images.ts'
import { until } from '../../src/rehearsal/local.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { type Sh, sh } from '../../src/sh.ts'
import {
  assertSame,
  begin,
  command,
  edit,
  isSettled,
  type Operator,
  operatorOf,
  playbooksOf,
  provision,
  type Run,
  ready,
  stage,
  told,
  untilOn,
} from '../support/harness.ts'

let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-access')
})

after(() => rehearsal?.stop())

const someone = async (name: string): Promise<Operator> => operatorOf(rehearsal, await rehearsal.addHost(name, ready(bare)))

/** Every file of a host with its times, apart from what a login or the passing of time writes. Whoever writes anywhere is seen. */
async function times(host: Operator['host']): Promise<readonly string[]> {
  const seen = await host.must(sh`
find / -xdev \( -path /var/log -o -path /var/lib/systemd/timers -o -path /var/lib/systemd/timesync -o -path /var/lib/fail2ban -o -path /tmp -o -path /run \) -prune -o -printf '%p %s %T@ %C@\n' | sort
ls -A /run/provision 2>/dev/null || :`)
  return seen.split('\n')
}

/** The operator's own files. */
const own = ({ home }: Operator): readonly string[] =>
  readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${join(parentPath, name)} ${readFileSync(join(parentPath, name), 'base64')}`)
    .toSorted()

describe('who may run, and when', { concurrency: true }, () => {
  test('without a terminal it needs --yes or --check, and says so before it connects', async () => {
    const operator = await someone('nobody')
    let connections = 0
    const listener = createServer((socket) => {
      connections++
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    try {
      const { port } = listener.address() as AddressInfo
      const run = await provision(operator, ['--address', `127.0.0.1:${port}`])
      assert.equal(run.code, 1, told(run))
      assert.equal(run.error, 'provision: there is no terminal to ask on')
      assert.equal(connections, 0)
    } finally {
      listener.close()
    }
  })

  test('two runs at once: the second is told who holds the host, and a check goes on', async () => {
    const operator = await someone('two')
    const flags = ['--yes', '--only', 'base/configure-apt']
    const first = await slowly(operator, flags)
    const second = await provision(operator, flags)
    assert.equal(second.code, 1, told(second))
    assert.match(second.error, /: another run is at work there: \S+@\S+ since \d{4}-\d\d-\d\dT\S+Z$/)
    const check = await provision(operator, ['--text', '--check', '--only', 'base/configure-apt'])
    assert.equal(check.code, 2, told(check))
    assert.match(check.stdout, /^another run is going on: \S+@\S+ since /m)
    await operator.host.must(sh`touch /root/go`)
    const ended = await first.ended
    assert.equal(ended.code, 0, told(ended))
    assert.ok(isSettled(await provision(operator, flags)))
  })

  test('Ctrl-C lets the current correction finish and says what is left; the next run finishes', async () => {
    const operator = await someone('stop')
    const flags = ['--yes', '--only', 'base/configure-apt,access']
    const run = await slowly(operator, flags)
    run.kill('SIGINT')
    await says(run, /stopping after the current correction/)
    await operator.host.must(sh`touch /root/go`)
    const ended = await run.ended
    assert.equal(ended.code, 130, told(ended))
    assert.match(
      ended.error,
      /^the run: was stopped; left to do: access\/install-sudo access\/make-the-admin-user .*access\/harden-sshd /,
    )
    assert.equal(await operator.host.must(sh`cat /etc/slow; ls /etc/sudoers.d`), 'slow\nREADME\n')
    const next = await provision(operator, flags)
    assert.equal(next.code, 0, told(next))
    assert.ok(isSettled(await provision(operator, flags)))
  })

  test('Ctrl-C twice ends it at once, and SIGTERM as well; the host finishes what it has begun', async () => {
    const operator = await someone('twice')
    const flags = ['--yes', '--only', 'base/configure-apt']
    const run = await slowly(operator, flags)
    run.kill('SIGTERM')
    await says(run, /stopping after the current correction/)
    run.kill('SIGINT')
    assert.equal((await run.ended).code, 130)
    await operator.host.must(sh`touch /root/go`)
    await untilOn(operator.host, 'the end of the correction', 10_000, sh`[ "$(cat /etc/slow)" = slow ]`)
    const next = await provision(operator, flags)
    assert.equal(next.code, 0, told(next))
  })
})

/** A run that is in the middle of a correction, until /root/go is there. */
async function slowly(operator: Operator, flags: readonly string[]): Promise<Run> {
  playbooksOf(operator, 'slow')
  const run = begin(operator, flags)
  await untilOn(operator.host, 'the correction', 30_000, sh`[ -e /run/slow ]`)
  return run
}

const says = (run: Run, what: RegExp) =>
  until({ where: 'the run', what: String(what), limit: 30_000, evidence: run.said }, () =>
    what.test(run.said()) ? true : undefined,
  )

describe('the first login, and the second', () => {
  const only = ['--yes', '--only', 'access,firewall,fail2ban']
  let operator: Operator
  before(async () => {
    operator = await someone('first')
  })

  /** Logins that fail, from where the operator is: with a key that the host does not know. */
  const strangers = async (times: number, port: number): Promise<void> => {
    const { home, host } = operator
    const key = join(home, 'unknown')
    if (!existsSync(key)) await $`ssh-keygen -q -t ed25519 -N '' -f ${key}`
    const options = ['IdentitiesOnly=yes', 'BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null']
    const flags = ['-F', 'none', '-p', String(port), '-i', key, ...options.flatMap((one) => ['-o', one])]
    for (let n = 0; n < times; n++) await $({ nothrow: true, quiet: true })`ssh ${flags} root@${host.address} true`
  }
  const judged = (what: string) =>
    untilOn(operator.host, what, 30_000, sh`grep -Eq '\[sshd\] (Ban|Ignore) ' /var/log/fail2ban.log`)

  test('five looks at a fresh host, whose root refuses the key and takes the password, are no failed logins', async () => {
    for (let n = 0; n < 5; n++) assert.equal((await provision(operator, ['--check', '--only', 'access'])).code, 2)
    const found = await operator.host.must(sh`fail2ban-regex systemd-journal ${'sshd[mode=extra]'}`)
    assert.match(found, /^Lines: .* 0 matched/m)
  })

  test('an operator who was refused before the install is not banned by the fail2ban that it installs, nor after its restart', async () => {
    const { host } = operator
    await strangers(6, 22)
    const run = await provision(operator, only)
    assert.equal(run.code, 0, told(run))
    await judged('what came before')
    const second = await provision(operator, only)
    assert.ok(isSettled(second), told(second))

    const jails = (await host.must(sh`fail2ban-client status`)).match(/(?<=Jail list:\s+)\S.*/)![0].split(', ')
    assert.ok(jails.length >= 5, String(jails))
    for (const jail of jails)
      assert.match(await host.must(sh`fail2ban-client get ${jail} ignorecommand`), /provision-let-in xouser <ip>/, jail)
    await host.must(sh`systemctl restart fail2ban.service; : > /var/log/fail2ban.log`)
    await untilOn(host, 'fail2ban runs again', 30_000, sh`fail2ban-client status sshd`)
    await strangers(6, 55148)
    await judged('what came after the restart')
    assert.equal(await host.must(sh`fail2ban-client get sshd banip`), '\n')
    assert.ok(isSettled(await provision(operator, only)))
  })

  test('a banned address is called that, with until when, and the way in', async () => {
    await operator.host.must(sh`fail2ban-client set sshd banip ${rehearsal.addresses.operator.v4}`)
    const banned = await provision(operator, ['--text', '--check'])
    assert.equal(banned.code, 1, told(banned))
    assert.match(banned.stderr, /with a key: connection refused/)
    assert.match(banned.stderr, /probably banned by fail2ban there: for 1h after 5 failed logins within 10m/)
    assert.match(banned.stderr, /On the provider's console as root: fail2ban-client unban --all/)
  })
})

describe('what a provider delivers', { concurrency: true }, () => {
  const only = ['--only', 'access']

  test('an image whose root names another user: that one is used, also where it is the admin', async () => {
    const operator = await someone('cloud')
    const { home, host } = operator
    const key = readFileSync(join(home, '.ssh/id_ed25519.pub'), 'utf8').trim()
    const away = `command="echo 'Please login as the user \\"debian\\" rather than the user \\"root\\".';echo;sleep 10;exit 142" ${key}`
    await host.must(sh`useradd -m -s /bin/bash debian
install -d -m 700 /root/.ssh
install -d -m 700 -o debian -g debian /home/debian/.ssh
printf '%s\n' ${away} > /root/.ssh/authorized_keys
printf '%s\n' ${key} > /home/debian/.ssh/authorized_keys
printf 'debian ALL=(ALL) NOPASSWD:ALL\n' > /etc/sudoers.d/90-cloud-init-users`)
    const password = { PROVISION_ROOT_PASSWORD: undefined }
    const look = await provision(operator, ['--text', '--check', ...only], password)
    assert.equal(look.code, 2, told(look))
    assert.match(look.stderr, /lets root run nothing: logged in as debian with the key SHA256:\S+ \S+ instead/)
    edit(operator, (document) => document.setIn(['admin', 'user'], 'debian'))
    const run = await provision(operator, ['--yes', ...only], password)
    assert.equal(run.code, 0, told(run))
    assert.ok(isSettled(await provision(operator, ['--yes', ...only], password)))
  })

  test('root is closed, and the admin is there on 22 with the operator’s key', async () => {
    const operator = await someone('closed')
    const { home, host } = operator
    const key = readFileSync(join(home, '.ssh/id_ed25519.pub'), 'utf8').trim()
    await host.must(sh`useradd -m -s /bin/bash xouser
install -d -m 700 -o xouser -g xouser /home/xouser/.ssh
printf '%s\n' ${key} > /home/xouser/.ssh/authorized_keys
printf 'xouser ALL=(ALL) NOPASSWD:ALL\n' > /etc/sudoers.d/xouser
printf 'PermitRootLogin no\n' > /etc/ssh/sshd_config.d/10-root.conf
systemctl reload ssh.service`)
    const look = await provision(operator, ['--check', ...only], { PROVISION_ROOT_PASSWORD: undefined })
    assert.equal(look.code, 2, told(look))
  })

  test('a mailed root password that has expired is changed to the one of the secrets, and a look changes nothing', async () => {
    const operator = await someone('expired')
    const { host } = operator
    await host.must(sh`chage -d 0 root`)
    const shadow = await host.must(sh`getent shadow root`)
    const look = await provision(operator, ['--text', '--check', ...only])
    assert.equal(look.code, 1, told(look))
    assert.match(look.stderr, /the password of root@\S+:22 must be changed before anything runs there/)
    assert.match(look.stderr, /a run that corrects sets the one of the secrets; or ssh -p 22 root@/)
    assert.equal(await host.must(sh`getent shadow root`), shadow)

    // Killed after the password has changed: the next run comes back with the mailed one.
    const first = begin(operator, ['--text', '--yes', ...only])
    await says(first, /changed the password of root@\S+:22, which had expired: it is now root\/password of the secrets/)
    first.kill('SIGKILL')
    await first.ended
    const run = await provision(operator, ['--yes', ...only])
    assert.equal(run.code, 0, told(run))
    const value = (await command(operator, ['secrets', 'show', 'root/password'])).stdout.trim()
    assert.notEqual(value, '')
    const proof = sh`perl -e 'my ($word, $hash) = @ARGV; exit(crypt($word, $hash) ne $hash)' ${value} "$(getent shadow root | cut -d: -f2)"`
    await host.must(proof)
    assert.ok(isSettled(await provision(operator, ['--yes', ...only])))
  })
})

describe('a host without an IPv4 address', () => {
  test('is reached, installed and settled over IPv6, its records have no A, and what that means is reported', async () => {
    const operator = await someone('six')
    const { host } = operator
    edit(operator, (document) => document.delete('address'))
    await host.must(sh`for link in /sys/class/net/*; do
  name=$(basename "$link")
  [ "$name" = lo ] || ip -4 address flush dev "$name"
done`)
    assert.equal(await host.must(sh`ip -4 -o address show scope global`), '')
    const only = ['--yes', '--only', 'access,firewall,fail2ban']
    const run = await provision(operator, only)
    assert.equal(run.code, 0, told(run))
    const second = await provision(operator, only)
    assert.ok(isSettled(second), told(second))
    const note = second.events.find(({ event, id }) => event === 'note' && id === `ipv6:${host.address6}`)
    assert.equal(note?.why, 'this host has no IPv4 address: who has no IPv6 cannot send mail to it, nor see its sites')
    const records = (await command(operator, ['dns', 'records', '--offline'])).stdout
    assert.match(records, new RegExp(`^mx1\\.xoyize\\.xyz\\.\\s+\\d+\\s+IN\\s+AAAA\\s+${host.address6}$`, 'm'))
    assert.doesNotMatch(records, /^mx1\.xoyize\.xyz\.\s+\d+\s+IN\s+A\s/m)
  })
})

describe('which host it is', { concurrency: true }, () => {
  const look = ['--check', '--only', 'access']

  test('a host that shows another key than before is refused with both fingerprints, and is offered nothing', async () => {
    const operator = await someone('keys')
    const { host, inventory } = operator
    const known = join(inventory, 'known_hosts')
    const [, right = ''] = await host.hostKeys()
    assert.equal((await provision(operator, look)).code, 2)
    const before = readFileSync(known, 'utf8')

    await host.must(
      sh`rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh.service; journalctl --rotate -q; journalctl --vacuum-time=1s -q`,
    )
    const shown = (await host.must(sh`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2`)).trim()
    const changed = await provision(operator, [...look.slice(1), '--yes'])
    assert.equal(changed.code, 1, told(changed))
    assert.match(changed.error, /: its host key has changed: it shows ssh-ed25519 SHA256:/)
    for (const print of [shown, right]) assert.ok(changed.error.includes(`ssh-ed25519 ${print}`), changed.error)
    assert.doesNotMatch(await host.must(sh`journalctl -u ssh.service -o cat`), /Failed|Accepted|Postponed/)
    assert.equal(readFileSync(known, 'utf8'), before)

    const wrong = await provision(operator, [...look, '--host-key', right])
    assert.equal(wrong.code, 1, told(wrong))
    assert.ok(wrong.error.includes(`its host key is not ${right}: it shows `) && wrong.error.includes(shown), wrong.error)
    const given = await provision(operator, [...look, '--host-key', shown])
    assert.equal(given.code, 2, told(given))
    assert.equal(readFileSync(known, 'utf8'), before, 'for this run only')

    writeFileSync(known, '')
    const unknown = await provision(operator, look)
    assert.equal(unknown.code, 1, told(unknown))
    assert.match(unknown.error, /the host key ssh-ed25519 SHA256:\S+ of \S+ is not known$/)
    assert.equal(readFileSync(known, 'utf8'), '')
  })

  const small = sh`sed 's/^MemTotal: .*/MemTotal: 250000 kB/' /proc/meminfo > /root/fake; mount --bind /root/fake /proc/meminfo`
  const unfit: readonly (readonly [what: string, make: Sh, words: RegExp, undo: Sh])[] = [
    [
      'another release of Debian',
      sh`sed 's/12/13/g; s/bookworm/trixie/g' /etc/os-release > /root/fake; mount --bind /root/fake /usr/lib/os-release`,
      /: this is Debian GNU\/Linux 13 \(trixie\), not Debian 12$/,
      sh`umount /usr/lib/os-release`,
    ],
    ['little memory', small, /: it has 250000 kB of memory, \d+ are needed$/, sh`umount /proc/meminfo`],
    [
      'a full disk',
      sh`mount -t tmpfs -o size=100m small /var`,
      /: \d+ kB are free below \/var, \d+ are needed$/,
      sh`umount -l /var`,
    ],
    [
      'an /etc that cannot be written',
      sh`mount --bind /etc /etc; mount -o remount,bind,ro /etc`,
      /: \/etc cannot be written there$/,
      sh`umount -l /etc`,
    ],
  ]
  test('a host that is not fit is refused before the first change', async () => {
    const operator = await someone('unfit')
    const { host } = operator
    await host.must(sh`: > /root/fake`)
    const before = await times(host)
    for (const [what, make, words, undo] of unfit) {
      await host.must(make)
      const run = await provision(operator, ['--yes'])
      assert.equal(run.code, 1, told(run))
      assert.match(run.error, words, what)
      await host.must(undo)
    }
    assertSame(withoutFake(await times(host)), withoutFake(before))
  })
  const withoutFake = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('/root/fake '))

  test('--check writes nothing, here nor there: of a host as it was delivered, and of one that differs', async () => {
    const operator = await someone('check')
    const { host } = operator
    const check = async (...flags: readonly string[]) => {
      const [theirs, ours] = [await times(host), own(operator)]
      const run = await provision(operator, ['--check', ...flags])
      assertSame(await times(host), theirs)
      assertSame(own(operator), ours)
      return run
    }
    const delivered = await check('--diff')
    assert.equal(delivered.code, 2, told(delivered))

    const only = ['--only', 'access,firewall,fail2ban']
    const run = await provision(operator, ['--yes', ...only])
    assert.equal(run.code, 0, told(run))
    assert.equal((await check(...only)).code, 0)
    await host.must(sh`echo '# by hand' >> /etc/sudoers.d/xouser; chmod 600 /etc/fail2ban/jail.d/provision.local`)
    const drifted = await check(...only)
    assert.equal(drifted.code, 2, told(drifted))
    assert.deepEqual(
      drifted.events.filter(({ event }) => event === 'change').map(({ id }) => id),
      ['file:/etc/sudoers.d/xouser', 'file:/etc/fail2ban/jail.d/provision.local', 'service:fail2ban.service'],
    )
  })

  test('--check of what cannot be read is no drift and no silence', async () => {
    const operator = await someone('blind')
    await operator.host.must(sh`echo Nonsense > /etc/ssh/sshd_config.d/broken.conf`)
    const run = await provision(operator, look)
    assert.equal(run.code, 1, told(run))
    assert.match(run.events.find(({ event }) => event === 'unknown')!.why!, /Nonsense|broken.conf/)
  })
})
