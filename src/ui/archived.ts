/** A message of an archive, as its mailbox's database knows it. */
export interface Archived {
  readonly gone: 0 | 1
  readonly folder: string
  readonly uid: number
  /** In seconds. */
  readonly date: number
  readonly id: string | null
  readonly from: string | null
  readonly subject: string | null
}

/** A line of `restore --list`: ✓ when the mailbox still has it; when, where, whose, about what, and what `--message` calls it. */
export function archivedLine({ gone, folder, uid, date, id, from, subject }: Archived): string {
  const when = new Date(date * 1000).toISOString().slice(0, 16).replace('T', ' ')
  const words = [when, folder.replaceAll('.', '/'), readable(from), readable(subject), id ?? `${folder}:${uid}`]
  return `${gone ? ' ' : '✓'} ${words.join('  ').replaceAll(/\p{Cc}/gu, '')}`
}

/** The encoded words of a header (RFC 2047) as people read them; what cannot be read stays as it is. */
export function readable(header: string | null): string {
  if (header === null || header.trim() === '') return '–'
  return header
    .replaceAll(/(\?=)\s+(=\?)/g, '$1$2')
    .replaceAll(/=\?([^?*\s]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (word, charset: string, encoding: string, text: string) => {
      const bytes =
        encoding.toLowerCase() === 'b'
          ? Buffer.from(text, 'base64')
          : Buffer.from(
              text
                .replaceAll('_', ' ')
                .replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
              'latin1',
            )
      try {
        return new TextDecoder(charset).decode(bytes)
      } catch {
        return word
      }
    })
}
