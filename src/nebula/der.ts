/** One element of DER: its tag, what is in it, and all of it with tag and length. */
export interface Element {
  readonly tag: number
  readonly value: Buffer
  readonly whole: Buffer
}

/** The elements that stand one after the other. Throws a plain Error for what is cut off. */
export function elements(bytes: Buffer): readonly Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at + 1] ?? 0
    const more = first & 0x80 ? first & 0x7f : 0
    const start = at + 2 + more
    const length = more === 0 ? first : more <= 3 && start <= bytes.length ? bytes.readUIntBE(at + 2, more) : bytes.length
    if (start + length > bytes.length) throw new Error('is cut off')
    found.push({
      tag: bytes[at]!,
      value: bytes.subarray(start, start + length),
      whole: bytes.subarray(at, start + length),
    })
    at = start + length
  }
  return found
}

/** An element of these parts. */
export function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts)
  const size = value.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}

/** A whole number above 0 as the value of an element: as short as it can be, and never negative. */
export function integer(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return bytes[0]! & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes
}
