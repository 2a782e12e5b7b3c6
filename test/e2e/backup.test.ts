import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { heard, messages } from '../../src/rehearsal/prove-ntfy.ts'
import { sh } from '../../src/sh.ts'
import { ours } from './harness.ts'
import { type Installed, install } from './install.ts'

let installed: Installed
before(async () => {
  installed = await install(process.env.PROVISION_TEST_KEEP || (await ours('e2e-backup')))
})
after(() => installed?.stop())

const topic = () => installed.inventory.server.ntfy!.topic

test('ntfy: what the host tells its operator is heard, with its priority', async () => {
  await installed.host.must(sh`provision-notify -p high 'first words' 'of the test'`)
  const { priority, message } = await heard(installed.rehearsal, topic(), ({ title }) => title === 'xoyize.xyz: first words')
  assert.deepEqual([priority, message], [4, 'of the test'])
})

test('ntfy: a token that is not taken is no reason to stay silent: it goes by mail, with why', async () => {
  const { host, rehearsal } = installed
  const before = (await messages(rehearsal, topic())).length
  await host.must(sh`cp -p /etc/provision/ntfy.curl /root/kept; sed -i 's/tk_/tk_x/' /etc/provision/ntfy.curl`)
  await host.must(sh`provision-notify 'by another way' 'all the same'; mv /root/kept /etc/provision/ntfy.curl`)
  assert.equal((await messages(rehearsal, topic())).length, before)
  await host.must(sh`journalctl -q -u maddy.service --since -1min | grep -q 'postmaster@xoyize.xyz'`)
})

test('ntfy: a renewal that fails is told, with what it said', async () => {
  const { host, rehearsal } = installed
  await host.must(sh`
sed 's#^ExecStart=.*#ExecStart=sh -c "echo the CA said no; exit 1"#' /etc/systemd/system/provision-certificates.service > /run/systemd/system/sabotage.service
systemctl daemon-reload
! systemctl start sabotage.service
rm /run/systemd/system/sabotage.service
systemctl daemon-reload`)
  const { priority, message } = await heard(
    rehearsal,
    topic(),
    ({ title }) => title === 'xoyize.xyz: sabotage.service has failed',
  )
  assert.equal(priority, 4)
  assert.match(message, /the CA said no/)
})

test('ntfy: nothing to do afterwards', () => installed.settled())
