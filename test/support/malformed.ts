/** One mail as strangers and broken programs make it. */
export interface MalformedMail {
  /** What is wrong with it; a test prints it. */
  readonly name: string
  /** The message without dot-stuffing, one character for each byte (write it as latin1); lines end in CRLF unless that is what is wrong. */
  readonly text: string
}

/**
 * The corpus of malformed mail. `from` and `to` are the addresses in the header fields that are not malformed themselves. Sources:
 * foxcpp/maddy issues 300, 466 and 549, RFC 5322 appendix A.6, RFC 2046 section 5.1, RFC 2231, and what a parser can meet at all.
 */
export function malformed({ from, to }: { readonly from: string; readonly to: string }): readonly MalformedMail[] {
  const head = (...fields: readonly string[]) => [
    `From: ${from}`,
    `To: ${to}`,
    'Date: Mon, 30 Nov 2026 10:00:00 +0000',
    'Message-ID: <malformed@example.net>',
    ...fields,
  ]
  const mail = (fields: readonly string[], ...body: readonly string[]) => [...head(...fields), '', ...body, ''].join('\r\n')
  const part = (boundary: string, text: string) => [`--${boundary}`, 'Content-Type: text/plain', '', text]
  const mixed = 'Content-Type: multipart/mixed; boundary=x'
  const named = (name: string, text: string): MalformedMail => ({ name, text })
  return [
    // Multiparts: what the storage parses before it commits.
    named('a multipart without its closing boundary', mail([mixed], '--x', '', 'hello')),
    named('a multipart without any boundary line', mail([mixed], 'hello')),
    named('a multipart without a boundary parameter', mail(['Content-Type: multipart/mixed'], ...part('x', 'a'), '--x--')),
    named('a multipart with an empty boundary', mail(['Content-Type: multipart/mixed; boundary=""'], '--', '', 'a', '----')),
    named('a multipart with an empty body', mail([mixed])),
    named('a multipart that ends after its first boundary line', [...head(mixed), '', '--x'].join('\r\n')),
    named('a multipart whose closing boundary alone is there', mail([mixed], '--x--')),
    named('a multipart cut off in the header of a part', mail([mixed], '--x', 'Content-Type: text/pl')),
    named('a multipart whose part has a header line without a colon', mail([mixed], '--x', 'no colon here', '', 'a', '--x--')),
    named('a multipart whose part has no header and no empty line', mail([mixed], '--x', '--x--')),
    named(
      'a nested multipart without its inner closing boundary',
      mail([mixed], '--x', 'Content-Type: multipart/alternative; boundary=y', '', ...part('y', 'a'), '--x--'),
    ),
    named(
      'a nested multipart with the boundary of the outer one',
      mail([mixed], '--x', mixed, '', ...part('x', 'a'), '--x--', '--x--'),
    ),
    named(
      'a nested multipart whose boundary begins as the outer one',
      mail([mixed], '--x', 'Content-Type: multipart/mixed; boundary=xx', '', ...part('xx', 'a'), '--x--'),
    ),
    named(
      'a boundary of 200 characters',
      mail(
        [`Content-Type: multipart/mixed; boundary=${'b'.repeat(200)}`],
        ...part('b'.repeat(200), 'a'),
        `--${'b'.repeat(200)}--`,
      ),
    ),
    named(
      'a boundary of 200 characters that is never closed',
      mail([`Content-Type: multipart/mixed; boundary=${'b'.repeat(200)}`], ...part('b'.repeat(200), 'a')),
    ),
    named(
      'a boundary with spaces and quotes',
      mail(['Content-Type: multipart/mixed; boundary=" a\\"b "'], ...part(' a"b ', 'a'), '-- a"b --'),
    ),
    named(
      'a boundary of bytes above 127',
      mail(['Content-Type: multipart/mixed; boundary="\xe4\xff"'], ...part('\xe4\xff', 'a'), '--\xe4\xff--'),
    ),
    named('two thousand parts', mail([mixed], ...Array.from({ length: 2000 }, (_, i) => part('x', `${i}`)).flat(), '--x--')),
    named(
      'two thousand parts without the closing boundary',
      mail([mixed], ...Array.from({ length: 2000 }, (_, i) => part('x', `${i}`)).flat()),
    ),
    named('multiparts nested two hundred deep', mail([mixed], ...nested(200, true))),
    named('multiparts nested two hundred deep, none of them closed', mail([mixed], ...nested(200, false))),
    named('a multipart/digest of nothing', mail(['Content-Type: multipart/digest; boundary=x'], '--x', '', '', '--x--')),
    named(
      'a multipart in base64',
      mail([mixed, 'Content-Transfer-Encoding: base64'], Buffer.from('--x\r\n\r\na\r\n--x--\r\n').toString('base64')),
    ),
    named('a multipart of an unknown kind', mail(['Content-Type: multipart/x-nobody; boundary=x'], ...part('x', 'a'), '--x--')),
    named('a multipart in bare LF', mail([mixed], ...part('x', 'a'), '--x--').replaceAll('\r\n', '\n')),

    // Messages within messages.
    named('a message/rfc822 that is empty', mail(['Content-Type: message/rfc822'])),
    named('a message/rfc822 that is no message', mail(['Content-Type: message/rfc822'], 'no header', 'at all')),
    named(
      'a message/rfc822 with an unclosed multipart inside',
      mail(['Content-Type: message/rfc822'], mixed, '', '--x', '', 'a'),
    ),
    named(
      'a message/rfc822 in base64',
      mail(['Content-Type: message/rfc822', 'Content-Transfer-Encoding: base64'], '!!!! no base64'),
    ),
    named(
      'messages nested fifty deep',
      mail(
        ['Content-Type: message/rfc822'],
        ...Array.from({ length: 50 }, () => ['Content-Type: message/rfc822', '']).flat(),
        'a',
      ),
    ),
    named(
      'a message/delivery-status that is broken',
      mail(
        ['Content-Type: multipart/report; report-type=delivery-status; boundary=x'],
        '--x',
        'Content-Type: message/delivery-status',
        '',
        'Reporting-MTA',
        '--x--',
      ),
    ),
    named('a message/partial of nothing', mail(['Content-Type: message/partial; id="a"; number=1; total=2'])),

    // The header.
    named('a header line without a colon', mail(['this is no field'], 'a')),
    named('a first line without a colon', `this is no field\r\n${mail([], 'a')}`),
    named('a first line that is a continuation', ` continued\r\n${mail([], 'a')}`),
    named('an mbox line first', `From stranger@example.net Mon Nov 30 10:00:00 2026\r\n${mail([], 'a')}`),
    named('a header only', head('Subject: no body').join('\r\n')),
    named('a header only, with its empty line', `${head('Subject: no body').join('\r\n')}\r\n\r\n`),
    named('a body without a header', '\r\njust a body\r\n'),
    named('nothing at all', ''),
    named('one empty line', '\r\n'),
    named('a field with an empty name', mail([': empty'], 'a')),
    named('a field with spaces in its name', mail(['Sub ject: a'], 'a')),
    named('a space before the colon', mail(['Subject : a'], 'a')),
    named('a field name of bytes above 127', mail(['S\xfcbject: a'], 'a')),
    named('a control character in a field', mail(['Subject: a\x01\x07\x1bb'], 'a')),
    named('a huge field', mail([`Subject: ${'long '.repeat(20_000)}`], 'a')),
    named(
      'a huge header of many fields',
      mail(
        Array.from({ length: 5000 }, (_, i) => `X-Field-${i}: ${'v'.repeat(60)}`),
        'a',
      ),
    ),
    named('a field folded a thousand times', mail([`Subject: a${'\r\n b'.repeat(1000)}`], 'a')),
    named('a field folded with an empty line of spaces', mail(['Subject: a\r\n   \r\n b'], 'a')),
    named('a line of 2,000 characters in the header', mail([`X-Long: ${'x'.repeat(2000)}`], 'a')),
    named(
      'a Received loop',
      mail(
        Array.from({ length: 60 }, (_, i) => `Received: from h${i} by h${i + 1}; Mon, 30 Nov 2026 10:00:00 +0000`),
        'a',
      ),
    ),

    // Single fields.
    ...[
      ['that is malformed', 'Content-Type: ;;;'],
      ['that is empty', 'Content-Type:'],
      ['without a subtype', 'Content-Type: text'],
      ['with a slash only', 'Content-Type: /'],
      ['with an unclosed quote', 'Content-Type: multipart/mixed; boundary="x'],
      ['with the same parameter twice', 'Content-Type: multipart/mixed; boundary=x; boundary=y'],
      ['with RFC 2231 continuations out of order', "Content-Type: multipart/mixed; boundary*1=x; boundary*0*=utf-8''%ZZ"],
      ['of an unknown charset', 'Content-Type: text/plain; charset=x-nobody-knows'],
      ['of the wrong charset', 'Content-Type: text/plain; charset=utf-16'],
      ['with a NUL in it', 'Content-Type: text/plain; charset=\0'],
      ['twice', 'Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x'],
    ].map(([what, field]) => named(`a Content-Type ${what}`, mail([field!], 'a\xff\xfeb'))),
    named('an unknown Content-Transfer-Encoding', mail(['Content-Transfer-Encoding: x-nobody'], 'a')),
    named('two Content-Transfer-Encodings', mail(['Content-Transfer-Encoding: base64', 'Content-Transfer-Encoding: 8bit'], 'a')),
    named('broken base64', mail(['Content-Type: text/plain', 'Content-Transfer-Encoding: base64'], 'YQ=X=\x80*** =')),
    named(
      'broken quoted-printable',
      mail(['Content-Type: text/plain', 'Content-Transfer-Encoding: quoted-printable'], 'a=ZZ =\xff= b=', '='),
    ),
    named(
      'broken encoded words',
      mail(['Subject: =?utf-8?B?!!!?= =?x-nobody?Q?=ZZ?= =?utf-8?X?a?= =??=', 'Comments: =?utf-8?q?a'], 'a'),
    ),
    named('a malformed Content-Disposition', mail(['Content-Disposition: ;filename="'], 'a')),
    named('two From fields', mail([`From: other@example.net`], 'a')),
    named('two Date fields', mail(['Date: Tue, 1 Dec 2026 10:00:00 +0000'], 'a')),
    named('two Message-ID fields', mail(['Message-ID: <other@example.net>'], 'a')),
    named('an empty From', mail([], 'a').replace(/^From: .*/, 'From:')),
    named('a From that is a group', mail([], 'a').replace(/^From: .*/, `From: Undisclosed: ${from}, <b@example.net>;`)),
    named('a From that never ends', mail([], 'a').replace(/^From: .*/, `From: "${from} <${from}`)),
    named('a From with two addresses', mail([], 'a').replace(/^From: .*/, `From: ${from}, other@example.net`)),
    named(
      'a From with comments nested a thousand deep',
      mail([], 'a').replace(/^From: .*/, `From: ${'('.repeat(1000)}${')'.repeat(1000)} ${from}`),
    ),
    named(
      'a To of five thousand addresses',
      mail([], 'a').replace(/^To: .*/m, `To: ${Array.from({ length: 5000 }, (_, i) => `a${i}@example.net`).join(',\r\n ')}`),
    ),
    named('no Date', mail([], 'a').replace(/^Date: .*\r\n/m, '')),
    named('no From', mail([], 'a').replace(/^From: .*\r\n/m, '')),
    named('a Date that is none', mail([], 'a').replace(/^Date: .*/m, 'Date: yesterday, 99 Foo -1 25:61:61 +9999')),
    named('a Date before there was mail', mail([], 'a').replace(/^Date: .*/m, 'Date: Thu, 1 Jan 0001 00:00:00 -0000')),

    // Bytes.
    named('NUL bytes in the body', mail([], 'a\0b\0\0c')),
    named('NUL bytes in the header', mail(['Subject: a\0b'], 'a')),
    named('bare CR in the body', mail([], 'a\rb\r\rc')),
    named('bare LF in the body', mail([], 'a\nb\n\nc')),
    named('bare CR in the header', mail(['Subject: a\rBcc: b@example.net'], 'a')),
    named('bare LF throughout', mail(['Subject: a'], 'b').replaceAll('\r\n', '\n')),
    named('eight-bit garbage in the header', mail([`Subject: ${bytes(128, 256)}`], 'a')),
    named('eight-bit garbage in the body', mail([], bytes(128, 256).repeat(20))),
    named('all bytes but CR, LF and NUL', mail([], bytes(1, 256).replace(/[\r\n]/g, ''))),
    named('a byte order mark first', `\xef\xbb\xbf${mail(['Subject: a'], 'b')}`),
    named('UTF-16 throughout', Buffer.from(`\ufeff${mail(['Subject: a'], 'b')}`, 'utf16le').toString('latin1')),
    named(
      'UTF-8 cut off in the middle of a character',
      mail(['Content-Type: text/plain; charset=utf-8', 'Subject: \xe2\x82'], '\xf0\x9f\x92'),
    ),
    named('a last line that ends in CR CR LF', mail([], 'a\r')),
    named('lines that end in CR CR LF', mail(['Subject: a'], 'b', 'c', '.d').replaceAll('\r\n', '\r\r\n')),
    named('a line of 3,900 characters', mail([], 'x'.repeat(3900))),
    named('dots at the beginning of lines', mail([], '.', '..', '...', '. ', '.a', '')),
    named('a body of lines of a dot and a bare LF', mail([], 'a\n.\nb')),
    named('a body of 50,000 empty lines', mail([], ...Array.from({ length: 50_000 }, () => ''))),
    named('the last line without its end', mail([mixed], ...part('x', 'a')).replace(/\r\n$/, '')),
    named('uuencoded text that is cut off', mail([], 'begin 644 a.txt', '#0V%T', '`')),
  ]
}

/** Multiparts within one another, each with a boundary of its own; the outermost is `x`. */
function nested(depth: number, closed: boolean): readonly string[] {
  const boundary = (at: number) => (at === 0 ? 'x' : `x${at}y`)
  return [
    ...Array.from({ length: depth }, (_, at) => [
      `--${boundary(at)}`,
      `Content-Type: multipart/mixed; boundary=${boundary(at + 1)}`,
      '',
    ]).flat(),
    `--${boundary(depth)}`,
    '',
    'the innermost',
    ...(closed ? Array.from({ length: depth + 1 }, (_, at) => `--${boundary(depth - at)}--`) : []),
  ]
}

const bytes = (from: number, to: number): string => String.fromCharCode(...Array.from({ length: to - from }, (_, i) => from + i))
