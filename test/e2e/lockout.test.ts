import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { arm } from '../../src/engine/arm.ts'
import type { Image } from '../../src/rehearsal/image/image.ts'
import { bare, oneSession, sshSocket, ufwOn } from '../../src/rehearsal/image/images.ts'
import { until } from '../../src/rehearsal/local.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { sh } from '../../src/sh.ts'
import {
  assertSame,
  begin,
  edit,
  fingerprint,
  isSettled,
  type Operator,
  type Outcome,
  operatorOf,
  playbooksOf,
  provision,
  ready,
  stage,
  told,
  untilOn,
} from '../support/harness.ts'

const only = ['--yes', '--only', 'access,firewall']
let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-lockout')
})

after(() => rehearsal?.stop())

/** A host as it was delivered, with somebody who runs our playbooks on it, or broken ones. */
async function delivered(name: string, image: Image, sabotage: string): Promise<Operator> {
  const operator = await operatorOf(rehearsal, await rehearsal.addHost(name, ready(image)))
  playbooksOf(operator, sabotage)
  return operator
}

/** The ports that somebody listens on for SSH, systemd's included. */
const sshPorts = async ({ host }: Operator): Promise<string> =>
  (
    await host.must(sh`ss -Hltnp | sed -n '/"sshd"\|"systemd"/s/^\S* *\S* *\S* *\S*:\([0-9]*\) .*/\1/p' | sort -u | tr '\n' ' '`)
  ).trim()

/** The undo is over: sshd is where it was, nothing is armed, and the password that came by mail lets root in. */
async function asDelivered(operator: Operator): Promise<void> {
  assert.equal(await sshPorts(operator), '22')
  const { host } = operator
  assert.equal(await host.must(sh`ls -d /var/lib/provision/undo /etc/systemd/system/provision-undo.* 2>/dev/null || :`), '')
  const look = await provision(operator, ['--check', '--only', 'access'])
  assert.equal(look.code, 2, told(look))
}

/** A run with our own playbooks ends well: sshd on its port alone, 22 closed, and a second run has nothing to do, in one exec. */
async function endsWell(operator: Operator): Promise<Outcome> {
  playbooksOf(operator)
  const run = await provision(operator, only)
  assert.equal(run.code, 0, told(run))
  assert.equal(await sshPorts(operator), '55148')
  assert.match(await operator.host.must(sh`ufw status`), /^Status: active[\s\S]*^55148\/tcp +ALLOW/m)
  const second = await provision(operator, only)
  assert.ok(isSettled(second), told(second))
  return run
}

/** sshd has moved, nobody has confirmed it. */
async function moved(operator: Operator): Promise<void> {
  await untilOn(operator.host, 'the move of sshd', 60_000, sh`ss -Hltn | grep -q ':55149 '`)
  assert.ok(existsSync(join(operator.host.root, 'var/lib/provision/undo/undo.sh')))
}

const isBack = (operator: Operator, limit: number) =>
  untilOn(
    operator.host,
    'the undo',
    limit,
    sh`ss -Hltn | grep -q ':22 ' && [ ! -e /var/lib/provision/undo ] && [ ! -e /etc/systemd/system/provision-undo.timer ]`,
  )

// Each on a host of its own, all at once: most of the time is spent waiting for the host to undo.
describe('locked out', { concurrency: true }, () => {
  test('a firewall that is on and was not told of the new port; on a host that has one', async () => {
    const operator = await delivered('ufw', ufwOn, 'closedPort')
    const run = await provision(operator, only)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /^Harden sshd: no new login as xouser@\S+:55148 within 60 s: .*; the host has undone the step$/)
    const history = (await operator.host.must(sh`cat /var/lib/provision/log`)).trim().split('\n')
    assert.match(history.at(-1)!, /\t\t\{"step":"access\/harden-sshd","id":"undo",.*"to":"undone: no new login confirmed it"/)
    await asDelivered(operator)
    await endsWell(operator)
  })

  test('an undo that takes longer than systemd lets a service start ends well, and leaves no failed unit', async () => {
    const host = await rehearsal.addHost('slow', ready(bare))
    await host.must(sh`mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStartSec=2s\n' >/etc/systemd/system.conf.d/short.conf
systemctl daemon-reexec
echo old >/etc/guarded
session=
${arm({ save: ['/etc/guarded'], undo: sh`sleep 4`, login: 'current port' }, 'test/slow', '0123456789abcdef')}
echo new >/etc/guarded
systemctl start provision-undo.service`)
    assert.equal(
      await host.must(sh`cat /etc/guarded; ls -d /var/lib/provision/undo* /etc/systemd/system/provision-undo.* 2>/dev/null || :`),
      'old\n',
    )
    assert.equal(await host.must(sh`systemctl list-units --all --no-legend 'provision-undo*'`), '')
  })

  test('an sshd that does not start; on a host where systemd listens for it', async () => {
    const operator = await delivered('socket', sshSocket, 'brokenSshd')
    const run = await provision(operator, only)
    assert.equal(run.code, 1, told(run))
    assert.match(
      run.error,
      /^Harden sshd: correcting service:ssh.service failed [\s\S]*Nonsense[\s\S]*; the host has undone the step$/,
    )
    await asDelivered(operator)
    assert.match(await operator.host.must(sh`systemctl is-active ssh.socket`), /^active/)
    await endsWell(operator)
  })

  test('by a key that is not the operator’s; on a host that allows one session a connection', async () => {
    const operator = await delivered('sessions', oneSession, 'strangersKey')
    const run = await provision(operator, only)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /^Let the admin log in with a key: the key SHA256:.* was refused.*; the host has undone the step$/)
    assert.ok(!existsSync(join(operator.host.root, 'home/xouser/.ssh/authorized_keys')))
    await asDelivered(operator)
    await endsWell(operator)
  })

  test('no declared key is on this machine: the run stops before its first change', async () => {
    const operator = await delivered('nokey', bare, 'none')
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4xYdVUnIgxTkfrBd0ieltw6Ry8ppu7yUBoNjL6n7eR of a colleague'
    edit(operator, (document) => document.setIn(['admin', 'keys'], [key]))
    const before = await fingerprint(operator.host)
    const run = await provision(operator, ['--yes', '--only', 'base/configure-apt,access,firewall'])
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /: none of the keys in admin.keys is on this machine/)
    assertSame(await fingerprint(operator.host), before)
  })

  test('a change that was undone is nobody’s edit, and is made by the next run', async () => {
    const operator = await delivered('change', bare, 'none')
    await endsWell(operator)
    edit(operator, (document) => document.setIn(['ssh', 'port'], 55149))
    playbooksOf(operator, 'brokenSshd')
    const there = [...only, '--address', `${operator.host.address}:55148`]
    const run = await provision(operator, there)
    assert.match(run.error, /^Harden sshd: .*Nonsense[\s\S]*; the host has undone the step$/s, told(run))
    assert.equal(await sshPorts(operator), '55148')
    playbooksOf(operator)
    const next = await provision(operator, there)
    assert.equal(next.code, 0, told(next))
    assert.equal(await sshPorts(operator), '55149')
    assert.ok(isSettled(await provision(operator, only)))
  })

  for (const [name, sabotage] of [
    ['lets nothing of it in', 'deafHost'],
    ['lets nothing cross it', 'cutLink'],
  ] as const)
    test(`a right change that cuts its own link is confirmed over a new one: ${name}`, async () => {
      const operator = await delivered(sabotage.toLowerCase(), bare, 'none')
      await endsWell(operator)
      playbooksOf(operator, sabotage)
      const flags = ['--yes', '--only', 'cut']
      const run = await provision(operator, flags)
      assert.equal(run.code, 0, told(run))
      assert.equal(await operator.host.must(sh`cat /etc/cut /etc/one; ls /run/cut`), 'cut\none\n/run/cut\n')
      assert.ok(isSettled(await provision(operator, flags)))
    })

  test('a firewall that forgets SSH', async () => {
    const operator = await delivered('rules', bare, 'forgottenPort')
    const run = await provision(operator, only)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /^Let in what is declared: no new login as .* within 60 s: .*; the host has undone the step$/)
    assert.equal(await sshPorts(operator), '55148', 'what was confirmed before stays')
    assert.match(await operator.host.must(sh`ufw status`), /inactive/)
    await endsWell(operator)
  })

  test('the operator is gone between acting and confirming', async () => {
    const operator = await delivered('gone', bare, 'otherPort')
    const run = begin(operator, only)
    await moved(operator)
    run.kill('SIGKILL')
    assert.equal((await run.ended).code, null)
    await isBack(operator, 95_000)
    await asDelivered(operator)
    await endsWell(operator)
  })

  test('the host is switched off between acting and confirming', async () => {
    const operator = await delivered('reboot', bare, 'otherPort')
    const run = begin(operator, only)
    await moved(operator)
    await operator.host.kill()
    await operator.host.start()
    const ended = await run.ended
    assert.equal(ended.code, 1, told(ended))
    assert.match(ended.error, /the host undoes the step by itself within 90 seconds$/)
    await isBack(operator, 15_000)
    await asDelivered(operator)
    await endsWell(operator)
  })

  test('a run that finds an undo which a dead run left armed has it done at once, and goes on', async () => {
    const operator = await delivered('armed', bare, 'none')
    const run = begin(operator, only)
    // As soon as the file is there, before sshd has read it and anybody has confirmed it.
    const written = () => (existsSync(join(operator.host.root, 'etc/ssh/sshd_config.d/00-provision.conf')) ? true : undefined)
    await until({ where: operator.host.name, what: 'the new sshd_config', limit: 60_000 }, written)
    run.kill('SIGKILL')
    await run.ended
    // What the dead run had begun goes on: while sshd restarts, nobody listens.
    await untilOn(operator.host, 'sshd', 95_000, sh`systemctl -q is-active ssh.service && ss -Hltnp | grep -q '"sshd"'`)
    await endsWell(operator)
    assert.equal(
      await operator.host.must(sh`ls -d /var/lib/provision/undo /etc/systemd/system/provision-undo.* 2>/dev/null || :`),
      '',
    )
  })
})
