import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import { inventoryText, newServer } from '../../src/commands/inventory/init-file.ts'
import { type Inventory, loadInventory } from '../../src/inventory/inventory.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import { writeInventory } from '../../src/rehearsal/inventory.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { proofs } from '../../src/rehearsal/proof/prove.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { ours } from '../support/harness.ts'
import { openTerminal } from '../support/terminal.ts'

let name: string
const bin = fileURLToPath(new URL('../../src/bin.js', import.meta.url))
let scratch: string
let rehearsal: Rehearsal
let made: Inventory

before(async () => {
  name = await ours('e2e-wizard')
  scratch = mkdtempSync(join(tmpdir(), 'wizard-test-'))
  const answers = { hostname: 'example.org', address: '192.0.2.10', user: 'alice', name: 'example.org', accounts: 'alice' }
  const text = inventoryText(newServer({ ...answers, mx: 'mx1.example.org', dns: 'manual', web: 'here' }))
  writeFileSync(join(scratch, 'my.yml'), text)
  const inventory = await loadInventory(scratch, 'my')
  // A wildcard of example.org stands in the zone: what is added below it is found.
  rehearsal = await startRehearsal({ name, mxname: 'mx1.example.org', zones: zonesOf(inventory.server) })
  made = await writeInventory(inventory, rehearsal, () => undefined)
  const env = { ...process.env, PROVISION_ROOT_PASSWORD: rehearsal.rootPassword }
  await $({ env, quiet: true, timeout: '300s' })`${process.execPath} ${bin} --host my --inventory ${made.dir} --yes`
  // Its keys are made by now: the zone has all of it from here on.
  await $({ quiet: true, timeout: '60s' })`${process.execPath} ${bin} dns publish --host my --inventory ${made.dir} --yes`
})

after(async () => {
  await stopRehearsal(name)
  rmSync(scratch, { recursive: true, force: true })
})

test('domain add: at a terminal, from nothing to a mail from elsewhere and a page', async () => {
  const terminal = openTerminal(
    [process.execPath, bin, 'domain', 'add', 'shop.example.org', '--host', 'my', '--inventory', made.dir],
    { cwd: scratch },
  )
  try {
    await terminal.shows(/^\? Which mailboxes does it have\?/m)
    terminal.answer('bob')
    for (const asked of [/^\? Where is its web site/m, /^\? Which account gets/m, /^\? Which policies/m]) {
      await terminal.shows(asked)
      terminal.press('Enter')
    }
    await terminal.shows(/^\? Write this, correct my \(maddy, caddy\), and publish its records\?/m)
    terminal.press('y', 'Enter')
    assert.equal(await terminal.ended(240_000), 0, await terminal.shows(/./))
    const screen = await terminal.shows(/^shop\.example\.org works: a mail from it was sent/m)
    assert.match(screen, /^ {2}\+ default\._domainkey\.shop\.example\.org\. 3600 IN TXT "v=DKIM1; k=rsa; p=/m)
  } finally {
    terminal.close()
  }
  const { server, store } = await loadInventory(made.dir, 'my')
  await store.open()
  const added = { ...server, domains: server.domains.toReversed(), sites: server.sites.toReversed() }
  for (const proof of proofs(rehearsal, added, (secret) => store.value(secret) ?? assert.fail(secret))) {
    await proof.try()
  }
})

test('domain add: the same command goes on where it was stopped, and finds all of it done', async () => {
  const again = await $({
    quiet: true,
    nothrow: true,
    timeout: '240s',
  })`${process.execPath} ${bin} domain add shop.example.org --host my --inventory ${made.dir} --yes`
  assert.equal(again.exitCode, 0, again.stdout + again.stderr)
  assert.match(again.stderr, /shop\.example\.org is in .*my\.yml already: continuing with it/)
  assert.equal(again.stdout.match(/^nothing to do/gm)?.length, 4)
  assert.match(again.stdout, /^shop\.example\.org works/m)
})

test('account, alias and domain: each is corrected at once, and the last removal leaves nothing to do', async () => {
  const change = (...args: readonly string[]) =>
    $({ quiet: true, timeout: '120s' })`${process.execPath} ${bin} ${args} --host my --inventory ${made.dir} --yes`
  const text = () => readFileSync(made.file, 'utf8')
  const before = text()
  assert.match((await change('account', 'add', 'eve@example.org')).stdout, /mail-account:eve@example\.org mailbox absent/)
  assert.match(
    (await change('account', 'password', 'eve@example.org')).stdout,
    /mail-account:eve@example\.org password other → as declared/,
  )
  assert.match((await change('alias', 'add', 'info@example.org', 'eve')).stdout, /file:\/etc\/maddy\/aliases content/)
  assert.match((await change('alias', 'remove', 'info@example.org')).stdout, /file:\/etc\/maddy\/aliases content/)
  assert.match(
    (await change('account', 'remove', 'eve@example.org')).stderr,
    /the mail and the password of eve@example\.org stay on the host/,
  )
  assert.equal(text(), before)
  const removed = await change('domain', 'remove', 'shop.example.org')
  assert.match(removed.stdout, /^ {2}- default\._domainkey\.shop\.example\.org\. TXT "v=DKIM1; k=rsa; p=/m)
  assert.doesNotMatch(removed.stdout, /^ {2}- \S*(?<!shop\.example\.org)\. /m)
  const dns = new Resolver()
  dns.setServers([rehearsal.dnsServer])
  for (const [at, type] of [
    ['', 'MX'],
    ['', 'CAA'],
    ['_dmarc.', 'TXT'],
    ['default._domainkey.', 'TXT'],
    ['_imaps._tcp.', 'SRV'],
  ] as const)
    await assert.rejects(dns.resolve(`${at}shop.example.org`, type), { code: /^ENO(DATA|TFOUND)$/ }, `${at} ${type}`)
  assert.deepEqual((await dns.resolve('example.org', 'MX')).length, 1)
  const settled = await $({ quiet: true })`${process.execPath} ${bin} --host my --inventory ${made.dir} --check`
  assert.match(settled.stdout, /^nothing to do/m)
})
