import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { dkimFiles, loadInventory } from '../../src/inventory/inventory.ts'
import { zonesOf } from '../../src/rehearsal/internet/zones.ts'
import type { Rehearsal } from '../../src/rehearsal/open.ts'
import { startRehearsal, stopRehearsal } from '../../src/rehearsal/rehearsal.ts'
import { sh } from '../../src/sh.ts'
import { root } from '../../src/util/text.ts'
import {
  command,
  edit,
  isSettled,
  type Operator,
  operatorOf,
  ours,
  playbooksOf,
  provision,
  ready,
  told,
} from '../support/harness.ts'
import { openTerminal } from '../support/terminal.ts'

// The zones as a part of the plan: on a host with one file, whose zones are those of the reference server.
let rehearsal: Rehearsal
let operator: Operator

before(async () => {
  const { server } = await loadInventory(join(root.pathname, 'inventory'), 'xoyize.xyz')
  const name = await ours('e2e-zones')
  rehearsal = await startRehearsal({ name, mxname: server.mail.hostname, zones: zonesOf(server), image: ready() })
  operator = await operatorOf(rehearsal, rehearsal.host, {
    change: (document) => document.setIn(['dns', 'in_plan'], true),
  })
  playbooksOf(operator, 'oneFile')
  const run = await provision(operator, ['--yes'])
  assert.equal(run.code, 0, told(run))
})

after(() => stopRehearsal(rehearsal?.name ?? ''))

/** What a hand does to the zones, past us. */
async function update(...lines: readonly string[]): Promise<void> {
  const { tsig, dnsServer } = rehearsal
  const script = [`server ${dnsServer}`, ...lines, 'send', ''].join('\n')
  await rehearsal.internet.must(sh`printf '%s' ${script} | nsupdate -y ${[tsig.algorithm, tsig.name, tsig.secret].join(':')}`)
}

/** The records that a plan finds different. */
async function differing(...flags: readonly string[]): Promise<readonly string[]> {
  const run = await provision(operator, ['--check', ...flags])
  assert.equal(run.events.at(-1)?.execs, 1, told(run))
  const names = run.events.filter(({ event }) => (event as string) === 'finding')
  assert.equal(run.code, names.length === 0 ? 0 : 2, told(run))
  return names.map((event) =>
    Object.values({ ...event })
      .slice(2, 5)
      .join(' '),
  )
}

test('plan: host and zones as declared are one exec, and nothing to do', async () => {
  assert.deepEqual(await differing(), [])
  const run = await provision(operator, ['--yes'])
  assert.ok(isSettled(run), told(run))
})

test('plan: what differs on the host and in its zones is told together, each with what it means', async () => {
  await rehearsal.host.must(sh`echo two > /etc/one`)
  await update('del cinay.eu MX')
  await update('del yanfi.net TXT', 'add yanfi.net 300 TXT "v=spf1 a ~all"')
  const check = await command(operator, ['--check'])
  assert.equal(check.code, 2, told(check))
  assert.match(check.stdout, /^ {4}file:\/etc\/one content /m)
  assert.match(check.stdout, /^zone cinay\.eu\n {4}record:cinay\.eu MX absent → 10 mx1\.xoyize\.xyz\. \(mail outage: /m)
  assert.match(
    check.stdout,
    /^ {4}record:yanfi\.net TXT "v=spf1 a ~all" → "v=spf1 mx -all" \(mail outage: .*; others keep it for up to 300 s\)$/m,
  )
  assert.match(check.stdout, /^its zones: 1 missing, 1 wrong\nthe host and its zones differ \(/m)
})

test('plan: --yes corrects the host and leaves the zones, which it says; --publish writes them', async () => {
  const yes = await command(operator, ['--yes', '--overwrite'])
  assert.equal(yes.code, 0, told(yes))
  assert.match(yes.stdout, /^done: 1 corrected \(/m)
  assert.match(yes.stderr, /^its zones: 1 missing, 1 wrong; --publish writes what is missing or wrong$/m)
  assert.equal((await differing()).length, 2)
  const published = await command(operator, ['--yes', '--publish'])
  assert.equal(published.code, 0, told(published))
  assert.match(published.stderr, /^cinay\.eu: published at /m)
  assert.match(published.stdout, /^nothing to do \(1 resources, 1 exec, /m)
  assert.deepEqual(await differing(), [])
})

test('plan: a key that is on the host is looked for in its zone, in the same exec', async () => {
  const file = dkimFiles('cinay.eu', 'default').record
  await rehearsal.host.must(sh`mkdir -p "$(dirname ${file})"; echo 'v=DKIM1; k=rsa; p=QUJD' > ${file}`)
  assert.deepEqual(await differing(), ['missing default._domainkey.cinay.eu TXT'])
  assert.deepEqual(await differing('--only', 'dns'), ['missing default._domainkey.cinay.eu TXT'])
  assert.deepEqual(await differing('--only', 'one'), [])
})

test('plan: what is damaged on the host counts as absent, and is reported; no plan ends by it', async () => {
  const { hostname } = (await loadInventory(operator.inventory, 'xoyize.xyz')).server.mail
  const live = `/var/lib/certificates/${hostname}/live`
  await rehearsal.host.must(sh`mkdir -p ${live}; printf -- '-----BEGIN CERTIFICATE-----\nMIIB' > ${live}/fullchain.pem
truncate -s 0 ${dkimFiles('yanfi.net', 'default').record}`)
  const run = await command(operator, ['--check'])
  await rehearsal.host.must(sh`rm -r ${live} ${dkimFiles('yanfi.net', 'default').record}`)
  assert.equal(run.code, 2, told(run))
  assert.match(
    run.stdout,
    /– \/var\/lib\/certificates\/mx1\.xoyize\.xyz\/live\/fullchain\.pem on the host is damaged, and counts as absent/,
  )
  assert.match(run.stdout, /– \/var\/lib\/maddy\/dkim_keys\/yanfi\.net_default\.dns on the host is damaged/)
  assert.match(run.stdout, /^its zones: 1 missing$/m)
})

test('plan: at a terminal one question is of the host, and one of the zones', async () => {
  await rehearsal.host.must(sh`rm -f /etc/one`)
  const { home, inventory } = operator
  const words = [process.execPath, join(root.pathname, 'src/bin.js'), '--host', 'xoyize.xyz', '--inventory', inventory]
  const terminal = openTerminal(words, { cwd: home, env: { HOME: home, PROVISION_ROOT_PASSWORD: operator.host.rootPassword } })
  try {
    await terminal.shows(/Correct 1 difference on xoyize\.xyz\?/)
    terminal.answer('y')
    await terminal.shows(/Publish 1 change in 1 zone at /)
    terminal.answer('y')
    assert.equal(await terminal.ended(), 0)
    await terminal.shows(/done: 1 corrected/)
  } finally {
    terminal.close()
  }
  assert.deepEqual(await differing(), [])
})

test('--publish: addresses come before the web server, and a site that does not answer is reported', async () => {
  await update('del yanfi.net A', 'del yanfi.net AAAA', 'del _mta-sts.yanfi.net TXT')
  playbooksOf(operator, 'asker')
  const run = await command(operator, ['--yes', '--publish'])
  assert.equal(run.code, 0, told(run))
  const { address } = rehearsal.host
  assert.match(await rehearsal.host.must(sh`cat /run/asked`), new RegExp(`^${address.replaceAll('.', '\\.')} `, 'm'))
  // The policy is announced after the sites answer, or are given up.
  assert.match(run.stderr, /published at [\s\S]*waiting for \d+ of \d+ sites to answer over HTTPS: [\s\S]*published at /)
  assert.match(run.stderr, /^no answer over HTTPS from .*static\.yanfi\.net .*: connect ECONNREFUSED /m)
  const again = await provision(operator, ['--yes', '--publish'])
  assert.ok(isSettled(again), told(again))
  playbooksOf(operator, 'oneFile')
})

test('plan: name servers that do not answer are unknown: a check says so, and a run goes on', async () => {
  await rehearsal.internet.must(sh`systemctl stop named`)
  try {
    const check = await command(operator, ['--check'])
    assert.equal(check.code, 1, told(check))
    assert.match(check.stdout, /^zone cinay\.eu\n {2}\? /m)
    await rehearsal.host.must(sh`rm -f /etc/one`)
    const run = await command(operator, ['--yes'])
    assert.equal(run.code, 0, told(run))
    assert.match(run.stdout, /^done: 1 corrected \(/m)
  } finally {
    await rehearsal.internet.must(sh`systemctl start named`)
  }
})

test('plan: where nobody but a person may write the zones, --publish is refused before anything is changed', async () => {
  await rehearsal.host.must(sh`rm -f /etc/one`)
  edit(operator, (document) => {
    const lookup = document.getIn(['dns', 'lookup'])
    document.set('dns', document.createNode({ provider: 'manual', lookup }))
  })
  const run = await provision(operator, ['--yes', '--publish'])
  assert.equal(run.code, 1, told(run))
  assert.equal(run.error, 'dns.provider: is manual: nothing here may write your zones')
  assert.equal((await rehearsal.host.run(sh`[ ! -e /etc/one ]`)).code, 0)
  const yes = await command(operator, ['--yes'])
  assert.equal(yes.code, 0, told(yes))
})
