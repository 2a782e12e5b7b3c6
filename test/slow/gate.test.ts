import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { loadInventory, type Server } from '../../src/inventory/inventory.ts'
import { until } from '../../src/rehearsal/local.ts'
import {
  arrived,
  fromPeer,
  type Mailbox,
  newSubject,
  reachedPeer,
  submit,
  trusting,
  withMailbox,
} from '../../src/rehearsal/proof/mail.ts'
import { sh } from '../../src/sh.ts'
import { edit } from '../support/harness.ts'
import { type Installed, install } from '../support/install.ts'
import { malformed } from '../support/malformed.ts'
import { type Dialogue, deliver, dialogue, type Login } from '../support/smtp.ts'

let it: Installed
let server: Server
const reader = 'xoyi@xoyize.xyz'
const stranger = 'stranger@peer.example'

const of = (address: string): Mailbox => ({ address, password: it.secret(`mail/${address}`) })
const login = (address: string, by?: 'PLAIN' | 'LOGIN'): Login => ({
  user: address,
  password: it.secret(`mail/${address}`),
  ...(by === undefined ? {} : { by }),
})
const incoming = (): Promise<Dialogue> => dialogue(it.host.address, 25)
const submission = (address: string, by?: 'PLAIN' | 'LOGIN'): Promise<Dialogue> =>
  dialogue(it.host.address, 465, { tls: trusting(it.rehearsal, server.mail.hostname), login: login(address, by) })
const letter = (header: string, subject: string, body = 'Hello.\r\n') =>
  `${header}\r\nTo: ${reader}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/ /g, '.')}@test.example>\r\n\r\n${body}`

/** Sends one mail over a connection of its own. */
async function once(talk: Promise<Dialogue>, from: string, to: readonly string[], text: string): Promise<string> {
  const it = await talk
  try {
    return await deliver(it, from, to, text)
  } finally {
    it.close()
  }
}

before(async () => {
  it = await install('e2e-gate')
  server = (await loadInventory(it.operator.inventory, 'xoyize.xyz')).server
})

after(() => it?.stop())

test('gate: after each malformed mail of the corpus, on 25 and by submission, an ordinary one is delivered', async () => {
  const seen: string[] = []
  for (const { name, text } of malformed({ from: stranger, to: reader })) {
    const reply = await once(incoming(), stranger, [reader], text)
    assert.doesNotMatch(reply, /^4/, name)
    seen.push(`${reply.slice(0, 3)} ${name}`)
    const ours = malformed({ from: 'ouest@ouestline.xyz', to: reader }).find((one) => one.name === name)!
    assert.doesNotMatch(await once(submission('ouest@ouestline.xyz'), 'ouest@ouestline.xyz', [reader], ours.text), /^4/, name)
    const subject = newSubject('after')
    assert.match(await once(incoming(), stranger, [reader], letter(`From: ${stranger}`, subject)), /^250/, name)
  }
  // The patched storage takes them; what has no readable author or header is refused.
  assert.ok(seen.filter((line) => line.startsWith('250')).length >= 20, seen.join('\n'))
  await arrived(it.rehearsal, server, of(reader), await fromPeer(it.rehearsal, reader))
})

test('gate: on 25, a From that DMARC cannot be checked for is refused, or goes into Junk where it names none of ours', async () => {
  const refused = [
    'From: boss@xoyize.xyz\r\nFrom: a@peer.example',
    'From: a@peer.example\r\nFrom: boss@xoyize.xyz',
    'From: boss@xoyize.xyz, a@peer.example\r\nSender: a@peer.example',
    'From: "Boss" boss@xoyize.xyz>',
    'From: =?x-none?q?Boss?= <boss@xoyize.xyz>',
    'To: a@peer.example',
  ]
  for (const header of refused)
    assert.match(await once(incoming(), stranger, [reader], letter(header, newSubject('forged'))), /^550 5\.7\.1 .*From/, header)
  const subject = newSubject('ugly')
  const ugly = letter('From: Peer, Inc. <a@peer.example>', subject)
  assert.match(await once(incoming(), stranger, [reader], ugly), /^250/)
  assert.equal(await arrived(it.rehearsal, server, of(reader), subject), 'Junk')
})

test('gate: a login sends as itself alone, with one From, whatever Sender says', async () => {
  const bob = 'ouest@ouestline.xyz'
  const send = async (header: string, by?: 'PLAIN' | 'LOGIN') =>
    once(submission(bob, by), bob, [reader], letter(header, newSubject('sent')))
  for (const header of [
    `From: ${reader}\r\nSender: ${bob}`,
    `From: ${bob}\r\nFrom: ${reader}`,
    `From: ${reader}\r\nFrom: ${bob}`,
    `From: ${bob}, ${reader}\r\nSender: ${bob}`,
    `From: ${bob}\r\nSender: ${reader}`,
    `From: ${reader}`,
  ])
    assert.match(await send(header), /^553 /, header)
  for (const header of [`From: ${bob}`, `From: "O." <${bob}>\r\nSender: ${bob}`, 'From: ouest+tag@ouestline.xyz'])
    assert.match(await send(header), /^250 /, header)
})

test('gate: who knows LOGIN alone logs in, for submission and for reading', async () => {
  const header = letter(`From: ${reader}`, newSubject('login'))
  assert.match(await once(submission(reader, 'LOGIN'), reader, [reader], header), /^250 /)
  const client = new ImapFlow({
    ...{ host: it.host.address, port: 993, secure: true, logger: false, tls: trusting(it.rehearsal, server.mail.hostname) },
    ...{ auth: { user: reader, pass: of(reader).password, loginMethod: 'AUTH=LOGIN' }, emitLogs: true },
  })
  const said: string[] = []
  client.on('log', ({ msg }) => said.push(String(msg)))
  await client.connect()
  await client.logout()
  assert.match(said.join('\n'), /AUTH=LOGIN[\s\S]*^\S+ AUTHENTICATE LOGIN$[\s\S]*^\S+ OK/m)
})

test('gate: a line of 100,000 bytes is delivered', async () => {
  const subject = newSubject('long')
  const text = letter(`From: ${stranger}`, subject, `${'x'.repeat(100_000)}\r\n`)
  assert.match(await once(incoming(), stranger, [reader], text), /^250/)
  await arrived(it.rehearsal, server, of(reader), subject)
})

test('gate: a login that sends too much is stopped and named in the journal, and nobody else is', async () => {
  const limit = (value: number) => edit(it.operator, (document) => document.setIn(['mail', 'limits', 'rate_per_hour'], value))
  const thief = 'yack@cinay.eu'
  const send = (who: string) => once(submission(who), who, [reader], letter(`From: ${who}`, newSubject('many')))
  limit(3)
  // Read for each mail: maddy goes on.
  assert.deepEqual(await it.correct(), ['file:/etc/maddy/check.conf'])
  for (const expected of [/^250/, /^250/, /^250/, /^450 4\.7\.1 /, /^450 4\.7\.1 /]) assert.match(await send(thief), expected)
  assert.match(await send('claudine@yanfi.net'), /^250/)
  const told = await it.host.must(sh`journalctl -q -t provision-mail-check -o cat --no-pager`)
  assert.match(told, /login yack@cinay\.eu stopped: 3 messages to 3 recipients within an hour/)
  limit(300)
  assert.deepEqual(await it.correct(), ['file:/etc/maddy/check.conf'])
  assert.match(await send(thief), /^250/)
  await it.settled()
})

test('gate: a full disk defers mail before it is full, and all of it arrives when there is room again', async () => {
  const { host, rehearsal } = it
  await host.must(sh`systemctl stop maddy
cp -a /var/lib/maddy /var/lib/maddy.kept
mount -t tmpfs -o size=48m,mode=0750,uid=$(id -u maddy),gid=$(id -g maddy) none /var/lib/maddy
cp -a /var/lib/maddy.kept/. /var/lib/maddy/
systemctl start maddy`)
  const fill = (free: number) => sh`rm -f /var/lib/maddy/fill
room=$(df --output=avail -k /var/lib/maddy | tail -n 1); free=${free}; head -c $((room - free))k /dev/zero > /var/lib/maddy/fill`
  try {
    const before = await fromPeer(rehearsal, reader)
    await arrived(rehearsal, server, of(reader), before)
    await host.must(sh`nft insert rule inet provision outgoing oifname != lo tcp dport 25 drop`)
    const leaving = await submit(rehearsal, server, of(reader), { to: 'friend@peer.example' })
    // Under a quarter of this small disk.
    await host.must(fill(8_000))
    for (const open of [incoming, () => submission(reader)])
      assert.match(await once(open(), reader, [reader], letter(`From: ${reader}`, newSubject('full'))), /^452 4\.3\.1 |^501 /)
    assert.match(await once(incoming(), stranger, [reader], letter(`From: ${stranger}`, newSubject('full'))), /^452 4\.3\.1 /)
    const waiting = await fromPeer(rehearsal, reader)
    await until({ where: 'the peer', what: 'a mail in its queue', limit: 60_000 }, async () =>
      /452 4\.3\.1/.test((await rehearsal.internet.run(sh`postqueue -p`)).stdout) ? true : undefined,
    )
    // No room at all. What waits to leave can leave.
    await host.must(fill(0))
    await host.must(sh`systemctl restart provision-outgoing.service`)
    // What a client appends is refused, and stops nobody.
    const large = Buffer.from(letter(`From: ${reader}`, newSubject('appended'), 'x'.repeat(900_000)))
    let answer = 'refused'
    await withMailbox(rehearsal, server, of(reader), async (client) => {
      await client.append('INBOX', large)
      answer = 'appended'
    }).catch(() => undefined)
    assert.equal(answer, 'refused')
    await host.must(sh`rm /var/lib/maddy/fill`)
    await rehearsal.internet.must(sh`postqueue -f`)
    await arrived(rehearsal, server, of(reader), waiting)
    await until({ where: 'the peer', what: 'what waited to leave', limit: 180_000 }, () =>
      reachedPeer(rehearsal, leaving).catch(() => undefined),
    )
    await submit(rehearsal, server, of(reader), { to: reader })
    await withMailbox(rehearsal, server, of(reader), (client) => client.append('INBOX', large))
  } finally {
    await host.must(
      sh`systemctl restart provision-outgoing; systemctl stop maddy; umount /var/lib/maddy; rm -rf /var/lib/maddy.kept; systemctl start maddy`,
    )
  }
})

/** Opens connections on 25 that go on to RCPT and then say nothing. What the kernel does not let in is no error here. */
function idle(count: number): { readonly held: () => number; readonly close: () => void } {
  const open: Socket[] = []
  let held = 0
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: it.host.address, port: 25 })
    let said = 0
    const words = ['EHLO idle.peer.example', `MAIL FROM:<${stranger}>`, `RCPT TO:<${reader}>`]
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      // The last line of a reply.
      if (!/^\d{3} /m.test(String(chunk))) return
      const next = words[said]
      said += 1
      if (next !== undefined) socket.write(`${next}\r\n`)
      else if (String(chunk).startsWith('2')) held += 1
    })
    open.push(socket)
  }
  return {
    held: () => held,
    close: () => {
      for (const socket of open) socket.destroy()
    },
  }
}

for (const [count, most] of [
  [10, 10],
  [1000, 20],
] as const)
  test(`gate: ${count} idle connections from one address stop nobody else`, async () => {
    const { rehearsal } = it
    const crowd = idle(count)
    try {
      await until({ where: 'port 25', what: `${most} idle connections`, limit: 60_000 }, () =>
        Promise.resolve(crowd.held() >= most ? true : undefined),
      )
      const { stdout } = await rehearsal.internet.run(
        sh`timeout 20 swaks --server ${it.host.address} --from ${stranger} --to ${reader} --header ${`Subject: ${newSubject('idle')}`} 2>&1`,
      )
      assert.match(stdout, /^<- +250 2\.0\.0 OK: queued/m, stdout)
      const { user, password } = login(reader)
      const answer = await rehearsal.internet.must(sh`{ printf 'a LOGIN %s "%s"\r\n' ${user} ${password}; sleep 3; } |
timeout 15 openssl s_client -quiet -no_ign_eof -connect ${`${it.host.address}:993`} 2>/dev/null | tr -d '\r'`)
      assert.match(answer, /^a OK/m)
      assert.equal(crowd.held(), most)
    } finally {
      crowd.close()
    }
    await arrived(rehearsal, server, of(reader), await fromPeer(rehearsal, reader))
    await it.settled()
  })
