import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { ImapFlow, MessageStructureObject } from 'imapflow'
import { alice, bob, type LoopbackMaddy, largest, loopbackMaddy } from '../support/loopback-maddy.ts'
import { malformed } from '../support/malformed.ts'

/** How a message comes in. */
const ways = ['smtp', 'submission', 'append'] as const
type Way = (typeof ways)[number]

/** PROVISION_TEST_MADDY is another program than the pinned one: a published maddy shows what these tests are for. */
const program = process.env.PROVISION_TEST_MADDY ? { program: process.env.PROVISION_TEST_MADDY } : {}
let maddy: LoopbackMaddy
before(async () => {
  maddy = await loopbackMaddy(program)
})
after(() => maddy?.stop())

const corpus = malformed({ from: bob, to: alice })

let count = 0
const ordinary = () => {
  const subject = `ordinary ${++count}`
  return {
    subject,
    text: `From: ${bob}\r\nTo: ${alice}\r\nSubject: ${subject}\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n\r\nHello.\r\n`,
  }
}

/** `250 …`, or why it was refused. */
const bring = (way: Way, text: string): Promise<string> =>
  way === 'append'
    ? maddy.reading(async (client) => {
        try {
          await client.append('INBOX', Buffer.from(text, 'latin1'))
          return '250 appended'
        } catch (error) {
          return `NO ${(error as { responseText?: string }).responseText ?? String(error)}`
        }
      })
    : maddy.send(way, { from: bob, text })

/**
 * Brings a message in, and what has to be true whatever it was: an ordinary mail is delivered after it, a login works, and all that was
 * accepted can be read. Returns the answer to it.
 */
async function survives(way: Way, text: string): Promise<string> {
  const next = await maddy.reading(async (client) => {
    const status = await client.status('INBOX', { uidNext: true })
    return (status ? status.uidNext : undefined) ?? assert.fail('INBOX has no next number')
  })
  const answer = await bring(way, text)
  const { subject, text: good } = ordinary()
  assert.match(await maddy.send(way === 'submission' ? 'submission' : 'smtp', { from: bob, text: good }), /^250 /)
  await maddy.reading(async (client) => {
    await client.mailboxOpen('INBOX')
    const all = await client.fetchAll(
      `${next}:*`,
      { uid: true, envelope: true, bodyStructure: true, flags: true, size: true, source: true },
      { uid: true },
    )
    const read = all.map(({ envelope }) => envelope?.subject)
    assert.ok(read.includes(subject), `the ordinary mail is not there: ${JSON.stringify(read)}; it answered ${answer}`)
    assert.equal(
      all.length,
      answer.startsWith('250 ') ? 2 : 1,
      `of what it answered ${answer} this can be read: ${JSON.stringify(read)}`,
    )
    for (const { uid, bodyStructure, source } of all) {
      assert.ok(bodyStructure !== undefined && source !== undefined && source.length > 0)
      for (const part of leaves(bodyStructure).slice(0, 3)) await bodyOf(client, uid, part)
    }
    await client.messageDelete(`${next}:*`, { uid: true })
  })
  return answer
}

/** The parts that are no multipart, by their numbers. */
const leaves = ({ part, childNodes = [] }: MessageStructureObject): readonly string[] =>
  childNodes.length === 0 ? [part ?? '1'] : childNodes.flatMap(leaves)

const bodyOf = async (client: ImapFlow, uid: number, part: string): Promise<string> => {
  const got = await client.fetchOne(String(uid), { bodyParts: [part] }, { uid: true })
  assert.ok(got && got.bodyParts?.get(part) !== undefined, `part ${part} cannot be read`)
  return got.bodyParts.get(part)!.toString('latin1')
}

/** A reason that the sender can do something about: not a fault of the server, and nothing that makes the sender try for days. */
const reasoned = /^(?:250 |NO |550 5\.6\.0 |552 5\.3\.4 |554 5\.4\.6 |554 5\.6\.0 |554 5\.0\.0 Malformed Date)/

test('malformed mail: after each shape, by each way in, an ordinary mail is delivered and all that was accepted is readable', async (t) => {
  const refused: string[] = []
  for (const way of ways)
    for (const { name, text } of corpus) {
      const answer = await survives(way, text).catch((error: unknown) => {
        throw new Error(
          `${name}, by ${way}: ${error instanceof Error ? error.message : String(error)}\n${maddy.log().slice(-2000)}`,
        )
      })
      assert.match(answer, reasoned, `${name}, by ${way}`)
      if (!answer.startsWith('250 ')) refused.push(`${way}: ${name}: ${answer.replace(/ \(msg ID.*/, '')}`)
    }
  t.diagnostic(`${corpus.length} shapes, ${ways.length} ways in; refused:`)
  for (const line of refused) t.diagnostic(line)
})

test('malformed mail: nested, or in parts, to its last byte it is taken apart so far and no further, and others are served', async () => {
  const size = 900_000
  const nested = Array.from(
    { length: size / 60 },
    (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`,
  ).join('')
  const within = 'Content-Type: message/rfc822\r\n\r\n'.repeat(size / 32)
  for (const body of [
    `boundary=b0\r\n\r\n${nested}`,
    `boundary=b\r\n\r\n${'--b\r\n\r\n'.repeat(size / 7)}`,
    `boundary=b\r\n\r\n--b\r\n${within}`,
  ]) {
    const begun = performance.now()
    const answer = await survives('smtp', `From: ${bob}\r\nContent-Type: multipart/mixed; ${body}`)
    assert.match(answer, /^250 /)
    const took = performance.now() - begun
    assert.ok(took < 30_000, `it took ${Math.round(took)} ms`)
  }
})

test('malformed mail: a multipart that is cut off shows the part that is there', async () => {
  const { text } = corpus.find(({ name }) => name === 'a multipart without its closing boundary')!
  assert.match(await maddy.send('smtp', { from: bob, text }), /^250 /)
  await maddy.reading(async (client) => {
    await client.mailboxOpen('INBOX')
    const [last] = await client.fetchAll('*', { uid: true, bodyStructure: true })
    assert.equal(await bodyOf(client, last!.uid, leaves(last!.bodyStructure!)[0]!), 'hello')
  })
})

/** Pieces that mean something to what reads mail. */
const pieces = fc.constantFrom(
  ...[
    '\r\n',
    '\r',
    '\n',
    '\r\n\r\n',
    '--',
    '--x\r\n',
    '--x--\r\n',
    ' ',
    '\t',
    ':',
    ';',
    '"',
    '=',
    '\0',
    '\xff',
    '.',
    '\r\n.',
    '(',
    '<',
    '@',
    '\\',
  ],
  'Content-Type: multipart/mixed; boundary=x\r\n',
  'Content-Type: multipart/mixed; boundary=\r\n',
  'Content-Type: message/rfc822\r\n\r\n',
  'Content-Transfer-Encoding: base64\r\n',
  'From: a@example.net\r\n',
  '=?utf-8?B?',
)
const where = fc.double({ min: 0, max: 1, noNaN: true })
const change = fc.oneof(
  fc.record({ what: fc.constant('insert' as const), where, piece: pieces }),
  fc.record({ what: fc.constant('delete' as const), where, length: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ what: fc.constant('repeat' as const), where, length: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ what: fc.constant('cut' as const), where }),
  fc.record({ what: fc.constant('byte' as const), where, code: fc.integer({ min: 0, max: 255 }) }),
)

const mutated = (text: string, one: Change): string => {
  const at = Math.floor(one.where * text.length)
  const [head, tail] = [text.slice(0, at), text.slice(at)]
  switch (one.what) {
    case 'insert':
      return head + one.piece + tail
    case 'delete':
      return head + tail.slice(one.length)
    case 'repeat':
      return head + tail.slice(0, one.length) + tail
    case 'cut':
      return head
    case 'byte':
      return head + String.fromCharCode(one.code) + tail.slice(1)
  }
}
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

test('malformed mail: what a seed makes of the corpus stops nothing either', async (t) => {
  const seed = Number(process.env.PROVISION_TEST_SEED ?? randomInt(2 ** 31))
  const numRuns = process.env.PROVISION_TEST_ALL === '1' ? 3000 : 100
  t.diagnostic(`seed ${seed}, ${numRuns} mails; PROVISION_TEST_SEED repeats it`)
  const small = corpus.filter(({ text }) => text.length < 5000)
  const property = fc.asyncProperty(
    fc.constantFrom(...ways),
    fc.constantFrom(...small),
    fc.array(change, { minLength: 1, maxLength: 6 }),
    async (way, { text }, changes) => {
      const changed = changes.reduce(mutated, text)
      await survives(way, changed)
    },
  )
  await fc.assert(property, { seed, numRuns, endOnFailure: true })
})

test('maddy: too large without SIZE= is 552, a line too long and a malformed header are 550, each with its reason', async () => {
  const { text } = ordinary()
  for (const [body, answer] of [
    [
      `${text}${'x'.repeat(70)}\r\n`.repeat(1) + `${'y'.repeat(70)}\r\n`.repeat(largest / 70),
      /^552 5\.3\.4 Maximum message size exceeded/,
    ],
    [`${text}${'x'.repeat(5000)}\r\n`, /^550 5\.6\.0 Message has a line that is too long/],
    [
      `${text}${'x'.repeat(5000)}\r\n${`${'y'.repeat(70)}\r\n`.repeat(10_000)}`,
      /^550 5\.6\.0 Message has a line that is too long/,
    ],
    [`no field\r\n${text}`, /^550 5\.6\.0 Message has a malformed header/],
  ] as const)
    for (const way of ['smtp', 'submission'] as const) assert.match(await maddy.send(way, { from: bob, text: body }), answer)
  assert.deepEqual(readdirSync(join(maddy.state, 'buffer')), [], 'what was not received takes room on the disk')
})

test('maddy: on a full disk mail is answered 4xx; with room again it arrives, and nothing of what failed is left', {
  skip: process.getuid?.() !== 0 && 'a small file system is mounted by root',
}, async () => {
  const place = mkdtempSync(join(tmpdir(), 'maddy-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', place])
  const small = await loopbackMaddy({ ...program, place }).catch((error: unknown) => {
    execFileSync('umount', [place])
    throw error
  })
  try {
    const { subject, text } = ordinary()
    const mail = (kilobytes: number) => ({
      from: bob,
      to: [alice, bob],
      text: text + `${'x'.repeat(62)}\r\n`.repeat(kilobytes * 16),
    })
    const { bavail, bsize } = statfsSync(place)
    // Room for the first recipient's copy, and not for the second's; then for none.
    for (const free of [1_200_000, 0]) {
      writeFileSync(
        join(place, `filler ${free}`),
        Buffer.alloc(free === 0 ? statfsSync(place).bavail * bsize : bavail * bsize - free),
      )
      for (const kilobytes of [800, 1500]) {
        assert.match(await small.send('smtp', mail(kilobytes)), /^45[12] /)
        assert.match(await small.send('submission', mail(kilobytes)), /^45[12] /)
      }
      assert.equal(
        await small.reading(async (client) => (await client.status('INBOX', { messages: true })) && 'answered'),
        'answered',
      )
    }
    for (const file of readdirSync(place).filter((name) => name.startsWith('filler'))) rmSync(join(place, file))
    assert.match(await small.send('smtp', mail(800)), /^250 /)
    for (const who of [alice, bob])
      await small.reading(async (client) => {
        await client.mailboxOpen('INBOX')
        assert.deepEqual(
          (await client.fetchAll('1:*', { envelope: true })).map(({ envelope }) => envelope?.subject),
          [subject],
        )
      }, who)
    assert.equal(readdirSync(join(small.state, 'messages')).length, 2)
    assert.deepEqual(readdirSync(join(small.state, 'buffer')), [])
  } finally {
    await small.stop()
    execFileSync('umount', [place])
    rmSync(place, { recursive: true })
  }
})

test('maddy: Bcc is removed from what is submitted, and kept in what comes from other servers', async () => {
  for (const [way, kept] of [
    ['submission', false],
    ['smtp', true],
  ] as const) {
    const { subject, text } = ordinary()
    const answer = await maddy.send(way, { from: bob, to: [alice, bob], text: `Bcc: ${bob}\r\nbcc: c@example.net\r\n${text}` })
    assert.match(answer, /^250 /)
    for (const who of [alice, bob])
      await maddy.reading(async (client) => {
        await client.mailboxOpen('INBOX')
        const [got] = await client.fetchAll('*', { envelope: true, source: true })
        assert.equal(got?.envelope?.subject, subject)
        assert.equal(/^bcc:/im.test(got!.source!.toString()), kept, `${way}, ${who}`)
      }, who)
  }
})

test('maddy: SEARCH by flags finds what has them in this mailbox, whatever others have', async () => {
  const flagged = ['\\Seen', '\\Deleted', '\\Draft', '\\Flagged']
  const given: string[][] = Array.from({ length: 16 }, (_, i) => flagged.filter((_flag, bit) => (i >> bit) % 2 === 1))
  const fill = (folder: string, sets: readonly (readonly string[])[], who: string) =>
    maddy.reading(async (client) => {
      await client.mailboxCreate(folder).catch(() => undefined)
      for (const flags of sets) await client.append(folder, Buffer.from(ordinary().text), [...flags])
    }, who)
  await fill('Searched', given, alice)
  // The same numbers with other flags, in another folder and at another person's.
  await fill('Beside', given.toReversed(), alice)
  await fill('Searched', given.toReversed(), bob)
  await maddy.reading(async (client) => {
    await client.mailboxOpen('Searched')
    for (const [query, wanted] of [
      [{ seen: false }, (f: readonly string[]) => !f.includes('\\Seen')],
      [{ deleted: true }, (f: readonly string[]) => f.includes('\\Deleted')],
      [{ draft: true }, (f: readonly string[]) => f.includes('\\Draft')],
      [{ seen: false, deleted: false }, (f: readonly string[]) => !f.includes('\\Seen') && !f.includes('\\Deleted')],
      [{ seen: true, draft: true }, (f: readonly string[]) => f.includes('\\Seen') && f.includes('\\Draft')],
      [
        { flagged: true, seen: false, deleted: false },
        (f: readonly string[]) => f.includes('\\Flagged') && !f.includes('\\Seen') && !f.includes('\\Deleted'),
      ],
    ] as const) {
      const found = await client.search(query, { uid: true })
      const right = given.flatMap((flags, i) => (wanted(flags) ? [i + 1] : []))
      assert.deepEqual(found === false ? [] : found, right, JSON.stringify(query))
    }
  })
})

test('maddy: no mailbox is made that hides behind INBOX', async () => {
  await maddy.reading(async (client) => {
    for (const name of ['inbox.Low', 'Inbox.Low.Deep']) await assert.rejects(client.mailboxCreate(name), name)
    await client.mailboxCreate('Mine')
    await assert.rejects(client.mailboxRename('Mine', 'inbox.Mine'))
    assert.equal((await client.mailboxCreate('INBOX.Low')).path, 'INBOX.Low')
    const names = (await client.list()).map(({ path }) => path)
    assert.deepEqual(
      names.filter((name) => /^inbox/i.test(name)),
      ['INBOX', 'INBOX.Low'],
    )
  })
})
