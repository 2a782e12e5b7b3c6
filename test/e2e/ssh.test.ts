import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import ssh2 from 'ssh2'
import { Secret } from '../../src/secret.ts'
import { sh } from '../../src/sh.ts'
import { type Connection, type LoginOptions, login, operatorKey } from '../../src/ssh/ssh.ts'
import { startSecurityKey } from '../support/security-key.ts'
import { startHost, type TestHost, until, whyNoSshd } from '../support/sshd.ts'

const skip = whyNoSshd()

/** A TCP relay to a host, whose connections a test can cut. */
async function relayTo(port: number): Promise<{ port: number; cut(): void; close(): void }> {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined).on('close', () => [near, far].forEach((one) => void one.destroy()))
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => open.forEach((socket) => void socket.destroy())
  return {
    port: (server.address() as { port: number }).port,
    cut,
    close: () => {
      cut()
      server.close()
    },
  }
}

/** Logs in, does something, and closes, whatever came of it. */
async function over<T>(options: LoginOptions, act: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await login(options)
  try {
    return await act(connection)
  } finally {
    await connection.close()
  }
}

describe('ssh: a host', { skip, timeout: 120_000 }, () => {
  let host: TestHost
  before(async () => {
    host = await startHost()
  })
  after(() => host.stop())

  test('the admin with a declared key is the first rung, and scripts run as root', async () => {
    await over(host.options(), async (connection) => {
      assert.deepEqual(await connection.run(sh`id -u; echo said >&2; exit 7`), { code: 7, stdout: '0\n', stderr: 'said\n' })
      assert.match(connection.as, /^xouser@127\.0\.0\.1:\d+ with the key SHA256:/)
      assert.equal(connection.hostKey, host.hostKey)
      assert.equal(connection.execs, 1)
    })
  })

  test('a run that only looks costs one connection and one exec', async () => {
    const before = host.log().length
    await over(host.options(), (connection) => connection.run(sh`true`))
    assert.equal(
      host
        .log()
        .slice(before)
        .match(/^Connection from/gm)?.length,
      1,
    )
    assert.equal(
      host
        .log()
        .slice(before)
        .match(/^Starting session/gm)?.length,
      1,
    )
  })

  test('a host that takes a password by questions only', async () => {
    const tried: string[] = []
    const server = new ssh2.Server({ hostKeys: [readFileSync(join(host.dir, 'host'))] }, (client) => {
      client
        .on('error', () => undefined)
        .on('authentication', (context) => {
          tried.push(context.method)
          if (context.method !== 'keyboard-interactive') return context.reject(['publickey', 'keyboard-interactive'])
          context.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) =>
            answer === host.rootPassword ? context.accept() : context.reject(['keyboard-interactive']),
          )
        })
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const env = { HOME: host.home, PROVISION_ROOT_PASSWORD: host.rootPassword }
      await over(host.options({ port, sshPort: port, hostKey: host.hostKey, keys: [], env }), async ({ as }) =>
        assert.equal(as, `root@127.0.0.1:${port} with a password`),
      )
      assert.deepEqual(tried, ['password', 'keyboard-interactive'])
    } finally {
      server.close()
    }
  })

  test('a script that a signal ends has the code that a shell would give', async () => {
    const output = await over(host.options(), ({ run }) => run(sh`kill -9 $$`))
    assert.equal(output.code, 137)
  })

  test('only declared keys are offered, and the error names every rung', async () => {
    const other = readFileSync(`${host.stranger}.pub`, 'utf8')
    const before = host.log().length
    await assert.rejects(login(host.options({ keys: [other] })), (error: Error & { hint?: string }) => {
      assert.match(error.message, /xouser@127\.0\.0\.1:\d+ with a key: none of the declared keys is here/)
      assert.match(
        error.message,
        /root@127\.0\.0\.1:22 with a password: PROVISION_ROOT_PASSWORD is not set, and there is no terminal/,
      )
      assert.match(error.hint ?? '', /PROVISION_ROOT_PASSWORD/)
      return true
    })
    assert.doesNotMatch(host.log().slice(before), /Failed publickey/)
  })

  test('a key that the host does not take is said, with its fingerprint', async () => {
    const stranger = readFileSync(`${host.stranger}.pub`, 'utf8')
    writeFileSync(join(host.home, '.ssh', 'config'), `Host 127.0.0.1\n  IdentityFile ${host.stranger}\n`)
    try {
      await assert.rejects(
        login(host.options({ keys: [stranger] })),
        /xouser@.* with a key: the key SHA256:\S+ \(\S+stranger\) was refused/,
      )
    } finally {
      rmSync(join(host.home, '.ssh', 'config'))
    }
  })

  test('root gets in with the password of PROVISION_ROOT_PASSWORD, which is then gone from the environment', async () => {
    const env = { HOME: host.home, PROVISION_ROOT_PASSWORD: host.rootPassword }
    await over(host.options({ env, keys: [] }), async (connection) => {
      assert.match(connection.as, /^root@127\.0\.0\.1:\d+ with a password$/)
      assert.equal((await connection.run(sh`id -un`)).stdout, 'root\n')
    })
    assert.deepEqual(Object.keys(env), ['HOME'])
  })

  test('a wrong root password is asked for again, and said in the end', async () => {
    const answers = ['wrong', 'wrong too', host.rootPassword]
    const ask = { password: async () => answers.shift()!, confirm: async () => false }
    await over(host.options({ keys: [], ask }), async ({ user }) => assert.equal(user, 'root'))
    assert.deepEqual(answers, [])
    const env = { HOME: host.home, PROVISION_ROOT_PASSWORD: 'wrong' }
    await assert.rejects(
      login(host.options({ keys: [], env })),
      /with a password: the password was refused \(it takes publickey, password/,
    )
  })

  test('a port that nobody listens on costs nothing, and the next rung is used', async () => {
    const closed = await relayTo(1)
    closed.close()
    await over(host.options({ sshPort: closed.port }), async (connection) => assert.equal(connection.port, host.ports[0]))
    await over(host.options({ port: closed.port, sshPort: host.ports[0] }), async (connection) =>
      assert.equal(connection.port, host.ports[0]),
    )
  })

  test('a port that does not answer at all does not hold up the others', { timeout: 5_000 }, async () => {
    const mute = spawn(process.execPath, ['-e', muteServer], { stdio: ['ignore', 'pipe', 'inherit'] })
    const port = Number(await new Promise<Buffer>((resolve) => void mute.stdout.once('data', resolve)))
    // Fills the queue of those who wait to be accepted: what comes after them hears nothing.
    const waiting = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    try {
      await until(() => waiting.filter((socket) => !socket.connecting).length >= 2, 'the queue is full')
      await over(host.options({ port, sshPort: host.ports[0] }), async (connection) =>
        assert.equal(connection.port, host.ports[0]),
      )
    } finally {
      for (const socket of waiting) socket.destroy()
      mute.kill('SIGKILL')
    }
  })

  test('an agent: its declared key is offered, and no other', async () => {
    const agent = spawn('ssh-agent', ['-D', '-a', join(host.dir, 'agent')], { stdio: 'ignore' })
    try {
      const socket = join(host.dir, 'agent')
      const env = { ...process.env, SSH_AUTH_SOCK: socket }
      await until(() => run('ssh-add', ['-q', host.stranger], env).then((code) => code === 0), 'the agent takes keys')
      await run('ssh-add', ['-q', host.operator], env)
      const before = host.log().length
      await over(host.options({ env: { HOME: host.dir, SSH_AUTH_SOCK: socket } }), async (connection) => {
        assert.match(connection.as, /^xouser@.* with the key SHA256:\S+ \(agent\)$/)
      })
      assert.doesNotMatch(host.log().slice(before), /Failed publickey/)
    } finally {
      agent.kill()
    }
  })

  test('the agent of IdentityAgent, where SSH_AUTH_SOCK names none', async () => {
    const socket = join(host.dir, 'own-agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      const env = { ...process.env, SSH_AUTH_SOCK: socket }
      await until(() => run('ssh-add', ['-q', host.operator], env).then((code) => code === 0), 'the agent takes keys')
      const configFile = join(host.dir, 'config-agent')
      writeFileSync(configFile, 'Host *\n  IdentityAgent ~/own-agent\n')
      await over(host.options({ configFile, env: { HOME: host.dir } }), async (connection) =>
        assert.match(connection.as, /^xouser@.* with the key SHA256:\S+ \(agent\)$/),
      )
      const options = { address: host.address, configFile, env: { HOME: host.dir }, log: () => undefined }
      assert.equal((await operatorKey(options, { make: true })).source, 'the agent')
      writeFileSync(configFile, 'Host *\n  IdentityAgent none\n')
      await assert.rejects(
        login(host.options({ configFile, env: { HOME: host.dir, SSH_AUTH_SOCK: socket } })),
        /none of the declared keys is here/,
      )
      writeFileSync(configFile, 'Host *\n  IdentityAgent ~/no-agent\n')
      await assert.rejects(
        login(host.options({ configFile, env: { HOME: host.dir } })),
        /none of the declared keys is here; the agent at \S+\/no-agent \(IdentityAgent\) does not run/,
      )
      await assert.rejects(operatorKey(options, { make: true }), /the agent at \S+\/no-agent \(IdentityAgent\) does not run/)
    } finally {
      agent.kill()
    }
  })

  for (const algorithm of ['ed25519', 'ecdsa'] as const)
    test(`a security key in the agent logs in, and its owner is asked to touch it: ${algorithm}`, async () => {
      const key = await startSecurityKey(join(host.dir, `stick-${algorithm}`), algorithm)
      const keys = readFileSync(join(host.dir, 'keys/xouser'), 'utf8')
      writeFileSync(join(host.dir, 'keys/xouser'), `${keys.trim()}\n${key.publicKey}\n`)
      const said: string[] = []
      const env = { HOME: host.dir, SSH_AUTH_SOCK: key.socket }
      try {
        const options = host.options({ env, keys: [key.publicKey], log: (line) => said.push(line) })
        await over(options, async (connection) => {
          assert.match(connection.as, /^xouser@.* with the key SHA256:\S+ \(agent\)$/)
          assert.equal((await connection.run(sh`id -u`)).stdout, '0\n')
          await (await connection.again(10_000, 'declared port')).close()
        })
        assert.equal(key.touched(), 2)
        assert.match(said.join('\n'), /^touch the security key SHA256:\S+\ntouch the security key SHA256:\S+$/)
        assert.match(
          host.log(),
          new RegExp(`Accepted publickey for xouser .*: ${algorithm === 'ed25519' ? 'ED25519' : 'ECDSA'}-SK `),
        )
        const own = { address: host.address, configFile: options.configFile, env, log: () => undefined }
        assert.equal((await operatorKey(own, { make: true })).publicKey, key.publicKey)
        assert.equal(existsSync(join(host.dir, '.ssh')), false, 'no key is made')
      } finally {
        key.stop()
        writeFileSync(join(host.dir, 'keys/xouser'), keys)
      }
    })

  test('IdentitiesOnly: of an agent’s keys those of the files alone, whose private halves may be in the agent', async () => {
    const socket = join(host.dir, 'only-agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      const env = { HOME: host.dir, SSH_AUTH_SOCK: socket }
      await until(
        () => run('ssh-add', ['-q', host.stranger], { ...process.env, ...env }).then((code) => code === 0),
        'it takes keys',
      )
      await run('ssh-add', ['-q', host.operator], { ...process.env, ...env })
      writeFileSync(join(host.dir, 'bastion.pub'), host.publicKey)
      const configFile = join(host.dir, 'config-only')
      const port = host.ports[1]
      writeFileSync(
        configFile,
        `Host jump.test\n  HostName 127.0.0.1\n  Port ${host.ports[0]}\n  IdentitiesOnly yes\n  IdentityFile ~/bastion\nHost server.test\n  HostName 127.0.0.1\n  ProxyJump xouser@jump.test\n`,
      )
      const before = host.log().length
      const options = host.options({ address: 'server.test', port, sshPort: port, configFile, env, hostKey: host.hostKey })
      await over(options, async ({ user }) => assert.equal(user, 'xouser'))
      assert.doesNotMatch(host.log().slice(before), /Failed publickey/)
    } finally {
      agent.kill()
    }
  })

  test('a key with a passphrase: asked for when it is needed, left out with a reason when nobody can be asked', async () => {
    const file = join(host.dir, 'locked')
    writeFileSync(file, readFileSync(host.operator), { mode: 0o600 })
    await run('ssh-keygen', ['-q', '-p', '-N', 'open sesame', '-f', file])
    const configFile = join(host.dir, 'config-locked')
    writeFileSync(configFile, `Host *\n  IdentityFile ${file}\n`)
    const env = { HOME: join(host.dir, 'nobody') }
    const asked: string[] = []
    const password = async (question: string): Promise<string> => {
      asked.push(question)
      return 'open sesame'
    }
    const ask = { password, confirm: async () => false }
    await over(host.options({ configFile, env, ask }), async ({ user }) => assert.equal(user, 'xouser'))
    assert.deepEqual(asked, [`passphrase of ${file}`])
    await assert.rejects(
      login(host.options({ configFile, env })),
      /locked needs its passphrase, and there is no terminal: ssh-add it/,
    )
  })

  test('~/.ssh/config: HostName, Port, HostKeyAlias and ProxyJump, whose host keys are checked alike', async () => {
    const configFile = join(host.dir, 'config-jump')
    writeFileSync(
      configFile,
      `Host server.test\n  HostName 127.0.0.1\n  Port ${host.ports[1]}\n  ProxyJump xouser@jump.test\nHost jump.test\n  HostName 127.0.0.1\n  Port ${host.ports[0]}\n`,
    )
    const { port: _, ...others } = host.options({
      address: 'server.test',
      configFile,
      sshPort: host.ports[1],
      hostKey: host.hostKey,
    })
    await over(others, async (connection) => {
      assert.equal(connection.port, host.ports[1])
      assert.match((await connection.run(sh`echo "$SSH_CONNECTION"; id -u`)).stdout, /0\n$/)
    })
    const knownHosts = join(host.dir, 'known-none')
    await assert.rejects(
      login({ ...others, knownHosts }),
      /the host key ssh-ed25519 SHA256:\S+ of \[127\.0\.0\.1\]:\d+ is not known/,
    )
  })

  test('a login shell that prints, zsh or bash, adds nothing to what a script says', async () => {
    const noisy = await startHost({ rc: 'echo "hello from rc"; echo "and on stderr" >&2; printf "no newline"\n' })
    try {
      await over(noisy.options(), async (connection) => {
        assert.deepEqual(await connection.run(sh`echo mine; echo err >&2`), { code: 0, stdout: 'mine\n', stderr: 'err\n' })
        const heard: string[] = []
        const output = await connection.work(sh`echo one; echo two >&2; printf three`, (line) => heard.push(line))
        assert.deepEqual([output.stdout, heard], ['one\ntwo\nthree', ['one', 'two', 'three']])
      })
    } finally {
      await noisy.stop()
    }
  })

  test('what a script leaves behind with its output, and a shell that does not end, are not waited for', async () => {
    const shell = join(host.dir, 'shell')
    writeFileSync(shell, '#!/bin/sh\n/bin/sh "$@"\nsleep 60\n', { mode: 0o755 })
    const endless = await startHost({ shell })
    const began = performance.now()
    try {
      for (const one of [host, endless])
        await over(one.options(), async (connection) => {
          const script = sh`sleep 60 & echo mine; echo err >&2; exit 7`
          assert.deepEqual(await connection.run(script), { code: 7, stdout: 'mine\n', stderr: 'err\n' })
          assert.deepEqual(await connection.work(sh`echo mine; exit 7`), { code: 7, stdout: 'mine\n', stderr: '' })
          assert.equal((await connection.run(sh`echo still here`)).stdout, 'still here\n')
        })
    } finally {
      await endless.stop()
    }
    assert.ok(performance.now() - began < 50_000)
  })

  test('bytes come back as they are, wherever the packets are cut, and without end they are an error', async () => {
    await over(host.options(), async (connection) => {
      const { stdout } = await connection.run(sh`awk 'BEGIN { for (i = 0; i < 200000; i++) printf "é€😀" }'`)
      assert.equal(stdout, 'é€😀'.repeat(200_000))
      await assert.rejects(connection.run(sh`cat /dev/zero`), /printed more than 64 MiB to stdout/)
      assert.equal((await connection.run(sh`echo still here`)).stdout, 'still here\n')
    })
  })

  test('a script of 5 MB runs, to read and to change things, and no secret of it shows in ps', async () => {
    const secret = new Secret('big', () => `s3cr3t-${'x'.repeat(5_000_000)}`)
    const script = sh`v=${secret}; printf '%s' "$v" | wc -c; ps axww -o args | grep -c '[s]3cr3t'; cat`
    await over(host.options(), async (connection) => {
      assert.match((await connection.run(script)).stdout, /^\s*5000007\n0\n$/)
      assert.match((await connection.work(script)).stdout, /^\s*5000007\n0\n$/)
    })
  })

  test('work: each of its lines once, while it runs, its exit code and the last 64 KiB at the end', async () => {
    await over(host.options(), async (connection) => {
      const heard: string[] = []
      const going = connection.work(sh`echo begun; while [ ! -e /run/go ]; do :; done; seq 1 20000; exit 9`, (line) =>
        heard.push(line),
      )
      await until(() => heard.length > 0, 'the first line comes early')
      assert.deepEqual(heard, ['begun'])
      host.inside('touch /run/go')
      const { code, stdout } = await going
      assert.equal(code, 9)
      assert.equal(stdout.length, 64 * 1024)
      assert.deepEqual(heard, ['begun', ...Array.from({ length: 20_000 }, (_, i) => String(i + 1))])
    })
    assert.deepEqual(
      host
        .inside('ls /run/provision')
        .split('\n')
        .filter((name) => name.startsWith('output')),
      [],
    )
  })

  test('work: a connection that dies in the middle does not stop it, and the next one waits for it, saying so', async () => {
    const relay = await relayTo(host.ports[0])
    try {
      const first = await login(host.options({ port: relay.port, hostKey: host.hostKey }))
      await first.lock('ann@laptop')
      const heard: string[] = []
      const script = sh`echo begun; while [ ! -e /run/go-on ]; do :; done; echo lots of output; sleep 0.2; echo "done by the first" >/run/result; echo more`
      const lost = assert.rejects(
        first.work(script, (line) => heard.push(line)),
        /the connection to 127\.0\.0\.1 was lost/,
      )
      await until(() => heard.includes('begun'), 'it has begun')
      relay.cut()
      await lost
      await assert.rejects(first.run(sh`true`), /was lost/)
      await over(host.options(), async (second) => {
        await second.lock('bob@desk')
        const said: string[] = []
        const next = second.work(sh`cat /run/result`, (line) => said.push(line))
        await until(() => said.length > 0, 'it says that it waits')
        assert.match(said[0]!, /^waiting for the correction of a run that was lost: ann@laptop since \d{4}-/)
        host.inside('touch /run/go-on')
        assert.equal((await next).stdout, 'done by the first\n')
      })
      assert.doesNotMatch(host.inside('ls /run/provision'), /output/)
    } finally {
      relay.close()
    }
  })

  test('work: who waited for the lock and died is not heard of again', async () => {
    const relay = await relayTo(host.ports[0])
    try {
      const holder = await login(host.options())
      const holding = holder.work(sh`while [ ! -e /run/let-go ]; do :; done`)
      const waiting = await login(host.options({ port: relay.port, hostKey: host.hostKey }))
      const said: string[] = []
      const lost = assert.rejects(
        waiting.work(sh`touch /run/too-late`, (line) => said.push(line)),
        /was lost/,
      )
      await until(() => said.length > 0, 'it waits')
      relay.cut()
      await lost
      host.inside('touch /run/let-go')
      await holding
      await holder.work(sh`true`)
      await holder.close()
      assert.equal(host.inside('ls /run').includes('too-late'), false)
    } finally {
      relay.close()
    }
  })

  test('work: a daemon that it leaves behind holds neither the lock nor the connection', async () => {
    await over(host.options(), async (connection) => {
      await connection.work(sh`sleep 300 & echo $! >/run/daemon`)
      assert.equal((await connection.work(sh`kill "$(cat /run/daemon)"; ls /proc/self/fd | wc -l`)).code, 0)
    })
  })

  test('the run lock: a second run is told whose it is, and gets it when the first process is killed', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder], {
      env: { ...process.env, OPTIONS: JSON.stringify(host.options()) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => void child.stdout.once('data', resolve))
    await over(host.options(), async (second) => {
      await assert.rejects(second.lock('bob@desk'), /another run is at work there: ann@laptop since \d{4}-/)
      child.kill('SIGKILL')
      await until(
        () =>
          second.lock('bob@desk').then(
            () => true,
            () => false,
          ),
        'the lock is free',
      )
    })
    await over(host.options(), (third) => third.lock('carol@desk'))
  })

  test('a host that allows one session a connection: the lock has a connection of its own', async () => {
    const narrow = await startHost({ config: 'MaxSessions 1' })
    try {
      await over(narrow.options(), async (connection) => {
        await connection.lock('ann@laptop')
        assert.equal((await connection.run(sh`echo ok`)).stdout, 'ok\n')
        assert.equal((await connection.work(sh`echo ok`)).stdout, 'ok\n')
        await over(narrow.options(), (second) => assert.rejects(second.lock('bob@desk'), /ann@laptop/))
      })
      await over(narrow.options(), (second) => second.lock('bob@desk'))
    } finally {
      await narrow.stop()
    }
  })

  test('put: a file arrives whole, or not at all', async () => {
    const file = join(host.dir, 'artifact')
    const bytes = randomBytes(9_000_000)
    writeFileSync(file, bytes)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    await over(host.options(), async (connection) => {
      await connection.put(file, sha256)
      await assert.rejects(
        connection.put(file, '0'.repeat(64)),
        /could not be sent to 127\.0\.0\.1: what arrived has another digest/,
      )
    })
    const there = host.inside('cd /var/lib/provision/artifacts && ls -A && sha256sum * && stat -c %a .')
    assert.equal(there, `${sha256}\n${sha256}  ${sha256}\n700\n`)
  })

  test('again: a new login at the inventory’s port takes over the lock, and known_hosts learns the port', async () => {
    const said: string[] = []
    const first = await login(host.options({ sshPort: host.ports[1], log: (line) => said.push(line) }))
    await first.lock('ann@laptop')
    const next = await first.again(10_000, 'declared port')
    await first.close()
    assert.equal(next.port, host.ports[1])
    assert.deepEqual(said, [`[127.0.0.1]:${host.ports[1]} is now in ${host.knownHosts}, with the host key ${host.hostKey}`])
    await over(host.options(), (second) => assert.rejects(second.lock('bob@desk'), /ann@laptop/))
    assert.equal((await next.run(sh`id -u`)).stdout, '0\n')
    await next.close()
    await over(host.options(), (second) => second.lock('bob@desk'))
  })

  test('again: nobody at that port is an error at the limit, and the old login goes on', async () => {
    const closed = await relayTo(1)
    closed.close()
    await over(host.options({ sshPort: closed.port }), async (connection) => {
      await assert.rejects(
        connection.again(1200, 'declared port'),
        /no new login as xouser@127\.0\.0\.1:\d+ within 1 s: connection refused/,
      )
      assert.equal((await connection.run(sh`echo on`)).stdout, 'on\n')
    })
  })
})

describe('ssh: sudo', { skip, timeout: 60_000 }, () => {
  test('a password for sudo comes from PROVISION_SUDO_PASSWORD, whatever is in it', async () => {
    const host = await startHost({ sudoers: 'xouser ALL=(ALL:ALL) ALL', root: 'password only' })
    try {
      const env = { HOME: host.home, PROVISION_SUDO_PASSWORD: host.userPassword }
      await over(host.options({ env }), async (connection) => {
        assert.equal((await connection.run(sh`id -u; cat`)).stdout, '0\n')
        assert.equal((await connection.work(sh`id -u; cat`)).stdout, '0\n')
        await assert.rejects(connection.again(5000, 'declared port'), /may log in, and `sudo -n true` fails there/)
        // Once the run itself has made sudo free, the password must not end up as a command.
        await connection.work(
          sh`umask 227; mkdir -p /run/new; cp /etc/sudoers /run/new/sudoers; echo 'xouser ALL=(ALL) NOPASSWD: ALL' >>/run/new/sudoers; mount --bind /run/new/sudoers /etc/sudoers`,
        )
        assert.deepEqual(await connection.run(sh`id -u`), { code: 0, stdout: '0\n', stderr: '' })
      })
      assert.deepEqual(Object.keys(env), ['HOME'])
    } finally {
      await host.stop()
    }
  })

  test('a wrong one is asked for again; without a terminal it is an error that names the variable', async () => {
    const host = await startHost({ sudoers: 'xouser ALL=(ALL:ALL) ALL', root: 'password only' })
    try {
      const answers = ['wrong', host.userPassword]
      const ask = { password: async () => answers.shift()!, confirm: async () => false }
      await over(host.options({ ask }), async ({ run }) => assert.equal((await run(sh`id -u`)).stdout, '0\n'))
      const wrong = { HOME: host.home, PROVISION_SUDO_PASSWORD: 'wrong' }
      for (const env of [{ HOME: host.home }, wrong])
        await assert.rejects(
          over(host.options({ env }), ({ run }) => run(sh`id -u`)),
          { name: 'ConnectionError', hint: 'give its password in PROVISION_SUDO_PASSWORD' },
        )
    } finally {
      await host.stop()
    }
  })

  test('an admin whom sudo does not know yet: root is used, where root may log in', async () => {
    const host = await startHost({ sudoers: '' })
    try {
      await over(host.options(), async (connection) => {
        assert.equal(connection.user, 'xouser')
        assert.equal((await connection.run(sh`id -u`)).stdout, '0\n')
        assert.equal(connection.user, 'root')
      })
    } finally {
      await host.stop()
    }
  })
})

describe('ssh: an image that lets root log in and run nothing', { skip, timeout: 60_000 }, () => {
  test('the user that it names is used, with sudo, at once, and reported', async () => {
    const host = await startHost({ root: 'sent away' })
    try {
      const said: string[] = []
      const began = performance.now()
      const options = host.options({ admin: 'ann', log: (line) => said.push(line) })
      await over(options, async (connection) => {
        await connection.lock('ann@laptop')
        assert.equal((await connection.run(sh`id -u`)).stdout, '0\n')
        assert.equal((await connection.work(sh`id -u`)).stdout, '0\n')
        assert.match(connection.as, /^xouser@127\.0\.0\.1:\d+ with the key SHA256:/)
      })
      assert.ok(performance.now() - began < 9000, 'it does not wait for the end of the command, which sleeps')
      assert.match(
        said.join('\n'),
        /^127\.0\.0\.1 lets root run nothing: logged in as xouser with the key SHA256:\S+ \S+ instead$/,
      )
    } finally {
      await host.stop()
    }
  })

  test('one that names nobody: the rest of the ladder, root by its password included', async () => {
    const host = await startHost({ root: 'nobody' })
    try {
      const env = () => ({ HOME: host.home, PROVISION_ROOT_PASSWORD: host.rootPassword })
      await over(host.options({ admin: 'ann', env: env() }), async (connection) => {
        assert.equal((await connection.run(sh`id -u`)).stdout, '0\n')
        assert.match(connection.as, /^root@\S+ with a password$/)
      })
      const configFile = join(host.dir, 'config-user')
      writeFileSync(configFile, 'Host 127.0.0.1\n  User xouser\n')
      await over(host.options({ admin: 'ann', configFile }), async (connection) => {
        assert.equal((await connection.run(sh`id -u`)).stdout, '0\n')
        assert.match(connection.as, /^xouser@/)
      })
      await assert.rejects(
        over(host.options({ admin: 'ann' }), ({ run }) => run(sh`true`)),
        /no script runs for root there: exit code 1: the host said nothing\ncannot log in:\n {2}ann@/,
      )
    } finally {
      await host.stop()
    }
  })
})

describe('ssh: host keys', { skip, timeout: 60_000 }, () => {
  let host: TestHost
  before(async () => {
    host = await startHost()
  })
  after(() => host.stop())

  const keyOf = (file: string): string => readFileSync(file, 'utf8').trim().split(' ').slice(0, 2).join(' ')

  test('an unknown one is an error that names its fingerprint and the flag, and nothing is offered', async () => {
    const knownHosts = join(host.dir, 'absent')
    await assert.rejects(login(host.options({ knownHosts })), (error: Error & { hint?: string }) => {
      assert.ok(error.message.includes(`${host.hostKey} of [127.0.0.1]:${host.ports[0]} is not known`))
      assert.ok(error.hint?.includes(`--host-key ${host.hostKey}`))
      return true
    })
    assert.doesNotMatch(host.log(), /publickey/)
  })

  test('an unknown one is shown and asked for once, then kept, in a folder of the right mode', async () => {
    const knownHosts = join(host.dir, 'new', 'known_hosts')
    const asked: string[] = []
    const ask = { password: async () => '', confirm: async (question: string) => asked.push(question) > 0 }
    await over(host.options({ knownHosts, ask }), async () => undefined)
    assert.equal(asked.length, 1)
    assert.ok(asked[0]?.includes(host.hostKey))
    assert.equal(readFileSync(knownHosts, 'utf8'), `[127.0.0.1]:${host.ports[0]} ${keyOf(`${host.dir}/host.pub`)}\n`)
    assert.deepEqual([statSync(knownHosts).mode & 0o777, statSync(join(host.dir, 'new')).mode & 0o777], [0o600, 0o700])
    await over(host.options({ knownHosts }), async () => undefined)
  })

  test('one that is not accepted ends it', async () => {
    const ask = { password: async () => '', confirm: async () => false }
    await assert.rejects(login(host.options({ knownHosts: join(host.dir, 'absent'), ask })), /was not accepted/)
  })

  test('a hashed name is known, and what is added to a hashed file is hashed', async () => {
    const knownHosts = join(host.dir, 'hashed')
    writeFileSync(knownHosts, `[127.0.0.1]:${host.ports[0]} ${keyOf(`${host.dir}/host.pub`)}\n`)
    await run('ssh-keygen', ['-q', '-H', '-f', knownHosts])
    await over(host.options({ knownHosts, sshPort: host.ports[1] }), async (connection) =>
      (await connection.again(5000, 'declared port')).close(),
    )
    assert.match(readFileSync(knownHosts, 'utf8'), /^\|1\|\S+ ssh-ed25519 \S+\n\|1\|\S+ ssh-ed25519 \S+\n$/)
    assert.equal(await run('ssh-keygen', ['-F', `[127.0.0.1]:${host.ports[1]}`, '-f', knownHosts]), 0)
  })

  test('a changed one is refused, with both fingerprints and the next move', async () => {
    const knownHosts = join(host.dir, 'changed')
    writeFileSync(knownHosts, `[127.0.0.1]:${host.ports[0]} ${keyOf(`${host.stranger}.pub`)}\n`)
    const ask = { password: async () => '', confirm: async () => true }
    await assert.rejects(login(host.options({ knownHosts, ask })), (error: Error & { hint?: string }) => {
      assert.match(
        error.message,
        /^its host key has changed: it shows ssh-ed25519 SHA256:\S+, known is ssh-ed25519 SHA256:\S+ in line 1 of /,
      )
      assert.ok(error.message.includes(host.hostKey))
      assert.match(error.hint ?? '', /ssh-keygen -R '\[127\.0\.0\.1\]:\d+' -f /)
      return true
    })
  })

  test('the types that are known are the ones asked for', async () => {
    const knownHosts = join(host.dir, 'ecdsa')
    writeFileSync(knownHosts, `[127.0.0.1]:${host.ports[0]} ${keyOf(`${host.dir}/host-ecdsa.pub`)}\n`)
    await over(host.options({ knownHosts }), async ({ hostKey }) => assert.notEqual(hostKey, host.hostKey))
    await run('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', join(host.dir, 'rsa')])
    writeFileSync(knownHosts, `[127.0.0.1]:${host.ports[0]} ${keyOf(join(host.dir, 'rsa.pub'))}\n`)
    await assert.rejects(login(host.options({ knownHosts })), /it has no host key of the type that is known: ssh-rsa SHA256:/)
  })

  test('a revoked one is refused, whatever is answered', async () => {
    const knownHosts = join(host.dir, 'revoked')
    writeFileSync(knownHosts, `@revoked * ${keyOf(`${host.dir}/host.pub`)}\n`)
    const ask = { password: async () => '', confirm: async () => true }
    await assert.rejects(login(host.options({ knownHosts, ask })), /is revoked in line 1 of /)
  })

  test('--host-key is enough, of whichever type, and known_hosts is neither read nor written', async () => {
    const knownHosts = join(host.dir, 'changed')
    const before = readFileSync(knownHosts, 'utf8')
    const ecdsa = await over(
      host.options({ knownHosts: join(host.dir, 'ecdsa-pin'), hostKey: host.hostKey }),
      async ({ hostKey }) => hostKey,
    )
    assert.equal(ecdsa, host.hostKey)
    const other = createHash('sha256')
      .update(Buffer.from(keyOf(`${host.dir}/host-ecdsa.pub`).split(' ')[1]!, 'base64'))
      .digest('base64')
    await over(host.options({ knownHosts, hostKey: `SHA256:${other.replace('=', '')}` }), async () => undefined)
    await assert.rejects(login(host.options({ knownHosts, hostKey: 'SHA256:nope' })), (error: Error) => {
      assert.match(error.message, /^its host key is not SHA256:nope: it shows SHA256:\S+, SHA256:\S+$/)
      return true
    })
    assert.equal(readFileSync(knownHosts, 'utf8'), before)
  })
})

/** Listens and never accepts: with its queue full, a further SYN is not answered. */
const muteServer = `
require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
  process.stdout.write(String(this.address().port), () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})`

/** Logs in, takes the run lock, says so, and stays. */
const holder = `
import { login } from ${JSON.stringify(new URL('../../src/ssh/ssh.ts', import.meta.url).href)}
const connection = await login({ ...JSON.parse(process.env.OPTIONS), log: () => undefined })
await connection.lock('ann@laptop')
console.log('locked')
setInterval(() => undefined, 1000)`

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number | null> {
  return new Promise((resolve) => void spawn(program, [...args], { env, stdio: 'ignore' }).on('close', resolve))
}
