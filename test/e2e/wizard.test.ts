import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { openTerminal, type Terminal } from '../support/terminal.ts'

const bin = fileURLToPath(new URL('../../src/bin.js', import.meta.url))

before(() => {
  try {
    execFileSync('tmux', ['-V'])
  } catch {
    execFileSync('apt-get', ['install', '-y', 'tmux'], { stdio: 'ignore' })
  }
})

/** A folder in which somebody runs provision at a terminal. */
function sitDown(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'wizard-test-'))
  const inventory = join(cwd, 'servers')
  execFileSync('mkdir', [inventory])
  for (const [name, text] of Object.entries(files)) writeFileSync(join(inventory, name), text)
  t.after(() => rmSync(cwd, { recursive: true, force: true }))
  return {
    cwd,
    inventory,
    read: (name: string) => readFileSync(join(inventory, name), 'utf8'),
    run: (args: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 120): Terminal => {
      const terminal = openTerminal([process.execPath, bin, ...args], {
        cwd,
        env: { PROVISION_INVENTORY: inventory, HOME: cwd, ...env },
        columns,
      })
      t.after(() => terminal.close())
      return terminal
    },
  }
}

/** Answers one question after the other, each once it stands there unanswered. */
async function converse(terminal: Terminal, dialogue: readonly (readonly [asked: RegExp, ...keys: readonly string[]])[]) {
  for (const [asked, ...keys] of dialogue) {
    await terminal.shows(new RegExp(`^\\? ${asked.source}`, 'm'))
    const [first = '', ...rest] = keys
    if (first.startsWith('=')) terminal.answer(first.slice(1))
    else terminal.press(first)
    for (const key of rest) terminal.press(key)
  }
}

const small = `# Ours, since 2012.
version: 1
hostname: example.org   # as the PTR says
address: 192.0.2.10

admin:
  user: alice
dns:
  provider: manual
mail:
  hostname: mx1.example.org
  primary: example.org

domains:
  - name: example.org
    accounts:
      - address: alice   # her own
`

test('init: from nothing to a valid file, going back on the way, and a wrong answer is asked again', async (t) => {
  const { run, inventory, read } = sitDown(t)
  const terminal = run(['init', 'my.example.org'], { SSH_CONNECTION: '198.51.100.7 50000 192.0.2.1 22' })
  await converse(terminal, [[/What is the host called\? \(my\.example\.org\)/, '=Foo bar']])
  await terminal.shows(/> “Foo bar” is not a valid host name: letters, digits and hyphens, in lower case, with a dot/)
  await converse(terminal, [
    [/What is the host called\?/, '=my.example.org'],
    [/What is its IPv4 address, if it has one\?/, '=<'],
    [/What is the host called\? \(my\.example\.org\)/, 'Enter'],
    [/What is its IPv4 address, if it has one\?/, '=192.0.2.10'],
    [/And its IPv6 address, if it has one\?/, 'Enter'],
    [/What is your user name on the server\?/, '=root'],
  ])
  await terminal.shows(/> “root” is taken by the system or one of its daemons/)
  await converse(terminal, [
    [/What is your user name on the server\?/, '=alice'],
    [/Which domain is the primary one\? \(example\.org\)/, 'Enter'],
    [/Which mailboxes does it have\? \(alice\)/, '=-'],
  ])
  await terminal.shows(/> the primary domain needs an account/)
  await converse(terminal, [
    [/Which mailboxes does it have\?/, '=alice, bob'],
    [/What is the mail server called\? \(mx1\.example\.org\)/, '=mx1.example.com'],
  ])
  await terminal.shows(/> mx1\.example\.com is not below any of the domains/)
  await converse(terminal, [
    [/What is the mail server called\?/, '=mx1.example.org'],
    [/Where is its web site\?/, 'Enter'],
    [/Where are the DNS records kept\?/, 'Down', 'Enter'],
    [/Which name server takes updates\?/, '=192.0.2.53'],
    [/Which networks should never be banned\? \(198\.51\.100\.7\)/, 'Enter'],
    [/Write this to .*my\.example\.org\.yml\? \(y\/N\)/, '=maybe'],
  ])
  await terminal.shows(/> “maybe” is neither yes nor no: type y or n, or < to go back/)
  await converse(terminal, [
    [/Write this to .*my\.example\.org\.yml\? maybe/, '=<'],
    [/Which networks should never be banned\? \(198\.51\.100\.7\)/, 'Enter'],
    [/Write this to .*my\.example\.org\.yml\? \(y\/N\)/, 'y', 'Enter'],
  ])
  assert.equal(await terminal.ended(), 0)
  await terminal.shows(/bin\.js secrets set dns\/tsig --host my\.example\.org$/m)
  assert.equal(
    read('my.example.org.yml'),
    `# Made by “provision init”. Every key is explained in example.yml; what is not here has its default.
version: 1

hostname: my.example.org
address: 192.0.2.10

admin:
  user: alice

fail2ban:
  ignore:
    - 198.51.100.7

dns:
  provider: nsupdate
  server: 192.0.2.53

mail:
  hostname: mx1.example.org
  primary: example.org

domains:
  - name: example.org
    accounts:
      - address: alice
      - address: bob

sites:
  - domain: example.org
`,
  )
  assert.deepEqual(readdirSync(inventory), ['my.example.org.yml'])
  const { server } = await loadInventory(inventory, '192.0.2.10')
  assert.equal(server.ssh.port, 55148)
})

test('init: it never takes the place of a file, and Ctrl-C or Enter at the last question writes none and loses nothing', async (t) => {
  const { run, inventory, read } = sitDown(t, { 'my.yml': small })
  const refused = run(['init', 'my'])
  await refused.shows(/my\.yml: exists already/)
  assert.equal(await refused.ended(), 1)
  assert.equal(read('my.yml'), small)

  const left = run(['init'])
  await converse(left, [[/What is the host called\?/, '=my']])
  await left.shows(/> “my” is not a valid host name/)
  await converse(left, [
    [/What is the host called\?/, '=new.example'],
    [/What is its IPv4 address, if it has one\?/, '=192.0.2.11'],
    [/And its IPv6 address/, '=2001:db8::b'],
    [/What is your user name/, '=alice'],
    [/Which domain is the primary one\? \(new\.example\)/, 'Enter'],
    [/Which mailboxes does it have\? \(alice\)/, '=bob'],
    [/What is the mail server called\?/, 'C-c'],
  ])
  assert.equal(await left.ended(), 130)
  await left.shows(/your answers are kept; this proposes them again:\n {2}\S+bin\.js init$/m)

  const again = run(['init'])
  await again.shows(/Your answers of last time are proposed again/)
  await converse(again, [
    [/What is the host called\? \(new\.example\)/, 'Enter'],
    [/What is its IPv4 address, if it has one\? \(192\.0\.2\.11\)/, 'Enter'],
    [/And its IPv6 address, if it has one\? \(2001:db8::b\)/, '=-'],
    [/What is your user name on the server\? \(alice\)/, 'Enter'],
    [/Which domain is the primary one\? \(new\.example\)/, 'Enter'],
    [/Which mailboxes does it have\? \(bob\)/, 'Enter'],
    [/What is the mail server called\?/, 'Enter'],
    [/Where is its web site/, 'Enter'],
    [/Where are the DNS records kept\?/, 'Enter'],
    [/Write this to .*new\.example\.yml\?/, 'Enter'],
  ])
  assert.equal(await again.ended(), 1)
  await again.shows(/nothing was written\nyour answers are kept; this proposes them again:\n {2}\S+bin\.js init$/m)
  assert.deepEqual(readdirSync(inventory), ['my.yml'])
})

test('init: at 40 columns no word is cut, and what is printed to do next can be pasted', async (t) => {
  const { run, cwd } = sitDown(t)
  const there = run(['init', 'my.example.org', '--inventory', "ann's servers"], {}, 40)
  const enter = async (asked: RegExp) => converse(there, [[asked, 'Enter']])
  await converse(there, [[/What is the host called\?/, '=Foo bar']])
  const refused = await there.shows(/> “Foo bar”/)
  for (const line of [
    'Enter takes what is in brackets, -',
    '  its full public name, as hostname -f',
    '> “Foo bar” is not a valid host name:',
  ])
    assert.ok(refused.split('\n').includes(line), line)
  await converse(there, [
    [/What is the host called\?/, '=my.example.org'],
    [/What is its IPv4 address, if it has\n {2}one\?/, '=192.0.2.10'],
  ])
  await enter(/And its IPv6 address, if it has one\?/)
  await converse(there, [[/What is your user name on the server\?/, '=alice']])
  await enter(/Which domain is the primary one\?\n {2}\(example\.org\)/)
  await enter(/Which mailboxes does it have\? \(alice\)/)
  await enter(/What is the mail server called\?\n {2}\(mx1\.example\.org\)/)
  const list = await there.shows(/select$/m)
  assert.match(list, /^❯ here {7}on this server, as a site\n {13}of its own$/m)
  await enter(/Where is its web site\?/)
  await converse(there, [
    [/Where are the DNS records kept\?/, 'Down', 'Down', 'Enter'],
    [/Write this to ann's\n {2}servers\/my\.example\.org\.yml\? \(y\/N\)/, 'y', 'Enter'],
  ])
  assert.equal(await there.ended(), 0)
  const screen = await there.shows(/--check/)
  const commands = screen.split('\n').filter((line) => line.startsWith('  /'))
  assert.equal(commands.length, 3)
  for (const command of commands) assert.ok(command.endsWith(` --host my.example.org --inventory 'ann'\\''s servers'`), command)
  const records = execFileSync('sh', ['-c', commands[0]!], { cwd, encoding: 'utf8', env: { ...process.env, HOME: cwd } })
  assert.match(records, /^mx1\.example\.org\. 3600 IN A 192\.0\.2\.10$/m)
})

test('a host without an inventory: one is offered at a terminal', async (t) => {
  const { run, inventory } = sitDown(t, { 'my.yml': small })
  const terminal = run(['--host', '192.0.2.99', '--check'])
  await terminal.shows(/192\.0\.2\.99: no inventory in .* has this file name, host name or address; there is: my, example\.org/)
  await converse(terminal, [
    [/Make one now, by some questions\?/, 'y', 'Enter'],
    [/What is the host called\?/, '=other.example'],
    [/What is its IPv4 address, if it has one\? \(192\.0\.2\.99\)/, 'C-c'],
  ])
  assert.equal(await terminal.ended(), 130)
  assert.deepEqual(readdirSync(inventory), ['my.yml'])
})

test('domain add: five questions, the difference, one yes; comments stay, and the records are printed', async (t) => {
  const { run, read } = sitDown(t, { 'my.yml': small })
  const terminal = run(['domain', 'add', '--host', 'my', '--no-apply'])
  await converse(terminal, [[/Which domain\?/, '=example.org']])
  await terminal.shows(/> example\.org is in the inventory already/)
  await converse(terminal, [
    [/Which domain\?/, '=new.example'],
    [/Which mailboxes does it have\?/, '=Bob eve'],
  ])
  await terminal.shows(/> “Bob” is not a valid mailbox name/)
  await converse(terminal, [
    [/Which mailboxes does it have\?/, '=bob eve'],
    [/Where is its web site\?/, 'Enter'],
    [/Which account gets mail for unknown addresses\?/, '=zoe'],
  ])
  await terminal.shows(/> zoe@new\.example is not an account of new\.example/)
  await converse(terminal, [
    [/Which account gets mail for unknown addresses\?/, '=eve'],
    [/Which policies for forged mail and for TLS\?/, 'Enter'],
    [/Write this\?/, 'y', 'Enter'],
  ])
  assert.equal(await terminal.ended(), 0)
  const screen = await terminal.shows(/DKIM is not among them/)
  assert.match(screen, /^\+ {2}- name: new\.example$/m)
  assert.match(screen, /^new\.example\. 3600 IN MX 10 mx1\.example\.org\.$/m)
  assert.match(screen, /^; you publish them \(dns\.provider: manual\)/m)
  assert.equal(
    read('my.yml'),
    `${small}
  - name: new.example
    accounts:
      - address: bob
      - address: eve
    catch_all: eve

sites:
  - domain: new.example
`,
  )
})

test('domain add: back through a list, to another answer', async (t) => {
  const { run, read } = sitDown(t, { 'my.yml': small })
  const terminal = run(['domain', 'add', 'new.example', '--host', 'my', '--no-apply'])
  await converse(terminal, [
    [/Which mailboxes does it have\?/, 'Enter'],
    [/Where is its web site\?/, 'Down', 'Down', 'Enter'],
    [/What are the addresses of that host\?/, '=nowhere'],
  ])
  await terminal.shows(/> “nowhere” is not a valid IPv4 address/)
  await converse(terminal, [
    [/What are the addresses of that host\?/, '=<'],
    [/Where is its web site\?/, 'Down', 'Enter'],
  ])
  await converse(terminal, [
    [/Which mailboxes does it have\?/, '=bob'],
    [/Where is its web site\?/, 'Up', 'Enter'],
    [/Which account gets mail for unknown addresses\?/, 'Enter'],
    [/Which policies for forged mail and for TLS\?/, 'Down', 'Enter'],
    [/What should others do with forged mail\?/, 'Down', 'Enter'],
    [/Who gets the reports\? \(postmaster\)/, 'Enter'],
    [/How strict should MTA-STS be\?/, 'Enter'],
    [/Write this\?/, 'y', 'Enter'],
  ])
  assert.equal(await terminal.ended(), 0)
  assert.equal(
    read('my.yml'),
    `${small}
  - name: new.example
    accounts:
      - address: bob
    dmarc:
      policy: reject
`,
  )
})

test('domain add: no, and Ctrl-C, leave the file as it was', async (t) => {
  const { run, read, inventory } = sitDown(t, { 'my.yml': small })
  const no = run(['account', 'add', 'bob@example.org', '--host', 'my', '--no-apply'])
  await no.shows(/^\+ {6}- address: bob$/m)
  await converse(no, [[/Write this\?/, 'Enter']])
  assert.equal(await no.ended(), 1)
  await no.shows(/nothing was written/)
  const left = run(['domain', 'add', 'new.example', '--host', 'my', '--no-apply'])
  await converse(left, [
    [/Which mailboxes does it have\?/, '=bob'],
    [/Where is its web site/, 'C-c'],
  ])
  assert.equal(await left.ended(), 130)
  assert.equal(read('my.yml'), small)
  assert.deepEqual(readdirSync(inventory), ['my.yml'])
  const again = run(['domain', 'add', 'new.example', '--host', 'my', '--no-apply'])
  await converse(again, [
    [/Which mailboxes does it have\? \(bob\)/, 'Enter'],
    [/Where is its web site/, 'Enter'],
    [/Which account gets mail for unknown addresses\?/, 'Enter'],
    [/Which policies for forged mail/, 'Enter'],
    [/Write this\?/, '=<'],
    [/Which policies for forged mail/, 'Enter'],
    [/Write this\?/, 'y', 'Enter'],
  ])
  assert.equal(await again.ended(), 0)
  await again.shows(/^next, to correct the host:\n {2}\S+bin\.js --host my$/m)
  // What was written is not proposed once more.
  const next = run(['domain', 'add', 'other.example', '--host', 'my', '--no-apply'])
  await converse(next, [[/Which mailboxes does it have\?/, 'C-c']])
  assert.doesNotMatch(await next.shows(/mailboxes/), /proposed again/)
})

test('account password: typed twice, going back when they differ, and stored', async (t) => {
  const { run } = sitDown(t, { 'my.yml': small })
  const typed = run(['account', 'password', 'alice@example.org', '--host', 'my', '--no-apply'])
  await converse(typed, [
    [/New password of alice@example\.org \(Enter generates one\)/, '=wrong'],
    [/Once more/, '=another'],
  ])
  await typed.shows(/> this differs from what you typed first: correct it, or go back with </)
  await converse(typed, [[/Once more/, '=<']])
  await converse(typed, [
    [/New password of alice@example\.org/, '=correct horse'],
    [/Once more/, '=correct horse'],
  ])
  assert.equal(await typed.ended(), 0)
  const shown = run(['secrets', 'show', 'mail/alice@example.org', '--host', 'my'])
  await shown.shows(/^correct horse$/m)
  const screen = await typed.shows(/stored/)
  assert.doesNotMatch(screen, /horse|wrong/)
})
