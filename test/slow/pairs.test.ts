import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { after, before, test } from 'node:test'
import { authenticate } from 'mailauth'
import { peerDomain } from '../../src/rehearsal/internet/service.ts'
import { arrived, fromPeer, type Mailbox, reachedPeer, submit } from '../../src/rehearsal/proof/mail.ts'
import { sh } from '../../src/sh.ts'
import { provision, told } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'

let it: Installed
let mailboxes: readonly Mailbox[]

before(async () => {
  it = await install('e2e-pairs')
  const published = await provision(it.operator, ['dns', 'publish', '--yes'])
  assert.equal(published.code, 0, told(published))
  mailboxes = it.inventory.server.domains.map(({ accounts: [first] }) => ({
    address: first!.address,
    password: it.secret(first!.password.name),
  }))
})

after(() => it?.stop())

test('a mail from every domain reaches every other, and its own', async () => {
  const { rehearsal, inventory } = it
  assert.equal(mailboxes.length, 5)
  for (const from of mailboxes) {
    for (const to of mailboxes) {
      const subject = await submit(rehearsal, inventory.server, from, { to: to.address })
      assert.equal(await arrived(rehearsal, inventory.server, to, subject), 'INBOX', `${from.address} to ${to.address}`)
    }
  }
})

test('a mail of the second mail server reaches every domain', async () => {
  for (const to of mailboxes)
    assert.equal(
      await arrived(it.rehearsal, it.inventory.server, to, await fromPeer(it.rehearsal, to.address)),
      'INBOX',
      to.address,
    )
})

test('the second mail server gets mail of every domain that passes SPF, DKIM and DMARC, as mailauth finds', async () => {
  const { rehearsal, inventory } = it
  const dns = new Resolver()
  dns.setServers([rehearsal.dnsServer])
  for (const from of mailboxes) {
    const subject = await submit(rehearsal, inventory.server, from, { to: `friend@${peerDomain}` })
    await reachedPeer(rehearsal, subject)
    const file = (await rehearsal.internet.must(sh`grep -rlF ${`Subject: ${subject}`} /var/mail/peer | head -n 1`)).trim()
    const message = await rehearsal.internet.must(sh`cat ${file}`)
    const [, helo = '', ip = ''] = /^Received: from (\S+) \(\S+ \[(?:IPv6:)?([0-9a-f.:]+)\]\)/m.exec(message) ?? []
    assert.equal(helo, inventory.server.mail.hostname, message)
    const options = { ip, helo, sender: from.address, mta: peerDomain, disableArc: true, disableBimi: true }
    const resolver = (name: string, type: string) => dns.resolve(name, type) as Promise<string[][]>
    const { dkim, spf, dmarc } = await authenticate(message, { ...options, resolver })
    const domain = from.address.split('@')[1]
    assert.deepEqual(
      dkim.results.map(({ signingDomain, status }) => [signingDomain, status.result]),
      [[domain, 'pass']],
      from.address,
    )
    assert.equal(spf && spf.status.result, 'pass', from.address)
    assert.equal(dmarc && dmarc.status.result, 'pass', from.address)
  }
})
