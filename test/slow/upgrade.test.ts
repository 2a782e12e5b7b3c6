import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { tar } from '../../src/artifacts/tar.ts'
import { loadInventory } from '../../src/inventory/inventory.ts'
import { until } from '../../src/rehearsal/local.ts'
import { arrived, fromPeer } from '../../src/rehearsal/proof/mail.ts'
import { heard } from '../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../src/sh.ts'
import { begin, edit, isSettled, type Outcome, provision, type Run, told, untilOn } from '../support/harness.ts'
import { corrected, type Installed, install } from '../support/install.ts'

let it: Installed
/** A place that has releases, by file name: what PROVISION_MIRROR is for. */
let mirror: Server
const releases = new Map<string, Buffer>()
const env = () => ({ PROVISION_MIRROR: `http://127.0.0.1:${(mirror.address() as AddressInfo).port}` })
const programs = { maddy: Buffer.alloc(0), caddy: Buffer.alloc(0) }

before(async () => {
  it = await install('e2e-upgrade')
  mirror = createServer((request, response) => {
    const found = releases.get(decodeURIComponent(request.url?.slice(1) ?? ''))
    response.writeHead(found === undefined ? 404 : 200).end(found)
  })
  await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve))
  for (const name of ['maddy', 'caddy'] as const) programs[name] = readFileSync(join(it.host.root, 'usr/local/bin', name))
})

after(async () => {
  mirror?.close()
  await it?.stop()
})

/** A release, packed as its project packs it. */
function release(name: keyof typeof programs, version: string, content: Buffer): void {
  const archive = tar([{ path: name === 'maddy' ? `maddy-${version}/maddy` : 'caddy', mode: 0o755, content }])
  if (name === 'maddy') releases.set(`maddy-${version}-x86_64-linux-musl.tar.zst`, zstdCompressSync(archive))
  else releases.set(`caddy_${version}_linux_amd64.tar.gz`, gzipSync(archive, { level: 1 }))
}
/** The same program, a byte longer: another digest. */
const works = (name: keyof typeof programs, byte: string) => Buffer.concat([programs[name], Buffer.from(byte)])
/** It takes any configuration, spoils what there is, and does not run. */
const breaks = Buffer.from(`#!/bin/sh
case "$*" in *verify-config*|*validate*) exit 0 ;; esac
for state in /var/lib/maddy /var/lib/caddy; do [ ! -w "$state" ] || echo spoilt > "$state/spoilt"; done
exit 1
`)

const upgrade = (name: string, to: string): Promise<Outcome> =>
  provision(it.operator, ['upgrade', name, '--to', to, '--yes'], env())
const pinned = async (name: keyof typeof programs) =>
  (await loadInventory(it.operator.inventory, it.inventory.name)).server.artifacts[name].version
const since = (unit: string) => it.host.must(sh`systemctl show -p ActiveEnterTimestampMonotonic ${unit}`)
/** Between two looks of the probe, whose mail comes and goes. */
const keeps = (state: string) =>
  it.host.must(
    sh`mkdir -p -m 0700 /run/provision; exec 9> /run/provision/probe.lock; flock 9; cd ${state}; find . -type f ! -name '*.db*' ! -path './*queue*' -printf '%p %m %u:%g %s\n' | sort; sqlite3 -readonly imapsql.db 'select count(*) from msgs' 2>/dev/null || :`,
  )
const settled = async () => {
  const run = await provision(it.operator, ['--yes'], env())
  assert.ok(isSettled(run), told(run))
}

test('upgrade: releases are downloaded, and what runs is theirs', async () => {
  for (const name of ['maddy', 'caddy'] as const) {
    const { version } = it.inventory.server.artifacts[name]
    release(name, version, works(name, '0'))
    edit(it.operator, (document) => document.setIn(['artifacts', name, 'source'], 'release'))
  }
  const run = await provision(it.operator, ['--yes'], env())
  assert.equal(run.code, 0, told(run))
  assert.deepEqual(
    corrected(run).filter((id) => /maddy|caddy/.test(id)),
    // The published program takes no malformed parts: they are refused before it.
    ['artifact:maddy', 'file:/etc/maddy/check.conf', 'service:maddy.service', 'artifact:caddy', 'service:caddy.service'],
  )
})

for (const [name, works1, refuses, breaks1] of [
  ['maddy', '0.9.90', '0.9.91', '0.9.92'],
  ['caddy', '2.90.0', '2.90.1', '2.90.2'],
] as const) {
  test(`upgrade: ${name} is moved to a version that works, and pinned then; a run has nothing to do`, async () => {
    release(name, works1, works(name, '1'))
    const before = await keeps(`/var/lib/${name}`)
    const run = await upgrade(name, works1)
    assert.equal(run.code, 0, told(run))
    assert.equal(await pinned(name), works1)
    assert.equal(await keeps(`/var/lib/${name}`), before)
    assert.equal(
      await it.host.must(sh`ls -d /var/lib/provision/upgrade/* 2>/dev/null || :; nft list tables | grep upgrade || :`),
      '',
    )
    await settled()
  })

  test(`upgrade: ${name} that refuses the configuration is never started`, async () => {
    release(name, refuses, Buffer.from('#!/bin/sh\necho "unknown directive: everything" >&2\nexit 1\n'))
    const before = await since(`${name}.service`)
    const run = await upgrade(name, refuses)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, new RegExp(`^${name}: the old version goes on, nothing was touched: .*unknown directive: everything`))
    assert.equal(await since(`${name}.service`), before)
    assert.equal(await pinned(name), works1)
    await settled()
  })

  test(`upgrade: ${name} that does not run is left again, with all that the old one kept`, async () => {
    release(name, breaks1, breaks)
    const before = await keeps(`/var/lib/${name}`)
    const run = await upgrade(name, breaks1)
    assert.equal(run.code, 1, told(run))
    assert.match(run.error, new RegExp(`^${name}: the old version works again, with all that it kept: .+`))
    assert.equal(await keeps(`/var/lib/${name}`), before)
    assert.equal(
      await it.host.must(
        sh`ls -d /var/lib/provision/upgrade/* /var/lib/*.failed 2>/dev/null || :; nft list tables | grep upgrade || :`,
      ),
      '',
    )
    assert.equal(await pinned(name), works1)
    await settled()
  })
}

/** It takes any configuration, spoils what there is, and never says that it is ready. */
const hangs = Buffer.from(`#!/bin/sh
case "$*" in *verify-config*) exit 0 ;; esac
echo spoilt > /var/lib/maddy/spoilt
exec sleep 600
`)
/** An upgrade that has come to where the new program is at work. */
async function inTheMiddle(version: string) {
  release('maddy', version, hangs)
  const run = begin(it.operator, ['--text', 'upgrade', 'maddy', '--to', version, '--yes'], env())
  await until({ where: 'upgrade', what: 'the new program at work', limit: 120_000, evidence: run.said }, () =>
    existsSync(join(it.host.root, 'var/lib/maddy/spoilt')) ? true : undefined,
  )
  return run
}
/** As when memory runs out. */
async function killed({ ended }: Run, guardToo = true): Promise<void> {
  if (guardToo) await it.host.must(sh`pkill -9 -f '/back[.]sh guard'`)
  await it.host.must(sh`pkill -9 -s "$(ps -o sid= -C systemctl | head -n 1 | tr -d ' ')"`)
  const cut = await ended
  assert.equal(cut.code, 1, told(cut))
}
async function asBefore(before: string): Promise<void> {
  assert.equal(await keeps('/var/lib/maddy'), before)
  assert.equal(
    await it.host.must(
      sh`ls -d /var/lib/provision/upgrade/* /var/lib/provision/upgrade.done /var/lib/*.failed /etc/systemd/system/provision-upgrade* 2>/dev/null || :
nft list tables | grep upgrade || :`,
    ),
    '',
  )
  const [account] = it.inventory.server.domains[0]!.accounts
  const mailbox = { address: account!.address, password: it.secret(account!.password.name) }
  await arrived(it.rehearsal, it.inventory.server, mailbox, await fromPeer(it.rehearsal, mailbox.address))
  assert.equal(await pinned('maddy'), '0.9.90')
}

test('upgrade: switched off in the middle, the host boots with the old version and all that it kept, and says so', async () => {
  const before = await keeps('/var/lib/maddy')
  const run = await inTheMiddle('0.9.94')
  await it.host.kill()
  run.kill('SIGKILL')
  await run.ended
  await it.host.start()
  await asBefore(before)
  await heard(
    it.rehearsal,
    it.inventory.server.ntfy!.topic,
    ({ title }) => title === 'xoyize.xyz: the upgrade of maddy was cut off',
  )
  await settled()
})

test('upgrade: killed in the middle, the host goes back by itself', async () => {
  const before = await keeps('/var/lib/maddy')
  await killed(await inTheMiddle('0.9.98'), false)
  await untilOn(
    it.host,
    'its way back',
    60_000,
    sh`[ ! -e /etc/systemd/system/provision-upgrade.service ] && [ ! -e /var/lib/provision/upgrade.done ]`,
  )
  await asBefore(before)
  await settled()
})

test('upgrade: killed with its guard, nobody gets in until the next run, which goes back first', async () => {
  const before = await keeps('/var/lib/maddy')
  const run = await inTheMiddle('0.9.95')
  await killed(run)
  assert.match(await it.host.must(sh`nft list tables`), /provision_upgrade/)
  const check = await provision(it.operator, ['--text', '--check'], env())
  assert.equal(check.code, 2, told(check))
  assert.match(
    check.stdout,
    /^an upgrade of maddy was cut off, or is going on: the next run goes back to the old version first$/m,
  )
  const mended = await provision(it.operator, ['--yes'], env())
  assert.equal(mended.code, 0, told(mended))
  await asBefore(before)
  await settled()
})

test('upgrade: killed with its guard, the next upgrade goes back first, and then on', async () => {
  const before = await keeps('/var/lib/maddy')
  await killed(await inTheMiddle('0.9.96'))
  release('maddy', '0.9.97', works('maddy', '2'))
  const run = await provision(it.operator, ['--text', 'upgrade', 'maddy', '--to', '0.9.97', '--yes'], env())
  assert.equal(run.code, 0, told(run))
  assert.match(run.stderr, /the upgrade of maddy was cut off: going back first/)
  assert.equal(await pinned('maddy'), '0.9.97')
  assert.equal(await keeps('/var/lib/maddy'), before)
  await settled()
})

test('upgrade: not while anything else of its playbook differs, and nothing that cannot go back', async () => {
  await it.host.must(sh`chmod 0600 /etc/maddy/aliases`)
  const run = await upgrade('maddy', '0.9.93')
  assert.equal(run.code, 1, told(run))
  assert.match(run.error, /^file:\/etc\/maddy\/aliases: differ too/)
  await it.host.must(sh`chmod 0644 /etc/maddy/aliases`)
  const other = await upgrade('acme.sh', '3.1.5')
  assert.match(other.error, /^acme\.sh: cannot be moved this way; maddy and caddy can$/)
})
