import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
    inventory,
    read: (name: string) => readFileSync(join(inventory, name), 'utf8'),
    run: (args: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal => {
      const terminal = openTerminal([process.execPath, bin, ...args], {
        cwd,
        env: { PROVISION_INVENTORY: inventory, HOME: cwd, ...env },
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
  await terminal.shows(/> “Foo bar” is no host name: letters, digits and hyphens, in lower case, with a dot/)
  await converse(terminal, [
    [/What is the host called\?/, '=my.example.org'],
    [/What is its IPv4 address, if it has one\?/, '=<'],
    [/What is the host called\? \(my\.example\.org\)/, 'Enter'],
    [/What is its IPv4 address, if it has one\?/, '=192.0.2.10'],
    [/And its IPv6 address, if it has one\?/, 'Enter'],
    [/What is your user name on the server\?/, '=root'],
  ])
  await terminal.shows(/> “root” is a name that the system or one of our daemons has/)
  await converse(terminal, [
    [/What is your user name on the server\?/, '=alice'],
    [/Which domain is the primary one\? \(example\.org\)/, 'Enter'],
    [/Which mailboxes has it\? \(alice\)/, '=-'],
  ])
  await terminal.shows(/> the primary domain needs an account/)
  await converse(terminal, [
    [/Which mailboxes has it\?/, '=alice, bob'],
    [/What is the mail server called\? \(mx1\.example\.org\)/, '=mx1.example.com'],
  ])
  await terminal.shows(/> mx1\.example\.com is below none of the domains/)
  await converse(terminal, [
    [/What is the mail server called\?/, '=mx1.example.org'],
    [/Is its web site here or elsewhere\?/, 'Enter'],
    [/Where are the DNS records kept\?/, 'Down', 'Enter'],
    [/Which name server takes updates\?/, '=192.0.2.53'],
    [/Which networks shall never be banned\? \(198\.51\.100\.7\)/, 'Enter'],
    [/Write this to .*my\.example\.org\.yml\?/, 'y', 'Enter'],
  ])
  assert.equal(await terminal.ended(), 0)
  await terminal.shows(/provision secrets set dns\/tsig --host my\.example\.org/)
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

test('init: it never takes the place of a file, and Ctrl-C at the last question writes none', async (t) => {
  const { run, inventory, read } = sitDown(t, { 'my.yml': small })
  const refused = run(['init', 'my'])
  await refused.shows(/my\.yml: is there already/)
  assert.equal(await refused.ended(), 1)
  assert.equal(read('my.yml'), small)

  const left = run(['init'])
  await converse(left, [
    [/What is the host called\?/, '=new.example'],
    [/What is its IPv4 address, if it has one\?/, '=192.0.2.11'],
    [/And its IPv6 address/, '=2001:db8::b'],
    [/What is your user name/, '=alice'],
    [/Which domain is the primary one\? \(new\.example\)/, 'Enter'],
    [/Which mailboxes has it\?/, 'Enter'],
    [/What is the mail server called\?/, 'Enter'],
    [/Is its web site here/, 'Enter'],
    [/Where are the DNS records kept\?/, 'Enter'],
    [/Write this to .*new\.example\.yml\?/, 'C-c'],
  ])
  assert.equal(await left.ended(), 130)
  assert.deepEqual(readdirSync(inventory), ['my.yml'])
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
  await terminal.shows(/> example\.org is declared twice/)
  await converse(terminal, [
    [/Which domain\?/, '=new.example'],
    [/Which mailboxes has it\?/, '=Bob eve'],
  ])
  await terminal.shows(/> “Bob” is no name of a mailbox/)
  await converse(terminal, [
    [/Which mailboxes has it\?/, '=bob eve'],
    [/Is its web site here or elsewhere\?/, 'Enter'],
    [/Which account gets what is sent to no one\?/, '=zoe'],
  ])
  await terminal.shows(/> zoe@new\.example is no account of new\.example/)
  await converse(terminal, [
    [/Which account gets what is sent to no one\?/, '=eve'],
    [/What do others learn about forged mail, and about TLS\?/, 'Enter'],
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
    [/Which mailboxes has it\?/, 'Enter'],
    [/Is its web site here or elsewhere\?/, 'Down', 'Down', 'Enter'],
    [/What are the addresses of that host\?/, '=nowhere'],
  ])
  await terminal.shows(/> “nowhere” is no IPv4 address/)
  await converse(terminal, [
    [/What are the addresses of that host\?/, '=<'],
    [/Is its web site here or elsewhere\?/, 'Down', 'Enter'],
  ])
  await converse(terminal, [
    [/Which mailboxes has it\?/, '=bob'],
    [/Is its web site here or elsewhere\?/, 'Up', 'Enter'],
    [/Which account gets what is sent to no one\?/, 'Enter'],
    [/What do others learn about forged mail, and about TLS\?/, 'Down', 'Enter'],
    [/What shall others do with forged mail\?/, 'Down', 'Enter'],
    [/Who gets the reports\? \(postmaster\)/, 'Enter'],
    [/How firm is MTA-STS\?/, 'Enter'],
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
    [/Which mailboxes has it\?/, '=bob'],
    [/Is its web site here/, 'C-c'],
  ])
  assert.equal(await left.ended(), 130)
  assert.equal(read('my.yml'), small)
  assert.deepEqual(readdirSync(inventory), ['my.yml'])
})

test('account password: typed twice, and stored; empty makes one up', async (t) => {
  const { run, inventory } = sitDown(t, { 'my.yml': small })
  const differ = run(['account', 'password', 'alice@example.org', '--host', 'my', '--no-apply'])
  await converse(differ, [
    [/New password of alice@example\.org/, '=one'],
    [/Once more/, '=another'],
  ])
  assert.equal(await differ.ended(), 1)
  assert.equal(existsSync(join(inventory, 'my.secrets.age')), false)
  const typed = run(['account', 'password', 'alice@example.org', '--host', 'my', '--no-apply'])
  await converse(typed, [
    [/New password of alice@example\.org/, '=correct horse'],
    [/Once more/, '=correct horse'],
  ])
  assert.equal(await typed.ended(), 0)
  const shown = run(['secrets', 'show', 'mail/alice@example.org', '--host', 'my'])
  await shown.shows(/^correct horse$/m)
  const screen = await typed.shows(/stored/)
  assert.doesNotMatch(screen, /horse/)
})
