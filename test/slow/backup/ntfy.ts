import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heard, messages } from '../../../src/rehearsal/proof/prove-ntfy.ts'
import { sh } from '../../../src/sh.ts'
import type { Installed } from '../../support/install.ts'
import { topic } from './on.ts'

/** What the host tells its operator. */
export function ntfyTests(it: () => Installed): void {
  test('ntfy: what the host tells its operator is heard, with its priority', async () => {
    await it().host.must(sh`provision-notify -p high 'first words' 'of the test'`)
    const { priority, message } = await heard(it().rehearsal, topic(it()), ({ title }) => title === 'xoyize.xyz: first words')
    assert.deepEqual([priority, message], [4, 'of the test'])
  })

  test('ntfy: a token that is not taken is no reason to stay silent: it goes by mail, with why', async () => {
    const { host, rehearsal } = it()
    const before = (await messages(rehearsal, topic(it()))).length
    await host.must(sh`cp -p /etc/provision/ntfy.curl /root/kept; sed -i 's/tk_/tk_x/' /etc/provision/ntfy.curl`)
    await host.must(sh`provision-notify 'by another way' 'all the same'; mv /root/kept /etc/provision/ntfy.curl`)
    assert.equal((await messages(rehearsal, topic(it()))).length, before)
    await host.must(sh`journalctl -q -u maddy.service --since -1min | grep -q 'postmaster@xoyize.xyz'`)
  })

  test('ntfy: a renewal that fails is told, with what it said', async () => {
    const { host, rehearsal } = it()
    await host.must(sh`
sed 's#^ExecStart=.*#ExecStart=sh -c "echo the CA said no; exit 1"#' /etc/systemd/system/provision-certificates.service > /run/systemd/system/sabotage.service
systemctl daemon-reload
! systemctl start sabotage.service
rm /run/systemd/system/sabotage.service
systemctl daemon-reload`)
    const { priority, message } = await heard(
      rehearsal,
      topic(it()),
      ({ title }) => title === 'xoyize.xyz: sabotage.service has failed',
    )
    assert.equal(priority, 4)
    assert.match(message, /the CA said no/)
  })

  test('ntfy: nothing to do afterwards', () => it().settled())
}
