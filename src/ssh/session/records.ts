/** Who listens to a stream in which our scripts' records stand between other bytes. */
export interface RecordListener {
  record(text: string): void
  data(bytes: Buffer): void
}

const begin = (nonce: string): Buffer => Buffer.from(`\x1e${nonce} `)

/** Tells records from data, whatever pieces they arrive in. What may become a record is held back until it is one, or is not. */
export function records(nonce: string, { record, data }: RecordListener): (chunk: Buffer) => void {
  const mark = begin(nonce)
  let rest: Buffer = Buffer.alloc(0)
  const give = (bytes: Buffer) => void (bytes.length > 0 && data(bytes))
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let at = rest.indexOf(mark); at >= 0; at = rest.indexOf(mark)) {
      give(rest.subarray(0, at))
      const end = rest.indexOf('\n', at)
      rest = end < 0 ? rest.subarray(at) : rest
      if (end < 0) return
      record(rest.toString('utf8', at + mark.length, end))
      rest = rest.subarray(end + 1)
    }
    const last = rest.lastIndexOf(0x1e)
    const maybe =
      last >= 0 && rest.length - last < mark.length && mark.subarray(0, rest.length - last).equals(rest.subarray(last))
    give(maybe ? rest.subarray(0, last) : rest)
    rest = maybe ? rest.subarray(last) : Buffer.alloc(0)
  }
}

/** What stands after the start record, and before the end record where there is one; nothing when the script never began. */
export function afterStart(output: Buffer, nonce: string): Buffer | undefined {
  const mark = Buffer.concat([begin(nonce), Buffer.from('start\n')])
  const at = output.indexOf(mark)
  if (at < 0) return undefined
  const end = output.indexOf(endMark(nonce), at)
  return output.subarray(at + mark.length, end < 0 ? undefined : end)
}

const endMark = (nonce: string): Buffer => Buffer.concat([begin(nonce), Buffer.from('end ')])

/** The exit code in a stream's end record, once that has come, in whatever pieces. */
export function endOf(stream: NodeJS.ReadableStream, nonce: string): Promise<number> {
  const mark = endMark(nonce)
  let rest: Buffer = Buffer.alloc(0)
  return new Promise((resolve) =>
    stream.on('data', (chunk: Buffer) => {
      const all = Buffer.concat([rest, chunk])
      const at = all.indexOf(mark)
      rest = all.subarray(at < 0 ? -mark.length : at)
      const said = at < 0 ? null : /^(\d+)\n/.exec(rest.toString('latin1', mark.length, mark.length + 8))
      if (said !== null) resolve(Number(said[1]))
    }),
  )
}

/** The longest line that is kept whole, in bytes. */
const longest = 64 * 1024

/** Cuts bytes into lines, and a line that is too long into pieces. `end` gives the last one, which had no newline. */
export function lineReader(onLine: (line: string) => void): { add(bytes: Buffer): void; end(): void } {
  let rest: Buffer = Buffer.alloc(0)
  const add = (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    for (let at = rest.indexOf('\n'); at >= 0 || rest.length > longest; at = rest.indexOf('\n')) {
      const cut = at >= 0 && at <= longest
      onLine(rest.toString('utf8', 0, cut ? at : longest))
      rest = rest.subarray(cut ? at + 1 : longest)
    }
  }
  return { add, end: () => void (rest.length > 0 && add(Buffer.from('\n'))) }
}
