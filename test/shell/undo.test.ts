import assert from 'node:assert/strict'
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { arm, confirm, finish, settle } from '../../src/engine/arm.ts'
import { type Sh, sh } from '../../src/sh.ts'
import { readingScript, working } from '../../src/ssh/session/scripts.ts'
import { until } from '../support/sshd.ts'

/** A host's /etc in a folder, the undo of a step that touches it, and what stands for systemd: it runs the undo when it is told to start it. */
let dir: `/${string}`
const at = (name: string): `/${string}` => `${dir}/${name}`
const systemctl = `#!/bin/sh
case $* in "start provision-undo.service") exec sh "$PROVISION_STATE/undo/undo.sh" ;; esac
`
const id = '0123456789abcdef'
const root = process.getuid?.() === 0

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provision-undo-')) as `/${string}`
  for (const name of ['etc/ssh/conf.d', 'etc/wants', 'units', 'bin', 'run', 'state/written'])
    mkdirSync(at(name), { recursive: true })
  writeFileSync(at('etc/ssh/sshd_config'), 'Port 22\n')
  writeFileSync(at('etc/ssh/host key'), 'k'.repeat(3000), { mode: 0o600 })
  writeFileSync(at('etc/ssh/moduli'), 'm'.repeat(9000))
  writeFileSync(at('etc/ssh/conf.d/old.conf'), '# theirs\n')
  symlinkSync('sshd_config', at('etc/ssh/link'))
  symlinkSync('/lib/ssh.socket', at('etc/wants/ssh.socket'))
  symlinkSync('/lib/cron.service', at('etc/wants/cron.service'))
  writeFileSync(at('bin/systemctl'), systemctl, { mode: 0o755 })
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${at('bin')}:${process.env.PATH}`,
  PROVISION_STATE: at('state'),
  PROVISION_RUN: at('run'),
  PROVISION_UNITS: at('units'),
  ...more,
})
const guard = () => ({
  save: [at('etc/ssh'), at('etc/wants/ssh.socket'), at('etc/absent')],
  undo: sh`echo ran >>${at('after')}`,
  login: 'current port' as const,
})
/** As the first lines of a correction arm it. Those set PATH, which leads to no systemd here. */
const arming = (what: ReturnType<typeof guard>, one: string): Sh => sh`session=\${1:-}
${arm(what, 'access/it', one)}`
const armed = (then: Sh): Sh => sh`${arming(guard(), id)}
${then}`
const say = (script: Sh): SpawnSyncReturns<string> =>
  spawnSync('dash', ['-s'], { input: readingScript(script, 'n').text, env: env(), encoding: 'utf8' })
const undo = (more: NodeJS.ProcessEnv = {}) =>
  spawnSync('setsid', ['-w', 'dash', at('state/undo/undo.sh')], { env: env(more), encoding: 'utf8' })

/** What a correction does: it changes, adds, removes, turns a file into a folder, and makes links. Another program makes a link beside ours. */
const change = (): Sh => sh`
echo 'Port 55' >${at('etc/ssh/.new')}
mv ${at('etc/ssh/.new')} ${at('etc/ssh/sshd_config')}
chmod 644 ${at('etc/ssh/host key')}
mkdir ${at('etc/ssh/more.d')}
echo ours >${at('etc/ssh/more.d/00.conf')}
rm -r ${at('etc/ssh/conf.d')} ${at('etc/ssh/link')} ${at('etc/wants/ssh.socket')}
mkdir ${at('etc/ssh/link')}
echo in >${at('etc/ssh/link/in')}
echo new >${at('etc/absent')}
ln -s /lib/nginx.service ${at('etc/wants/nginx.service')}`

/** Every name below a folder with its mode, and what it is. */
function seen(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const stat = lstatSync(join(path, name))
      const content = stat.isSymbolicLink()
        ? readlinkSync(join(path, name))
        : stat.isFile()
          ? readFileSync(join(path, name), 'utf8')
          : ''
      return `${name} ${stat.mode.toString(8)} ${content}`
    })
}

const nginx = `wants/nginx.service 120777 /lib/nginx.service`
const assertBack = (before: readonly string[], message?: string) => {
  assert.deepEqual(
    seen(at('etc')).filter((line) => line !== nginx),
    before,
    message,
  )
  assert.deepEqual(readdirSync(at('units')), [], message)
}

test('undo: all is as it was, what the step had made is removed, and what another program made beside it stays', () => {
  const before = seen(at('etc'))
  const did = say(armed(change()))
  assert.equal(did.status, 0, did.stderr)
  assert.deepEqual(readdirSync(at('units')).toSorted(), ['provision-undo.service', 'provision-undo.timer'])
  const { status, stderr } = undo()
  assert.equal(status, 0, stderr)
  assertBack(before)
  assert.ok(seen(at('etc')).includes(nginx))
  assert.equal(readFileSync(at('after'), 'utf8'), 'ran\n')
  assert.deepEqual(readdirSync(at('state')).toSorted(), ['log', 'written'])
  assert.match(readFileSync(at('state/log'), 'utf8'), /"step":"access\/it","id":"undo"/)
  assert.match(say(settle(id)).stdout, new RegExp(`^${id} undone$`, 'm'))
})

test('undo: where nothing was there to be saved, what the step had made is removed', () => {
  const did = say(sh`${arming({ ...guard(), save: [at('etc/absent')] }, id)}
mkdir ${at('etc/absent')}; echo new >${at('etc/absent/file')}`)
  assert.equal(did.status, 0, did.stderr)
  const { status, stderr } = undo()
  assert.equal(status, 0, stderr)
  assert.equal(existsSync(at('etc/absent')), false)
})

/** Programs that count how often one of them was begun, and at the n-th kill all that belongs to the undo: before it runs, or when it is done by half. */
function deadly(n: number, half: boolean): NodeJS.ProcessEnv {
  const bin = at('deadly')
  mkdirSync(bin, { recursive: true })
  writeFileSync(at('count'), '0\n')
  const programs = [
    'mv',
    'cp',
    'rm',
    'cmp',
    'find',
    'sort',
    'chown',
    'chmod',
    'mkdir',
    'rmdir',
    'sync',
    'systemctl',
    'flock',
    'date',
  ]
  for (const name of programs) {
    const real = name === 'systemctl' ? at('bin/systemctl') : execFileSync('which', [name], { encoding: 'utf8' }).trim()
    // Of a copy half is there; of all else it is one rename, one removal: done or not.
    const torn = half && name === 'cp' ? `for last; do :; done; head -c 5 /dev/zero >"$last"` : half ? `${real} "$@"` : ':'
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\nread -r n <"$COUNT"\nn=$((n + 1))\necho "$n" >"$COUNT"\nif [ "$n" -eq "$AT" ]; then ${torn}; kill -9 0; fi\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    )
  }
  return { PATH: `${bin}:${env().PATH}`, COUNT: at('count'), AT: String(n) }
}

for (const half of [false, true])
  test(`undo: killed ${half ? 'in the middle of or after' : 'before'} any of its commands, and run again, all is as it was`, (t) => {
    const before = seen(at('etc'))
    // Every command with test:all; else every fifth, others every day.
    const apart = process.env.PROVISION_TEST_ALL === '1' ? 1 : 5
    let n = Math.floor(Date.now() / 86_400_000) % apart
    for (;;) {
      n += apart
      const did = say(armed(change()))
      assert.equal(did.status, 0, did.stderr)
      const killed = undo(deadly(n, half))
      // What was saved is never gone before all is back.
      if (existsSync(at('state/undo'))) assert.equal(undo().status, 0, `killed at command ${n}`)
      // With all back, the next run removes what is left of the units.
      assert.equal(say(finish).status, 0, `killed at command ${n}`)
      assertBack(before, `killed at command ${n}`)
      rmSync(at('etc/wants/nginx.service'))
      rmSync(at('state/undo.done'), { recursive: true, force: true })
      if (killed.signal === null) break
    }
    assert.ok(n > 30, `it has ${n} commands`)
    t.diagnostic(`${n} commands`)
  })

test('undo: killed at any command by a host that loses power, /run is empty and processes have other numbers', () => {
  const before = seen(at('etc'))
  say(armed(change()))
  undo(deadly(20, false))
  rmSync(at('run'), { recursive: true })
  writeFileSync(at('state/undo/session'), 'another-boot 1 1\n')
  assert.equal(undo().status, 0)
  assertBack(before)
})

test('undo: on a full disk nothing is changed, nothing that was saved is lost, and it says so; with room it ends well', {
  skip: root ? false : 'needs root, for a small file system',
}, () => {
  const held = at('held')
  mkdirSync(held)
  execFileSync('cp', ['-a', at('etc'), held])
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'small', at('etc')])
  try {
    execFileSync('cp', ['-a', `${held}/etc/.`, at('etc')])
    const before = seen(at('etc'))
    // The correction has emptied the large files, and something else has taken the room.
    const did = say(
      armed(sh`: >${at('etc/ssh/moduli')}; : >${at('etc/ssh/host key')}; echo 'Port 55' >${at('etc/ssh/sshd_config')}`),
    )
    assert.equal(did.status, 0, did.stderr)
    spawnSync('dd', ['if=/dev/zero', `of=${at('etc/full')}`, 'bs=4k'])
    const changed = seen(at('etc/ssh'))
    const full = undo()
    assert.equal(full.status, 1)
    assert.match(
      full.stderr,
      /what was saved cannot be written \(is the disk full\?\), so nothing was put back; what was saved is kept in \S+\/undo$/m,
    )
    assert.deepEqual(seen(at('etc/ssh')), changed)
    assert.deepEqual(readdirSync(at('units')).toSorted(), ['provision-undo.service', 'provision-undo.timer'])
    assert.match(say(settle(id)).stdout, new RegExp(`^${id} failed what was saved cannot be written`, 'm'))
    assert.match(say(finish).stderr, /^what was saved cannot be written/m)
    rmSync(at('etc/full'))
    assert.match(say(finish).stdout, /^ended$/m)
    assertBack(before)
  } finally {
    execFileSync('umount', ['-l', at('etc')])
  }
})

test('arm: where there is no room for the copies nothing is armed, and nothing is corrected', {
  skip: root ? false : 'needs root, for a small file system',
}, () => {
  const before = seen(at('etc'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'small', at('state')])
  try {
    const did = say(armed(change()))
    assert.notEqual(did.status, 0)
    assert.match(did.stderr, /No space left|I\/O error/)
    assert.deepEqual(readdirSync(at('state')), [])
    assertBack(before)
    assert.match(say(settle(id)).stdout, new RegExp(`^${id} none$`, 'm'))
  } finally {
    execFileSync('umount', ['-l', at('state')])
  }
})

test('undo: a copy that is not what was saved is put nowhere', () => {
  say(armed(change()))
  const changed = seen(at('etc'))
  truncateSync(at(`state/undo/tree${at('etc/ssh/moduli')}`), 100)
  const { status, stderr } = undo()
  assert.equal(status, 1)
  assert.match(stderr, /^the copies are not what was saved; what was saved is kept in /)
  assert.deepEqual(seen(at('etc')), changed)
  assert.equal(existsSync(at('units/provision-undo.service')), true)
})

test('undo: what has to be run then and fails keeps the copies, and is run again', () => {
  const before = seen(at('etc'))
  writeFileSync(at('bin/reload'), '#!/bin/sh\nexit 3\n', { mode: 0o755 })
  say(sh`${arming({ ...guard(), undo: sh`reload; touch ${at('never')}` }, id)}
${change()}`)
  assert.equal(undo().status, 1)
  assert.equal(existsSync(at('never')), false)
  assert.match(say(settle(id)).stdout, /failed the files are back, and what has to be run then failed/)
  writeFileSync(at('bin/reload'), '#!/bin/sh\n', { mode: 0o755 })
  assert.equal(undo().status, 0)
  assertBack(before)
})

test('undo: a correction that is still in progress is ended, with all that it has begun, before anything is put back', async () => {
  const before = seen(at('etc'))
  const busy = sh`${change()}
( while :; do echo 'Port 66' >${at('etc/ssh/sshd_config')}; done ) &
while :; do echo 'Port 77' >${at('etc/ssh/moduli')}; mkdir -p ${at('etc/ssh/late')}; touch ${at('busy')}; done`
  const child = spawn('dash', ['-s'], { env: env(), stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = new Promise((resolve) => void child.on('close', resolve))
  child.stdin.write(working(armed(busy), 'ann', 'n0', 1000).text)
  await until(() => existsSync(at('busy')), 'the correction writes')
  const [, leader] = readFileSync(at('state/undo/session'), 'utf8').split(' ')
  const { status, stderr } = undo()
  assert.equal(status, 0, stderr)
  assert.deepEqual(ofSession(leader!), [], 'nobody is left who could write')
  assertBack(before)
  await ended
  assert.match(said, /n0 done 137 /)
})

/** The processes of a session that have not ended. */
const ofSession = (leader: string): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
        return session === leader && state !== 'Z'
      } catch {
        return false
      }
    })

test('undo: a number that has become another process’s by now is nobody to kill', () => {
  const before = seen(at('etc'))
  say(armed(change()))
  const other = spawn('sleep', ['100'], { detached: true, stdio: 'ignore' })
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    writeFileSync(at('state/undo/session'), `${boot} ${other.pid} 1\n`)
    assert.equal(undo().status, 0)
    assertBack(before)
    assert.equal(other.exitCode ?? other.signalCode, null)
  } finally {
    other.kill('SIGKILL')
  }
})

test('undo: it waits for whoever holds the work lock, and a correction that comes next waits for it', async () => {
  const before = seen(at('etc'))
  say(armed(change()))
  const child = spawn('dash', ['-s'], { env: env(), stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => void child.on('close', resolve))
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  child.stdin.write(
    working(
      sh`touch ${at('busy')}; until [ -e ${at('go')} ]; do sleep 0.02; done; echo late >${at('etc/ssh/moduli')}`,
      'ann',
      'n0',
      99,
    ).text,
  )
  await until(() => existsSync(at('busy')), 'the lock is held')
  const undoing = spawn('dash', [at('state/undo/undo.sh')], { env: env(), stdio: 'ignore' })
  const undone = new Promise((resolve) => void undoing.on('close', resolve))
  await until(() => existsSync(at('state/undo/undone')), 'the undo has begun')
  writeFileSync(at('go'), '')
  assert.equal(await undone, 0)
  await ended
  assert.match(said, /n0 done 0 /)
  assertBack(before)
})

test('confirm: the step stays, and the undo that comes at the same moment does nothing; nor the other way round', () => {
  say(armed(change()))
  const changed = seen(at('etc'))
  writeFileSync(at('keep.sh'), readFileSync(at('state/undo/undo.sh')))
  const confirmed = say(confirm(id))
  assert.equal(confirmed.status, 0, confirmed.stderr)
  assert.deepEqual(seen(at('etc')), changed)
  assert.deepEqual(readdirSync(at('units')), [])
  assert.match(say(settle(id)).stdout, new RegExp(`^${id} confirmed$`, 'm'))
  assert.deepEqual(readdirSync(at('state')), ['written'])

  // A confirmation that was killed in the middle is finished by the undo, as a confirmation.
  say(armed(sh`echo once more >${at('etc/ssh/moduli')}`))
  const more = seen(at('etc'))
  execFileSync('mv', [at('state/undo/open'), at('state/undo/confirmed')])
  assert.equal(undo().status, 0)
  assert.deepEqual(seen(at('etc')), more)
  assert.deepEqual(readdirSync(at('units')), [])

  say(armed(sh`:`))
  execFileSync('mv', [at('state/undo/open'), at('state/undo/undone')])
  const late = say(confirm(id))
  assert.equal(late.status, 1)
  assert.match(late.stderr, /the undo has begun/)
  assert.equal(undo().status, 0)
  assert.match(say(confirm(id)).stderr, /the undo has ended already/)
})

test('arm: an undo that an earlier run left keeps its copies, and the correction does not begin', () => {
  say(armed(change()))
  const [copies, changed] = [seen(at('state/undo')), seen(at('etc'))]
  const next = say(sh`${arming(guard(), 'fedcba9876543210')}
touch ${at('corrected')}`)
  assert.equal(next.status, 1)
  assert.match(next.stderr, /an undo of an earlier run is still in \S+, with the only copies of what was there before/)
  assert.equal(existsSync(at('corrected')), false)
  assert.deepEqual([seen(at('state/undo')), seen(at('etc'))], [copies, changed])
  assert.match(say(settle('fedcba9876543210')).stdout, /^fedcba9876543210 none$/m)
})

test('finish: by what is there then: nothing, an undo that ran meanwhile, one that was armed meanwhile, and what a death has left', () => {
  const before = seen(at('etc'))
  const nothing = say(finish)
  assert.deepEqual([nothing.status, nothing.stdout.includes('ended')], [0, false])

  say(armed(change()))
  assert.match(say(finish).stdout, /^ended$/m)
  assertBack(before)
  rmSync(at('etc/wants/nginx.service'))
  assert.equal(say(finish).status, 0)

  // It died when the copies were there and the units were not.
  writeFileSync(at('bin/systemd-run'), '#!/bin/sh\nshift 3\nexec "$@"\n', { mode: 0o755 })
  say(armed(change()))
  for (const unit of readdirSync(at('units'))) rmSync(at(`units/${unit}`))
  assert.match(say(finish).stdout, /^ended$/m)
  assertBack(before)

  // It died when all was undone, and the units were still there.
  writeFileSync(at('units/provision-undo.timer'), '')
  assert.match(say(finish).stdout, /^ended$/m)
  assert.deepEqual(readdirSync(at('units')), [])
  chmodSync(at('etc'), 0o755)
})
