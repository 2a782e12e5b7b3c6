import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { bare } from '../../src/rehearsal/image/images.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import { until } from '../../src/rehearsal/local.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { startRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import {
  assertSame,
  begin,
  fingerprint,
  isSettled,
  type Operator,
  type Outcome,
  operatorOf,
  ours,
  playbooksOf,
  provision,
  type Run,
  ready,
  stage,
  told,
  untilOn,
} from '../support/harness.ts'

/** Where a run dies: before its n-th command on the host, or while that runs. */
interface Death {
  readonly when: 'before' | 'during'
  readonly n: number
}

const only = ['--yes', '--only', 'access,firewall,fail2ban']
const all = process.env.PROVISION_TEST_ALL === '1'
/** The sample is another one tomorrow, and the same one for who looks for today's failure. */
const day = Math.floor(Date.now() / 86_400_000)
let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-crash')
})

after(() => rehearsal?.stop())

const dying = (operator: Operator, flags: readonly string[], { when, n }: Death): Promise<Outcome> =>
  provision(operator, flags, {
    NODE_OPTIONS: `--import=${new URL('../support/die.ts', import.meta.url).href}`,
    PROVISION_TEST_DIE: `${when} ${n}`,
  })

/** The next run ends well, and the one after it has nothing to do. */
async function finishes(operator: Operator, flags: readonly string[]): Promise<Outcome> {
  const run = await provision(operator, flags)
  assert.equal(run.code, 0, told(run))
  const second = await provision(operator, flags)
  assert.ok(isSettled(second), told(second))
  return run
}

/** A host as it was delivered, and as an undisturbed run leaves it. */
async function undisturbed(name: string): Promise<{ operator: Operator; execs: number; result: readonly string[] }> {
  const host = await rehearsal.addHost(name, ready(bare))
  const operator = await operatorOf(rehearsal, host)
  await host.snapshot('delivered')
  const run = await finishes(operator, only)
  return { operator, execs: run.events.at(-1)!.execs!, result: await fingerprint(host) }
}

/** Every death of a run with so many commands; or of them as many as wanted, evenly spread, others every day. */
function deaths(execs: number, wanted: number): readonly Death[] {
  const every = Array.from({ length: execs }, (_, i) =>
    (['before', 'during'] as const).map((when) => ({ when, n: i + 1 })),
  ).flat()
  if (all) return every
  const apart = every.length / wanted
  return Array.from({ length: wanted }, (_, i) => every[Math.floor(i * apart + ((day * 7) % apart))]!)
}

describe('a run that is killed anywhere is finished by the next one, with the same result', { concurrency: true }, () => {
  for (const half of [0, 1])
    test(`half ${half + 1} of the places, day ${day}`, async (t) => {
      const { operator, execs, result } = await undisturbed(`places${half}`)
      const places = deaths(execs, 12).filter((_, i) => i % 2 === half)
      t.diagnostic(`${places.map(({ when, n }) => `${when} ${n}`).join(', ')} of ${execs}`)
      for (const death of places)
        await t.test(`killed ${death.when} its command ${death.n}`, async () => {
          await operator.host.restore('delivered')
          const killed = await dying(operator, only, death)
          assert.equal(killed.code, null, told(killed))
          await finishes(operator, only)
          assertSame(await fingerprint(operator.host), result)
        })
    })
})

/** A few packages: apt is at work for some seconds. */
const packages = ['--yes', '--only', 'base/configure-apt,base/install-the-tools']

/** A host without these packages; what an undisturbed install of them leaves is in `result`. */
async function withoutPackages(name: string): Promise<{ operator: Operator; result: readonly string[] }> {
  const host = await rehearsal.addHost(name, bare)
  const operator = await operatorOf(rehearsal, host, { change: (document) => document.set('packages', ['jq']) })
  await host.snapshot('delivered')
  await finishes(operator, packages)
  const result = await fingerprint(host)
  await host.restore('delivered')
  return { operator, result }
}

/** A run that has come so far that dpkg has unpacked one of the packages, and configured none. */
async function inDpkg(operator: Operator): Promise<Run> {
  const run = begin(operator, packages)
  const unpacked = () => (existsSync(join(operator.host.root, 'var/lib/dpkg/info/jq.list')) ? true : undefined)
  await until({ where: operator.host.name, what: 'the work of dpkg', limit: 120_000, evidence: run.said }, unpacked)
  return run
}

describe('a correction that is cut off in the middle', { concurrency: true }, () => {
  test('the operator is gone while apt works: the next run waits for it', async () => {
    const { operator, result } = await withoutPackages('apt')
    const run = await inDpkg(operator)
    run.kill('SIGKILL')
    await run.ended
    assert.equal(await operator.host.must(sh`pgrep -x dpkg >/dev/null && echo at work`), 'at work\n')
    const next = await finishes(operator, packages)
    assert.match(next.stderr, /^waiting for the correction of a run that was lost: \S+@\S+ since \S+$/m)
    assertSame(await fingerprint(operator.host), result)
  })

  test('the host is switched off while dpkg works', async () => {
    const { operator, result } = await withoutPackages('dpkg')
    const run = await inDpkg(operator)
    await operator.host.kill()
    run.kill('SIGKILL')
    await operator.host.start()
    assert.notEqual(await operator.host.must(sh`dpkg --audit`), '', 'dpkg was interrupted')
    await finishes(operator, packages)
    assertSame(await fingerprint(operator.host), result)
  })

  test('a file that was being written, by an operator who is gone or on a host that is switched off', async () => {
    const operator = await operatorOf(rehearsal, await rehearsal.addHost('file', ready(bare)))
    const { host } = operator
    playbooksOf(operator, 'slow')
    const flags = ['--yes', '--only', 'base/configure-apt']
    const writing = async () => {
      const run = begin(operator, flags)
      await untilOn(host, 'the correction', 30_000, sh`[ -e /run/slow ]`)
      run.kill('SIGKILL')
      await run.ended
    }

    await writing()
    await host.kill()
    await host.start()
    assert.ok(existsSync(join(host.root, 'etc/.slow.provision')), 'half a file is left, under another name')
    assert.ok(!existsSync(join(host.root, 'etc/slow')))

    await writing()
    const next = begin(operator, flags)
    await until({ where: 'the next run', what: 'its waiting', limit: 30_000, evidence: next.said }, () =>
      next.said().includes('waiting for the correction of a run that was lost') ? true : undefined,
    )
    await host.must(sh`touch /root/go`)
    const ended = await next.ended
    assert.equal(ended.code, 0, told(ended))
    assert.equal(await host.must(sh`cd /etc; cat slow; ls -A | grep slow; ls /run/provision`), 'slow\nslow\nlock\nwork\n')
    assert.ok(isSettled(await provision(operator, flags)))
  })
})

test('an install that is killed again and again comes to its end, with the same result', {
  skip: all ? false : 'takes an hour: npm run test:all',
}, async (t) => {
  const { server } = await loadInventory(fileURLToPath(new URL('../../inventory', import.meta.url)), 'xoyize.xyz')
  const whole = await startRehearsal({ name: await ours('e2e-whole'), mxname: server.mail.hostname, zones: zonesOf(server) })
  t.after(() => whole.stop())
  const operator = await operatorOf(whole, whole.host)
  await whole.host.snapshot('delivered')
  await finishes(operator, ['--yes'])
  const result = await fingerprint(whole.host)
  // The tenth comes after the confirmation of a guarded step: who dies sooner each time has it undone each time.
  for (const n of [10, 11, 13, 17])
    await t.test(`each time during its command ${n}`, async () => {
      await whole.host.restore('delivered')
      let runs = 0
      while ((await dying(operator, ['--yes'], { when: 'during', n })).code === null) assert.ok(++runs < 200, 'it goes on')
      await finishes(operator, ['--yes'])
      assertSame(await fingerprint(whole.host), result)
    })
})
