import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { messages } from '../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../src/sh.ts'
import { provision, told } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'
import { planted } from './doctor/faults.ts'
import { elsewhere, faults, look, publish } from './doctor/stage.ts'

let it: Installed
let scratch: string
const table: (readonly string[])[] = []

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'doctor-test-'))
  it = await install('e2e-doctor')
  await publish(it)
  await elsewhere(it)
})

after(async () => {
  rmSync(scratch, { recursive: true, force: true })
  await it?.stop()
})

test('doctor: all is green after an install, and that is seen in less than a quarter of a minute', async (t) => {
  const began = performance.now()
  const seen = await look(it)
  const seconds = (performance.now() - began) / 1000
  t.diagnostic(`${seen.results.length} checks in ${seconds.toFixed(1)} s`)
  assert.deepEqual(faults(seen), [])
  assert.equal(seen.code, 0)
})

test('doctor: nothing of a look is left on the host but lines in its journal', async () => {
  const count = async () =>
    (
      await it.host.must(sh`mkdir -p -m 700 /run/provision; exec 9> /run/provision/probe.lock; flock 9
sqlite3 -readonly /var/lib/maddy/imapsql.db 'SELECT count(*) FROM msgs'
find /var/lib/maddy/remote_queue -type f | wc -l
ls -d /tmp/tmp.* 2>/dev/null | wc -l`)
    ).trim()
  const before = await count()
  await look(it)
  assert.equal(await count(), before)
  await it.settled()
})

for (const fault of planted) {
  test(`doctor: ${fault.title}: ${fault.check} says so, and nobody else`, async (t) => {
    await fault.plant(it)
    try {
      const seen = await look(it)
      const red = seen.results.filter(({ findings }) =>
        findings.some(({ verdict }) => verdict === 'error' || verdict === 'warning'),
      )
      const blind = seen.results.filter(({ id, verdict }) => verdict === 'could not look' && id !== fault.check)
      const said = faults(seen).find((line) => line.startsWith(`${fault.verdict}: ${fault.check}: `) && fault.says.test(line))
      table.push([fault.title, said ?? `– ${faults(seen).join(' | ')}`, blind.map(({ id }) => id).join(' ')])
      t.diagnostic(said ?? 'nothing of the kind')
      assert.deepEqual(
        red.map(({ id }) => id),
        fault.verdict === 'could not look' ? [] : [fault.check],
        faults(seen).join('\n'),
      )
      assert.match(faults(seen).join('\n'), fault.says)
      assert.equal(seen.code, blind.length > 0 || fault.verdict === 'could not look' ? 1 : 2)
    } finally {
      await fault.mend(it)
    }
  })
}

test('doctor: green again once all of it is mended; --since says what has changed, --html keeps it', async () => {
  await it.host.must(sh`touch /run/reboot-required`)
  await look(it)
  await it.host.must(sh`rm /run/reboot-required`)
  const page = join(scratch, 'page.html')
  const seen = await provision(it.operator, ['doctor', '--text', '--since', '--html', page])
  assert.equal(seen.code, 0, told(seen))
  assert.match(seen.stdout, /^since .*:\n {2}reboot warning → ok\n {4}- reboot: is needed since/m)
  const html = readFileSync(page, 'utf8')
  assert.match(html, /<b>signed-mail<\/b>/)
  assert.doesNotMatch(html, /<script|src=|https?:\/\//)
})

test('watch: silent while all is well, told once when something comes, and once when it is gone', async () => {
  const topic = it.inventory.server.ntfy!.topic
  // More often than systemd lets a unit start that runs every hour: 5 times in 10 s.
  const watched = () => it.host.must(sh`systemctl reset-failed provision-watch.service; systemctl start provision-watch.service`)
  const said = async () => (await messages(it.rehearsal, topic)).map(({ title, priority = 3 }) => [title, priority] as const)
  await watched()
  const before = (await said()).length
  await watched()
  await it.host.must(sh`touch /run/reboot-required`)
  await watched()
  await watched()
  await it.host.must(sh`rm /run/reboot-required`)
  await watched()
  await watched()
  const today = (await it.host.must(sh`date +%F`)).trim()
  assert.deepEqual((await said()).slice(before), [
    [`xoyize.xyz: a reboot is needed, since ${today}`, 4],
    ['xoyize.xyz: all that was reported is over', 3],
  ])
  assert.match(await it.host.must(sh`systemctl list-timers --no-legend provision-watch.timer`), /provision-watch\.timer/)
})

test('history: who has installed this, and what a run has mended since, as the plan said it', async () => {
  await it.host.must(sh`rm /etc/inputrc`)
  await it.correct()
  const { stdout, code } = await provision(it.operator, ['history', '--last', '1'])
  assert.equal(code, 0)
  const { at, who, ...entry } = JSON.parse(stdout) as { at: string; who: string }
  assert.deepEqual(entry, {
    ...{ event: 'history', step: 'base/install-the-message-of-the-day-and-the-key-bindings', id: 'file:/etc/inputrc' },
    changes: [{ field: 'type', from: 'absent', to: 'file' }],
  })
  assert.match(who, /^\S+@\S+$/)
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 120_000, at)
  assert.match(await it.host.must(sh`journalctl -t provision -n 1 -o cat`), /file:\/etc\/inputrc/)
})

test('doctor: a host that lets nobody in is looked at from outside all the same', async () => {
  const seen = await look(it, '--address', '127.0.0.1:1', '--only', 'greeting,units')
  assert.deepEqual(seen.results.map(({ id, verdict }) => [id, verdict]).toSorted(), [
    ['greeting', 'ok'],
    ['units', 'could not look'],
  ])
  assert.equal(seen.code, 1)
})

after(() => {
  const width = Math.max(...table.map(([title = '']) => title.length))
  for (const [title = '', said, blind] of table)
    console.log(`${title.padEnd(width)}  ${said}${blind === '' ? '' : `  (could not look: ${blind})`}`)
})
