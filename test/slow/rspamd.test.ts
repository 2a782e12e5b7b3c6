import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { peerDomain } from '../../src/rehearsal/internet/service.ts'
import { arrived, type Mailbox, newSubject, withMailbox } from '../../src/rehearsal/proof/mail.ts'
import { sh } from '../../src/sh.ts'
import { edit, untilOn } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'

let it: Installed
let mailbox: Mailbox

before(async () => {
  it = await install('e2e-rspamd')
  const [account] = it.inventory.server.domains[0]!.accounts
  mailbox = { address: account!.address, password: it.secret(account!.password.name) }
  edit(it.operator, (document) => document.set('rspamd', { junk: 6, reject: 15 }))
})

after(() => it?.stop())

/** It takes its time to start. */
const answering = () => untilOn(it.host, 'rspamd', 120_000, sh`curl -s http://127.0.0.1:11334/ping | grep -q pong`)

/** rspamd's own test patterns: https://docs.rspamd.com, options, enable_test_patterns. */
const gtube = (letter: string) => `${letter}JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X`

/** A stranger's mail on 25: its subject, and the last answer. */
async function stranger(body: string): Promise<{ readonly subject: string; readonly answer: string }> {
  const subject = newSubject('of a stranger')
  const { stdout } = await it.rehearsal.internet.run(
    sh`swaks --server ${it.host.address} --local-interface ${it.rehearsal.addresses.roles.peer.v4} --timeout 30 --from ${`a@${peerDomain}`} --to ${mailbox.address} --header ${`Subject: ${subject}`} --body ${body} 2>&1 | sed -n '/^ -> \.$/,$s/^<[-*~]*  *//p' | head -n 1`,
  )
  return { subject, answer: stdout.trim() }
}
const where = (subject: string) => arrived(it.rehearsal, it.inventory.server, mailbox, subject)

test('rspamd: declared, it runs on the loopback alone, and a second run has nothing to do', async () => {
  await it.correct()
  await it.settled()
  await answering()
  const listening = await it.host.must(sh`ss -Hltnp | grep -E 'rspamd|redis' | awk '{ print $4 }'`)
  for (const at of listening.trim().split('\n')) assert.match(at, /^(127\.0\.0\.1|\[::1\]):/)
})

test('rspamd: spam is refused, what may be is in Junk, and a letter is in INBOX', async () => {
  // By itself it knows the pattern that is refused; the one that is doubtful has to be allowed.
  await it.host.must(sh`echo 'enable_test_patterns = true;' > /etc/rspamd/local.d/options.inc`)
  assert.deepEqual(await it.correct(), ['service:rspamd.service'])
  await answering()
  const refused = await stranger(gtube('X'))
  assert.match(refused.answer, /^5\d\d /)
  const doubtful = await stranger(gtube('Y'))
  assert.match(doubtful.answer, /^250 /)
  assert.equal(await where(doubtful.subject), 'Junk')
  const letter = await stranger('Hello, are you in on Tuesday?')
  assert.match(letter.answer, /^250 /)
  assert.equal(await where(letter.subject), 'INBOX')
})

test('rspamd: while it is down, mail comes in as without it', async () => {
  await it.host.must(sh`systemctl stop rspamd.service`)
  const letter = await stranger(gtube('X'))
  assert.match(letter.answer, /^250 /)
  assert.equal(await where(letter.subject), 'INBOX')
  assert.deepEqual(await it.correct(), ['service:rspamd.service'])
  await answering()
})

test('rspamd: it learns each mail of Junk and Archive once, and anew what was moved', async () => {
  // As the classifier counts; the controller's own figures come later.
  const learned = async () => (await it.host.must(sh`redis-cli hmget RS learns_spam learns_ham`)).trim().replace('\n', ' ')
  const words = 'Buy these wonderful pills today, they are cheaper than anywhere else in the world and shipped at once to you'
  await withMailbox(it.rehearsal, it.inventory.server, mailbox, async (client) => {
    for (const [folder, text] of [
      ['Junk', words],
      [
        'Archive',
        'Minutes of the meeting on Tuesday: the roof is mended in spring, the fence painted, and next time we meet at the mill',
      ],
    ] as const)
      await client.append(
        folder,
        `From: a@b.example\r\nTo: ${mailbox.address}\r\nSubject: ${folder}\r\nMessage-ID: <${folder}@b.example>\r\n\r\n${text}\r\n`,
      )
  })
  const run = sh`systemctl start provision-learn.service`
  await it.host.must(run)
  const first = await it.host.must(sh`wc -l < /var/lib/provision/learned/ham; wc -l < /var/lib/provision/learned/spam`)
  // The doubtful mail of the test before is in Junk as well.
  assert.equal(first, '1\n2\n')
  const before = await learned()
  await it.host.must(run)
  assert.equal(await learned(), before, 'once')
  await withMailbox(it.rehearsal, it.inventory.server, mailbox, async (client) => {
    await client.mailboxOpen('Junk')
    await client.messageMove({ subject: 'Junk' }, 'Archive')
  })
  await it.host.must(run)
  assert.equal(await it.host.must(sh`wc -l < /var/lib/provision/learned/ham; wc -l < /var/lib/provision/learned/spam`), '2\n1\n')
  assert.notEqual(await learned(), before)
})
