import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { ProvisionError } from '../errors.ts'

/** One regular file of an archive. */
export interface TarEntry {
  readonly path: string
  readonly mode: number
  readonly content: Buffer
}

/** The regular files of a tar archive, as it is or compressed by gzip or zstd. Throws ProvisionError for what is none. */
export function untar(where: string, archive: Buffer): readonly TarEntry[] {
  const tar = decompress(where, archive)
  if (tar.length < block) throw new ProvisionError(where, 'is no tar archive')
  const entries: TarEntry[] = []
  let longName: string | undefined
  for (let at = 0; at + block <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + block)
    const text = (from: number, length: number) => header.toString('utf8', from, from + length).replace(/\0.*$/s, '')
    const size = Number.parseInt(text(124, 12).trim() || '0', 8)
    const content = tar.subarray(at + block, at + block + size)
    if (text(257, 5) !== 'ustar' || Number.isNaN(size) || content.length < size)
      throw new ProvisionError(where, 'is no tar archive, or is cut off')
    const type = String.fromCharCode(header[156] ?? 0)
    const prefix = text(345, 155)
    const name = longName ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`)
    // A long name stands in an entry of its own before the file: GNU's L, pax's x.
    longName =
      type === 'L'
        ? content.toString('utf8').replace(/\0.*$/s, '')
        : type === 'x'
          ? (/(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString('utf8'))?.[1] ?? undefined)
          : undefined
    if (type === '0' || type === '\0')
      entries.push({ path: name.replace(/^\.\//, ''), mode: Number.parseInt(text(100, 8).trim(), 8), content })
    at += block + Math.ceil(size / block) * block
  }
  return entries
}

/** A tar archive of these files: root's, without times, so that the same files give the same bytes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ path, mode, content }) => {
    if (Buffer.byteLength(path) > 100) throw new ProvisionError(path, 'is too long a name for the archive')
    const header = Buffer.alloc(block)
    const put = (value: string, at: number) => header.write(value, at, 'utf8')
    const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
    put(path, 0)
    put(octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12), 100)
    put('        0', 148)
    put('ustar\x0000root', 257)
    put('root', 297)
    put(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    return [header, content, Buffer.alloc((block - (content.length % block)) % block)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

const block = 512

/** More than any of ours is; what a bomb would unpack to is refused. */
const most = { maxOutputLength: 512 * 1024 * 1024 }

function decompress(where: string, archive: Buffer): Buffer {
  try {
    if (archive.readUInt16BE(0) === 0x1f8b) return gunzipSync(archive, most)
    return archive.readUInt32LE(0) === 0xfd2fb528 ? zstdDecompressSync(archive, most) : archive
  } catch (error) {
    throw new ProvisionError(where, `cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`)
  }
}
