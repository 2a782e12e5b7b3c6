import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { notify, notifyCurl } from '../../files/usr/local/sbin/provision-notify.ts'
import { Secret } from '../../src/secret.ts'

let dir: string
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'notify-test-'))
  mkdirSync(join(dir, 'bin'))
})
after(() => rmSync(dir, { recursive: true, force: true }))

/** The script with its mail program in our folder. */
function script(name: string, config: string | undefined): string {
  const path = join(dir, name)
  const mail = join(dir, 'sendmail')
  writeFileSync(path, notify({ hostname: 'host.example', config: config as `/${string}` }).replace('/usr/sbin/sendmail', mail))
  writeFileSync(mail, `#!/bin/sh\ncat > ${join(dir, 'mail')}\n`)
  for (const file of [path, mail]) chmodSync(file, 0o755)
  return path
}

/** Runs it without blocking us: we may be the server that it asks. */
async function run(path: string, args: readonly string[], input = ''): Promise<{ code: number; said: string }> {
  const child = spawn('dash', [path, ...args], { env: { PATH: process.env.PATH }, stdio: ['pipe', 'ignore', 'pipe'] })
  child.stdin.on('error', () => undefined).end(input)
  const said = text(child.stderr)
  const [code] = (await once(child, 'close')) as [number]
  return { code, said: await said }
}

test('notify: title, priority and text reach the server, with the token, and in no list of processes', async () => {
  const heard: { url?: string | undefined; headers: IncomingHttpHeaders; body: string }[] = []
  const server = createServer(async (request, response) => {
    heard.push({ url: request.url, headers: request.headers, body: await text(request) })
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const token = new Secret('ntfy/token', () => 'tk_"quoted\\')
    const config = join(dir, 'curl')
    writeFileSync(config, notifyCurl({ url, topic: 'here', token, ca: undefined }).reveal())
    const path = script('notify', config)
    assert.deepEqual(await run(path, ['-p', 'high', "it's $(id)\nüber", 'a\nb']), { code: 0, said: '' })
    assert.deepEqual(await run(path, ['long'], 'é'.repeat(4000)), { code: 0, said: '' })
    const [first, long] = heard
    assert.equal(first?.url, '/here')
    assert.equal(first?.headers.authorization, 'Bearer tk_"quoted\\')
    assert.equal(Buffer.from(String(first?.headers.title), 'latin1').toString(), "host.example: it's $(id) über")
    assert.deepEqual([first?.headers.priority, first?.body], ['high', 'a\nb'])
    assert.deepEqual([long?.headers.priority, long?.body], ['default', 'é'.repeat(1750)])
    assert.ok(!readFileSync(path, 'utf8').includes('tk_'))
  } finally {
    server.close()
  }
})

test('notify: a server that cannot be reached is told by mail, with why', async () => {
  const config = join(dir, 'curl-dead')
  writeFileSync(
    config,
    notifyCurl({ url: 'http://127.0.0.1:1', topic: 'here', token: undefined, ca: undefined })
      .reveal()
      .replace(/retry.*\n/, ''),
  )
  assert.equal((await run(script('notify-dead', config), ['disk full', 'no room'])).code, 0)
  const mail = readFileSync(join(dir, 'mail'), 'utf8')
  assert.match(mail, /^Subject: host\.example: disk full\n[\s\S]*\n\nno room\n\n\(by mail, because ntfy failed: curl: \(7\)/)
})

test('notify: without ntfy all goes by mail, its subject in letters that every mail server takes', async () => {
  assert.equal((await run(script('notify-mail', undefined), ['café'], 'from stdin')).code, 0)
  const mail = readFileSync(join(dir, 'mail'), 'utf8')
  assert.match(mail, new RegExp(`^Subject: =\\?UTF-8\\?B\\?${Buffer.from('host.example: café').toString('base64')}\\?=\n`))
  assert.match(mail, /\n\nfrom stdin\n$/)
})

test('notify: what nobody takes is an error, and so is a priority that does not exist', async () => {
  const path = script('notify-nobody', undefined)
  writeFileSync(join(dir, 'sendmail'), '#!/bin/sh\nexit 75\n')
  const { code, said } = await run(path, ['lost'], '')
  assert.equal(code, 1)
  assert.match(said, /neither ntfy nor mail took it: host\.example: lost/)
  assert.equal((await run(path, ['-p', 'loud', 'x', 'y'])).code, 2)
})

const log = `2026-11-20 06:11:02,101 INFO Starting unattended upgrades script
2026-11-20 06:11:04,202 INFO Packages that will be upgraded: old
2026-11-21 06:12:01,303 INFO Initial blacklist: 
2026-11-21 06:12:03,123 INFO Starting unattended upgrades script
2026-11-21 06:12:03,124 INFO Allowed origins are: origin=Debian,codename=bookworm,label=Debian
2026-11-21 06:12:05,123 INFO Packages that will be upgraded: libssl3 openssl
2026-11-21 06:12:09,123 INFO Package grub-pc is kept back because a related package is kept back or due to local apt_preferences(5).
2026-11-21 06:12:19,123 INFO All upgrades installed
`

/** What provision-updates tells of a log, the second time too. */
function updates(name: string, text: string): readonly string[] {
  const [file, state, bin] = [join(dir, name), join(dir, `${name}.state`), join(dir, `${name}.bin`)]
  mkdirSync(bin)
  writeFileSync(file, text)
  writeFileSync(join(bin, 'provision-notify'), `#!/bin/sh\nprintf '%s|' "$@" >> ${file}.said\n`, { mode: 0o755 })
  writeFileSync(`${file}.said`, '')
  const files = new URL('../../files', import.meta.url).pathname
  for (const _ of [1, 2]) {
    const { status, stderr } = spawnSync('dash', [join(files, 'usr/local/sbin/provision-updates'), file], {
      env: {
        PATH: `${bin}:${process.env.PATH}`,
        PROVISION_ROOT: files,
        PROVISION_STATE: state,
        PROVISION_RUN: `${state}.run`,
      },
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [0, ''])
  }
  return readFileSync(`${file}.said`, 'utf8').split('|').slice(0, -1)
}

test('updates: what the last run did and held back is told once', () => {
  const [flag, priority, title, body, ...more] = updates('did', log)
  assert.deepEqual([flag, priority, title, more], ['-p', 'low', 'automatic updates', []])
  assert.match(body!, /^Packages that will be upgraded: libssl3 openssl\nPackage grub-pc is kept back because/)
})

test('updates: what a source of others has of Debian’s packages is kept back silently, what it has promised and not given is told', () => {
  const kept = (name: string) =>
    `2026-11-21 06:13:19,123 INFO Package ${name} is kept back because a related package is kept back or due to local apt_preferences(5).\n`
  const begin = '2026-11-21 06:12:03,123 INFO Starting unattended upgrades script\n'
  const others = `${begin}2026-11-21 06:12:03,124 INFO Allowed origins are: site=packages.sury.org\n`
  assert.deepEqual(updates('kept', `${others}${kept('libgd3')}${kept('pkgconf')}`), [])
  const [, , , body] = updates('promised', `${others}${kept('libgd3')}${kept('php8.3-cli')}`)
  assert.match(body ?? '', /^Package php8\.3-cli is kept back[^\n]*$/)
  const [, , , debian] = updates('debian', `${begin}${kept('libgd3')}`)
  assert.match(debian ?? '', /libgd3 is kept back/)
})

test('updates: an error is told with high priority, and a run that had nothing to do not at all', () => {
  const [, priority, , body] = updates('failed', `${log}2026-11-21 06:13:19,123 ERROR Installing the upgrades failed!\n`)
  assert.deepEqual([priority, /ERROR: Installing the upgrades failed!$/.test(body!)], ['high', true])
  const quiet =
    '2026-11-21 06:12:03,123 INFO Starting unattended upgrades script\n2026-11-21 06:12:04,123 INFO No packages found that can be upgraded unattended and no pending auto-removals\n'
  assert.deepEqual(updates('quiet', quiet), [])
})
