/** The width of the terminal that questions are asked on. */
export const columns = (): number => (process.stderr.columns > 0 ? process.stderr.columns : 80)

/** A text in lines of at most so many columns, broken at blanks; a word that is longer stays whole. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** A sentence for stderr, broken at blanks where that is a terminal. Not for commands, which are pasted as they are. */
export const prose = (text: string): string => (process.stderr.isTTY ? wrapped(text, columns()).join('\n') : text)
