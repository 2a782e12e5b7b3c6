import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type HostConfig, parseJumps, readConfig } from '../../../src/ssh/config.ts'
import { string } from '../../../src/ssh/keys/agent-protocol.ts'
import { asksForNew } from '../../../src/ssh/login/expired.ts'
import { rungs } from '../../../src/ssh/login/ladder.ts'
import { sentTo } from '../../../src/ssh/login/turned-away.ts'
import { afterStart, lineReader, records } from '../../../src/ssh/session/records.ts'
import { operatorKey } from '../../../src/ssh/ssh.ts'
import { until } from '../../support/sshd.ts'

const dir = mkdtempSync(join(tmpdir(), 'provision-'))
after(() => rmSync(dir, { recursive: true }))

const nothing: HostConfig = {
  hostName: 'h',
  alias: 'h',
  port: undefined,
  user: undefined,
  identityFiles: [],
  identityAgent: undefined,
  identitiesOnly: false,
  jumps: [],
}
const ladder = (asked: { readonly port?: number }, config: Partial<HostConfig> = {}, sshPort = 55148): readonly string[] =>
  rungs({ admin: 'ann', sshPort, ...asked }, { ...nothing, ...config }).map((rung) => `${rung.user} ${rung.port} ${rung.with}`)

const ladders = {
  'the admin, then root with a key, then with a password': [
    {},
    {},
    55148,
    ['ann 55148 a key', 'root 22 a key', 'ann 22 a key', 'root 22 a password'],
  ],
  'a port that was asked for comes first, as admin and as root': [
    { port: 2222 },
    {},
    55148,
    [
      'ann 2222 a key',
      'root 2222 a key',
      'ann 55148 a key',
      'root 22 a key',
      'ann 22 a key',
      'root 2222 a password',
      'root 22 a password',
    ],
  ],
  'no rung is tried twice': [{ port: 22 }, {}, 22, ['ann 22 a key', 'root 22 a key', 'root 22 a password']],
  'the user and the port of ~/.ssh/config': [
    {},
    { port: 2200, user: 'debian' },
    22,
    [
      'ann 2200 a key',
      'root 2200 a key',
      'ann 22 a key',
      'root 22 a key',
      'debian 2200 a key',
      'root 2200 a password',
      'root 22 a password',
    ],
  ],
} as const

for (const [name, [asked, config, sshPort, expected]] of Object.entries(ladders))
  test(`ladder: ${name}`, () => assert.deepEqual(ladder(asked, config, sshPort), expected))

for (const [questions, answers] of [
  [
    ['Current password: ', 'New password: ', 'Retype new password: '],
    [false, true, true],
  ],
  [
    ['New password: ', 'Retype new password: '],
    [true, true],
  ],
  [
    ['(current) UNIX password: ', 'Enter new UNIX password: ', 'Retype new UNIX password: '],
    [false, true, true],
  ],
  [
    ['Aktuelles Passwort: ', 'Geben Sie ein neues Passwort ein: ', 'Geben Sie das neue Passwort erneut ein: '],
    [false, true, true],
  ],
] as const)
  test(`a password that has expired: what is asked for, ${questions.join('')}`, () =>
    assert.deepEqual(questions.map(asksForNew), answers))

for (const [said, name] of [
  ['Please login as the user "debian" rather than the user "root".', 'debian'],
  ["Please login as the user 'admin' rather than the user 'root'.", 'admin'],
  ['Please login as the user debian', 'debian'],
  ['Please login as the ec2-user user rather than root user.', 'ec2-user'],
  ['Please login as the user "NONE" rather than the user "root".', undefined],
  ['This account is currently not available.', undefined],
] as const)
  test(`a login that is sent away, to ${name}: ${said}`, () => assert.equal(sentTo(said), name))

test('ssh config: a file that is not there says nothing', async () => {
  assert.deepEqual(await readConfig(join(dir, 'absent'), 'h', { HOME: dir }), nothing)
})

test('ssh config: host blocks, wildcards, includes, tokens; the first value counts', async () => {
  mkdirSync(join(dir, '.ssh', 'conf.d'), { recursive: true })
  writeFileSync(join(dir, '.ssh', 'conf.d', 'one.conf'), 'Host vps\n  HostName 192.0.2.7\n  IdentityFile ~/.ssh/%h_key\n')
  writeFileSync(
    join(dir, '.ssh', 'config'),
    'Include conf.d/*.conf\nhost v*\n  port 2200\n  User debian\n  hostname other\n  ProxyJump none\nHost *\n  Port 22\n  IdentityFile "%d/a key"\n  ProxyJump x@[2001:db8::1]:2022,ssh://gate\n',
  )
  assert.deepEqual(await readConfig(join(dir, '.ssh', 'config'), 'vps', { HOME: dir }), {
    hostName: '192.0.2.7',
    alias: '192.0.2.7',
    port: 2200,
    user: 'debian',
    identityFiles: [join(dir, '.ssh/192.0.2.7_key'), join(dir, 'a key')],
    identityAgent: undefined,
    identitiesOnly: false,
    jumps: [],
  })
  assert.deepEqual((await readConfig(join(dir, '.ssh', 'config'), 'else', { HOME: dir })).jumps, [
    { user: 'x', host: '2001:db8::1', port: 2022 },
    { user: undefined, host: 'gate', port: undefined },
  ])
})

test('ssh config: IdentityAgent and IdentityFile with their tokens, as OpenSSH expands them', async () => {
  const env = { HOME: dir, SOCK: '/run/x', SSH_AUTH_SOCK: '/run/y' }
  const file = join(dir, 'tokens')
  const user = userInfo().username
  for (const [said, agent] of [
    ['~/agent.sock', join(dir, 'agent.sock')],
    ['"~/Library/Group Containers/1p/agent.sock"', join(dir, 'Library/Group Containers/1p/agent.sock')],
    ['%d/%u-%n-%h-%p-%r-%i-%%.sock', join(dir, `${user}-vps-192.0.2.7-2200-debian-${process.getuid?.()}-%.sock`)],
    ['${HOME}/a', join(dir, 'a')],
    ['$SOCK', '/run/x'],
    ['SSH_AUTH_SOCK', undefined],
    ['none', 'none'],
  ]) {
    writeFileSync(
      file,
      `Host vps\n  HostName 192.0.2.7\n  Port 2200\n  User debian\n  IdentityAgent ${said}\n  IdentityFile \${HOME}/%u/%n\n`,
    )
    const config = await readConfig(file, 'vps', env)
    assert.equal(config.identityAgent, agent, said)
    assert.deepEqual(config.identityFiles, [join(dir, user, 'vps')])
  }
})

test('ssh config: what cannot be followed is an error, not a direct connection', async () => {
  writeFileSync(join(dir, 'proxy'), 'Host h\n  ProxyCommand nc -X connect %h %p\n')
  await assert.rejects(
    readConfig(join(dir, 'proxy'), 'h', { HOME: dir }),
    /h is reached through a ProxyCommand, which is not supported/,
  )
  assert.throws(() => parseJumps('f', 'h', 'a b:c'), /ProxyJump a b:c of h cannot be read/)
})

test('ssh config: a Match exec runs nothing', async () => {
  writeFileSync(join(dir, 'match'), `Match exec "touch ${dir}/pwned"\n  HostName evil\n`)
  await readConfig(join(dir, 'match'), 'h', { HOME: dir })
  assert.equal(existsSync(join(dir, 'pwned')), false)
})

test('operator key: made when there is none, and said; the same one from then on', async () => {
  const home = join(dir, 'home')
  const said: string[] = []
  const options = {
    address: 'h',
    configFile: join(home, '.ssh/config'),
    env: { HOME: home },
    log: (line: string) => said.push(line),
  }
  const made = await operatorKey(options, { make: true })
  assert.equal(made.made, true)
  assert.match(said.join('\n'), /^made the key \S+\/\.ssh\/id_ed25519 \(SHA256:\S+\): keep a copy of it/)
  assert.deepEqual(
    [0o600, 0o700],
    [join(home, '.ssh/id_ed25519'), join(home, '.ssh')].map((path) => statSync(path).mode & 0o777),
  )
  assert.equal(made.publicKey, readFileSync(join(home, '.ssh/id_ed25519.pub'), 'utf8').trim())
  assert.deepEqual(await operatorKey(options, { make: true }), {
    publicKey: made.publicKey,
    made: false,
    source: join(home, '.ssh/id_ed25519'),
  })
  assert.equal(said.length, 1)
})

test('operator key: a run that only looks makes none', async () => {
  const home = join(dir, 'looks')
  const said: string[] = []
  const options = { address: 'h', configFile: join(home, 'config'), env: { HOME: home }, log: (line: string) => said.push(line) }
  const { made, publicKey } = await operatorKey(options, { make: false })
  assert.deepEqual([made, existsSync(home)], [false, false])
  assert.match(publicKey, /^ssh-ed25519 to-be-made /)
  assert.deepEqual(said, [`no key of yours is here: a run that corrects makes ${join(home, '.ssh/id_ed25519')}`])
})

test('operator key: on a terminal it is asked for, and none is made without a yes', async () => {
  const home = join(dir, 'asked')
  const options = { address: 'h', configFile: join(home, 'config'), env: { HOME: home }, log: () => undefined }
  const asked: string[] = []
  const confirm = (answer: boolean) => async (question: string) => {
    asked.push(question)
    return answer
  }
  await assert.rejects(operatorKey(options, { make: true, confirm: confirm(false) }), {
    where: 'admin.keys',
    message: '“operator” is the key that you log in with, and there is none',
  })
  assert.equal(existsSync(home), false)
  assert.equal((await operatorKey(options, { make: true, confirm: confirm(true) })).made, true)
  assert.equal(asked[0], `There is no SSH key of yours here. Make ${join(home, '.ssh/id_ed25519')}, without a passphrase?`)
})

for (const name of ['id_ecdsa', 'id_rsa', 'id_ed25519_sk'])
  test(`operator key: ${name} is one, so none is made`, async () => {
    const home = join(dir, name)
    mkdirSync(join(home, '.ssh'), { recursive: true })
    const path = join(home, '.ssh', name)
    if (name === 'id_ed25519_sk') {
      const blob = Buffer.concat(['sk-ssh-ed25519@openssh.com', '\0'.repeat(32), 'ssh:'].map((part) => string(Buffer.from(part))))
      writeFileSync(path, 'what only a security key can use\n')
      writeFileSync(`${path}.pub`, `sk-ssh-ed25519@openssh.com ${blob.toString('base64')} a stick\n`)
    } else spawnSync('ssh-keygen', ['-q', '-t', name.slice(3), '-N', '', '-C', '', '-f', path])
    const options = { address: 'h', configFile: join(home, 'config'), env: { HOME: home }, log: () => undefined }
    const found = await operatorKey(options, { make: true })
    assert.deepEqual([found.made, found.source], [false, path])
    assert.equal(existsSync(join(home, '.ssh/id_ed25519')), false)
  })

test('operator key: one that cannot be read is an error that says how to read it, and none is made', async () => {
  const home = join(dir, 'unread')
  mkdirSync(join(home, '.ssh'), { recursive: true })
  writeFileSync(join(home, '.ssh/id_rsa'), 'damaged\n')
  const options = { address: 'h', configFile: join(home, 'config'), env: { HOME: home }, log: () => undefined }
  await assert.rejects(operatorKey(options, { make: true }), {
    where: join(home, '.ssh/id_rsa'),
    message: 'the public half of this key cannot be read',
  })
  assert.equal(existsSync(join(home, '.ssh/id_ed25519')), false)
})

test('operator key: where an agent runs that holds none, none is made without a question', async () => {
  const home = join(dir, 'empty-agent')
  mkdirSync(home)
  const socket = join(home, 'agent')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  try {
    // Its socket is there before it listens. 1 is its own answer, that it holds none; 2 that it cannot be asked.
    const asked = { env: { ...process.env, SSH_AUTH_SOCK: socket } }
    await until(() => spawnSync('ssh-add', ['-l'], asked).status === 1, 'the agent listens')
    const options = {
      address: 'h',
      configFile: join(home, 'config'),
      env: { HOME: home, SSH_AUTH_SOCK: socket },
      log: () => undefined,
    }
    await assert.rejects(operatorKey(options, { make: true }), {
      where: 'admin.keys',
      message: `“operator” is the key that you log in with, and the agent at ${socket} holds no key`,
    })
    assert.equal((await operatorKey(options, { make: true, confirm: async () => true })).made, true)
  } finally {
    agent.kill()
  }
})

/** A stream in every possible way of cutting it in two. */
function* cuts(text: string): Generator<readonly Buffer[]> {
  const bytes = Buffer.from(text)
  for (let i = 0; i <= bytes.length; i++) yield [bytes.subarray(0, i), bytes.subarray(i)]
}

test('records: told from what stands between them, wherever the packets are cut', () => {
  const stream = 'noise\x1e\x1en0 start\nfirst é\x1en1 not ours\nlast\x1en0 done 0 5\ntail'
  for (const chunks of cuts(stream)) {
    const seen: string[] = []
    const data: Buffer[] = []
    const feed = records('n0', { record: (text) => seen.push(text), data: (bytes) => data.push(bytes) })
    for (const chunk of chunks) feed(chunk)
    assert.deepEqual(seen, ['start', 'done 0 5'])
    assert.equal(Buffer.concat(data).toString(), 'noise\x1efirst é\x1en1 not ours\nlasttail')
  }
})

test('records: what stands before the start is not ours, and without a start there is nothing', () => {
  assert.equal(afterStart(Buffer.from('noise\x1en0 start\nours\n'), 'n0')?.toString(), 'ours\n')
  assert.equal(afterStart(Buffer.from('noise\x1en1 start\n'), 'n0'), undefined)
})

test('lines: whole ones as they come, the last one at the end', () => {
  for (const chunks of cuts('één\ntwo\n\nlast')) {
    const seen: string[] = []
    const reader = lineReader((line) => seen.push(line))
    for (const chunk of chunks) reader.add(chunk)
    assert.deepEqual(seen, ['één', 'two', ''])
    reader.end()
    assert.equal(seen.at(-1), 'last')
  }
})
