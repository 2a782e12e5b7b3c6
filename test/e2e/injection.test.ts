import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Document } from 'yaml'
import { bare } from '../../src/rehearsal/image/images.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { openStore } from '../../src/secrets/store.ts'
import { sh } from '../../src/sh.ts'
import {
  edit,
  isSettled,
  type Operator,
  type Outcome,
  operatorOf,
  playbooksOf,
  provision,
  ready,
  stage,
  told,
} from '../support/harness.ts'
import { attacked, attacks } from '../support/hostile.ts'

let rehearsal: Rehearsal

before(async () => {
  rehearsal = await stage('e2e-inject')
})

after(() => rehearsal?.stop())

/** Keeps values in the operator's store. */
const store = ({ inventory }: Operator, values: Readonly<Record<string, string>>): Promise<void> =>
  openStore(inventory, 'xoyize.xyz').update((had) => new Map([...had, ...Object.entries(values)]))

const oneLine = attacks.filter((one) => !one.includes('\n'))

describe('what an inventory says is never run', { concurrency: true }, () => {
  /** What costs a download or a restart of nothing is left out. */
  const only = [
    'base/keep-cloud-init-quiet',
    'base/configure-apt',
    'base/name-the-host',
    'base/install-the-message-of-the-day-and-the-key-bindings',
    'base/configure-the-journal',
    'access',
    'firewall/let-in-what-is-declared',
    'fail2ban',
  ].join(',')

  /** What of such an inventory these steps read, put into the rehearsal's own. Names stay those of Debian's packages and fonts. */
  const attack = (raw: unknown, own: string) => (document: Document) => {
    const { provider, motd, admin, firewall, sites } = raw as Record<string, Record<string, unknown>>
    document.set('provider', provider)
    document.setIn(['motd', 'lines'], motd!.lines)
    document.setIn(['admin', 'user'], admin!.user)
    document.setIn(['admin', 'keys'], [own, ...(admin!.keys as string[]).filter((key) => key !== 'operator')])
    document.set('firewall', firewall)
    document.setIn(['sites', 0, 'note'], (sites as unknown as { note: string }[])[0]!.note)
  }

  for (const seed of [1, 2, 3])
    test(`attack ${seed}`, async () => {
      const host = await rehearsal.addHost(`attacked${seed}`, ready(bare))
      const operator = await operatorOf(rehearsal, host, { as: `o'brien ${seed} $(touch pwned)` })
      const [raw] = fc.sample(attacked, { numRuns: 1, seed: seed + Math.floor(Date.now() / 86_400_000) })
      const secret = oneLine[seed]!
      await store(operator, { 'root/password': secret, 'provision/stamp-key': secret })
      const key = join(operator.home, '.ssh', 'id_ed25519.pub')
      const own = `${readFileSync(key, 'utf8').split(' ').slice(0, 2).join(' ')} ${oneLine[seed + 4]!.trim()}`
      writeFileSync(key, `${own}\n`)
      edit(operator, attack(raw, own))
      // And what was on the host before us: names that nobody declared.
      await host.must(sh`mkdir -p /etc/sudoers.d /etc/fail2ban/"'; touch pwned; '"; : > /etc/sudoers.d/'$(touch pwned)~'`)

      const run = await provision(operator, ['--yes', '--only', only])
      assert.equal(run.code, 0, `${JSON.stringify(raw)}\n${told(run)}`)
      const second = await provision(operator, ['--yes', '--only', only])
      assert.ok(isSettled(second), told(second))

      // A colleague's key is written again with the others.
      const colleague = `${own.split(' ')[0]} AAAAC3NzaC1lZDI1NTE5AAAAIJ4xYdVUnIgxTkfrBd0ieltw6Ry8ppu7yUBoNjL6n7eS ${oneLine[seed]}`
      await host.must(sh`cd /home/*/.ssh; printf '%s\n' ${colleague} >> authorized_keys; chmod 755 .`)
      const third = await provision(operator, ['--yes', '--only', only])
      assert.equal(third.code, 0, told(third))
      assert.equal((await host.must(sh`grep -cxF ${colleague.trim()} /home/*/.ssh/authorized_keys`)).trim(), '1')

      assert.equal(await host.must(sh`find / -xdev -name pwned -not -path '*/fail2ban/*' -not -path '*/sudoers.d/*'`), '')
      for (const place of ['/pwned', 'pwned', join(operator.home, 'pwned')]) assert.ok(!existsSync(place), place)
      // The password is what it says, to the letter.
      const same = 'my $row = (split /:/, `getent shadow root`)[1]; exit(crypt(<STDIN>, $row) ne $row)'
      await host.must(sh`printf %s ${secret} | perl -e ${same}`)
    })

  test('a password of two lines is refused: its second line would be a password of somebody else', async () => {
    const operator = await operatorOf(rehearsal, await rehearsal.addHost('lines', ready(bare)))
    await store(operator, { 'root/password': 'one\nxouser:two' })
    const run = await provision(operator, ['--yes', '--only', 'access'])
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, /^Replace the root password: correcting password:root failed .*: it has more than one line$/)
    assert.match(await operator.host.must(sh`getent shadow xouser`), /^xouser:!/)
  })
})

test('no secret is shown: in no argument, log, plan, difference, error or file but its own', async () => {
  const operator = await operatorOf(rehearsal, await rehearsal.addHost('secrets', ready(bare)))
  const { host, home } = operator
  playbooksOf(operator, 'indiscreet')
  const [first, second, key, canary] = ['first', 'second', 'key', 'canary'].map(
    (name) => `${name}-Zq8${Math.random().toString(36).slice(2)}`,
  )
  await store(operator, { 'root/password': first!, 'provision/stamp-key': key! })
  const hidden = [first!, second!, key!, host.rootPassword]
  const watch = watching(join(home, 'patterns'), [...hidden, canary!])
  await host.must(sh`sh -c 'sleep 0.5' ${canary!}`)

  const only = ['--only', 'access,indiscreet']
  const outcomes: Outcome[] = []
  const say = async (...flags: readonly string[]): Promise<Outcome> => {
    const run = await provision(operator, [...only, ...flags])
    outcomes.push(run)
    return run
  }
  assert.equal((await say('--check', '--diff')).code, 2)
  const run = await say('--yes', '--verbose', '--debug', '--text')
  assert.equal(run.code, 1, told(run))
  assert.match(
    lastLines(run.stderr),
    /^Tell a secret: correcting file:\/etc\/told failed with exit code 1: \(secret\)\(secret\)$/m,
  )
  await store(operator, { 'root/password': second! })
  assert.match((await say('--check', '--diff')).stderr, /^\/etc\/secret: \(secret\)$/m)
  assert.match((await say('--yes', '--verbose')).error, /^Tell a secret: .*\(secret\)$/)
  await watch.end()

  assert.deepEqual(watch.seen(), [canary], 'the watch saw what it had to, and no secret')
  for (const { stdout, stderr } of outcomes) for (const secret of hidden) assert.ok(!(stdout + stderr).includes(secret))
  // The patterns go in by stdin, and what is found is where it belongs: the file that holds it.
  const found = await host.must(sh`
printf '%s\n' ${hidden} | grep -rlF -f - / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null || :
journalctl -q --no-pager -o export | grep -caF -e ${'-Zq8'} || :`)
  assert.equal(found, '/etc/secret\n0\n')
})

const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-5).join('\n')

/** Looks all the time whether one of these stands in the arguments of any process, here and in the hosts. */
function watching(patterns: string, words: readonly string[]): { seen(): readonly string[]; end(): Promise<void> } {
  writeFileSync(patterns, `${words.join('\n')}\n`, { mode: 0o600 })
  const loop = 'while [ -e "$1" ]; do grep -aohF -f "$1" /proc/[0-9]*/cmdline 2>/dev/null; done; exit 0'
  const child: ChildProcess = spawn('sh', ['-c', loop, 'sh', patterns], { stdio: ['ignore', 'pipe', 'inherit'] })
  let seen = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    seen += text
  })
  const ended = new Promise<void>((resolve) => void child.on('close', () => resolve()))
  return {
    seen: () => [...new Set(seen.split('\n'))].filter((line) => line !== ''),
    end: () => {
      rmSync(patterns)
      return ended
    },
  }
}
