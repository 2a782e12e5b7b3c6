import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { type Sh, sh } from '../../src/sh.ts'
import { holding, readingScript, taking, working } from '../../src/ssh/session/scripts.ts'
import { until } from '../support/sshd.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provision-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const env = (): NodeJS.ProcessEnv => ({ ...process.env, PROVISION_RUN: join(dir, 'run'), PROVISION_STATE: join(dir, 'state') })
const send = (text: string) => spawnSync('dash', ['-s'], { input: text, env: env(), encoding: 'utf8' })

/** A dash whose stdin stays open. */
function talkTo(script: Sh): { child: ChildProcess; said(): string; ended: Promise<number | null> } {
  const child = spawn('dash', ['-s'], { env: env(), stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stdin!.on('error', () => undefined)
  child.stdin!.write(script.text)
  return { child, said: () => out, ended: new Promise((resolve) => void child.on('close', resolve)) }
}

test('scripts: dash reads them', () => {
  for (const script of [
    readingScript(sh`true`, 'n0'),
    working(sh`true`, "a'b", 'n0', 10),
    holding("a'b", 'n0'),
    taking('0'.repeat(64), 'n0'),
  ])
    execFileSync('dash', ['-n'], { input: script.text })
})

for (const [name, wrap] of [
  ['reading', (script: Sh) => readingScript(script, 'n0')],
  ['working', (script: Sh) => working(script, 'ann', 'n0', 1000)],
  ['holding', () => holding('ann', 'n0')],
] as const)
  test(`scripts: half a script that is ${name} does nothing, wherever it is cut`, () => {
    const { text } = wrap(sh`touch ${join(dir, 'done')}; cat <<'end'
}
end`)
    const whole = text.lastIndexOf('}')
    for (let i = 0; i < whole; i += 1 + Math.floor(whole / 150)) {
      send(text.slice(0, i))
      assert.deepEqual(readdirSync(dir), [], `cut at ${i}`)
    }
  })

test('working: the code, the size and, where it is little, all that it printed once more; nothing is left', () => {
  const { stdout } = send(working(sh`printf 'é%s' 123456789; cat; exit 3`, 'ann', 'n0', 11).text)
  assert.match(stdout, /n0 done 3 11\né123456789$/)
  assert.deepEqual(readdirSync(join(dir, 'run')), ['work'])
  assert.equal(readFileSync(join(dir, 'run', 'work'), 'utf8'), 'ann\n')
})

test('working: of much it sends what comes after so many bytes, and of what a daemon prints later nothing', async () => {
  const [go, done] = [join(dir, 'go'), join(dir, 'done')]
  const daemon = sh`{ until [ -e ${go} ]; do sleep 0.01; done; printf more; touch ${done}; } &`
  const { child, said, ended } = talkTo(working(sh`printf 123456789; ${daemon} exit 3`, 'ann', 'n0', 4))
  await until(() => said().includes('n0 done 3 9\n'), 'it has ended')
  writeFileSync(go, '')
  await until(() => existsSync(done), 'the daemon has printed')
  child.stdin!.write('5\n')
  await ended
  assert.match(said(), /n0 done 3 9\n6789$/)
})

test('working: what a killed one left goes with the next', () => {
  execFileSync('sh', ['-c', `mkdir -p ${dir}/run; : >${dir}/run/output.old`])
  send(working(sh`true`, 'ann', 'n0', 4).text)
  assert.deepEqual(readdirSync(join(dir, 'run')), ['work'])
})

test('working: its shell being killed does not stop it, and its lock is held until it has ended', async () => {
  const first = talkTo(
    working(sh`echo begun; until [ -e ${join(dir, 'go')} ]; do sleep 0.05; done; touch ${join(dir, 'done')}`, 'ann', 'n0', 99),
  )
  await until(() => first.said().includes('begun'), 'it begins')
  first.child.kill('SIGKILL')
  const second = talkTo(working(sh`echo second`, 'bob', 'n1', 99))
  await until(() => second.said().includes('n1 waiting ann\n'), 'the second waits')
  assert.equal(existsSync(join(dir, 'done')), false)
  execFileSync('touch', [join(dir, 'go')])
  await until(() => second.said().includes('n1 begin\n'), 'the second is let in')
  assert.ok(existsSync(join(dir, 'done')))
  second.child.stdin!.write('go\n')
  await second.ended
  assert.match(second.said(), /n1 done 0 7\nsecond\n$/)
})

test('working: nothing is left when nobody is there to hear its end', async () => {
  const child = spawn('sh', ['-s'], { env: env(), stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(
    working(sh`echo begun; until [ -e ${join(dir, 'go')} ]; do sleep 0.05; done; echo more; sleep 0.5`, 'ann', 'n0', 99).text,
  )
  const outputs = () => readdirSync(join(dir, 'run')).filter((name) => name.startsWith('output.'))
  await new Promise<void>((resolve) => child.stdout.on('data', (chunk: Buffer) => chunk.includes('begun') && resolve()))
  assert.equal(outputs().length, 1)
  child.stdout.destroy()
  child.stderr.destroy()
  writeFileSync(join(dir, 'go'), '')
  await until(() => outputs().length === 0, 'its output is gone')
})

test('working: who waited and is gone does not begin', async () => {
  const first = talkTo(working(sh`echo begun; until [ -e ${join(dir, 'go')} ]; do sleep 0.05; done`, 'ann', 'n0', 99))
  await until(() => first.said().includes('begun'), 'it begins')
  const second = talkTo(working(sh`touch ${join(dir, 'second')}`, 'bob', 'n1', 99))
  await until(() => second.said().includes('waiting'), 'the second waits')
  second.child.stdin!.end()
  execFileSync('touch', [join(dir, 'go')])
  assert.equal(await second.ended, 75)
  assert.equal(existsSync(join(dir, 'second')), false)
})

test('holding: until its stdin ends, and the file says whose it is', async () => {
  const holder = talkTo(holding('ann since noon', 'n0'))
  await until(() => holder.said().includes('locked'), 'it is locked')
  holder.child.stdin!.write('.')
  assert.match(send(holding('bob', 'n1').text).stdout, /n1 busy ann since noon\n$/)
  holder.child.stdin!.end()
  await holder.ended
  assert.match(send(holding('bob', 'n1').text).stdout, /n1 locked\n$/)
})

test('holding: the same run over another link takes it at once, whatever has become of the one before; nobody else does', async () => {
  const holder = talkTo(holding('ann since noon', 'n0', { token: 'of-ann' }))
  await until(() => holder.said().includes('locked'), 'it is locked')
  assert.match(send(holding('ann since noon', 'n1', { token: 'of-bob' }).text).stdout, /n1 busy ann since noon\n$/)
  const next = talkTo(holding('ann since noon', 'n2', { token: 'of-ann' }))
  await until(() => next.said().includes('locked'), 'it is taken over')
  assert.match(send(holding('bob', 'n3').text).stdout, /n3 busy ann since noon\n$/)
  assert.equal(statSync(join(dir, 'run', 'lock')).mode & 0o777, 0o600)
  next.child.stdin!.end()
  holder.child.stdin!.end()
  await Promise.all([holder.ended, next.ended])
  assert.match(send(holding('bob', 'n4').text).stdout, /n4 locked\n$/)
})

test('holding: a lock that is being given up is waited for', async () => {
  const holder = talkTo(holding('ann since noon', 'n0'))
  await until(() => holder.said().includes('locked'), 'it is locked')
  // As it does itself before it ends.
  writeFileSync(join(dir, 'run', 'lock'), '')
  const next = talkTo(holding('bob', 'n1'))
  await until(() => next.said().includes('start'), 'it waits')
  holder.child.stdin!.end()
  await until(() => next.said().includes('locked'), 'it has it')
  next.child.stdin!.end()
  await Promise.all([holder.ended, next.ended])
})

test('holding: silence ends it too, for a half-open link says nothing else', async () => {
  const holder = talkTo(holding('ann', 'n0', { silence: 1 }))
  await until(() => holder.said().includes('locked'), 'it is locked')
  assert.equal(await holder.ended, 0)
  holder.child.stdin!.end()
  assert.match(send(holding('bob', 'n1').text).stdout, /n1 locked\n$/)
})

test('taking: a file that is cut, or another one, leaves nothing', () => {
  const text = 'artifact'
  const digest = execFileSync('sha256sum', { input: text, encoding: 'utf8' }).slice(0, 64)
  const take = (input: string) => spawnSync('sh', ['-c', taking(digest, 'n0').text], { input, env: env() }).status
  const there = () => readdirSync(join(dir, 'state', 'artifacts'))
  assert.equal(take('artif'), 1)
  assert.deepEqual(there(), [])
  assert.equal(take(text), 0)
  assert.deepEqual(there(), [digest])
  assert.equal(take('other'), 1)
  assert.deepEqual(there(), [digest])
})
