/** The end of a message about a word that is not one of these: the nearest of them, when one is near enough. */
export function didYouMean(word: string, words: readonly string[]): string {
  const [nearest] = words
    .map((one) => ({ one, far: distance(word, one) }))
    .filter(({ one, far }) => far <= Math.max(1, Math.floor(one.length / 3)))
    .toSorted((a, b) => a.far - b.far)
  return nearest === undefined ? '' : `\n(Did you mean ${nearest.one}?)`
}

/** How many letters have to be added, left out, replaced or exchanged with the next one to make one word of the other. */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      const exchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      row.push(
        Math.min(
          ...[rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same],
          ...(exchanged ? [rows[i - 2]![j - 2]! + 1] : []),
        ),
      )
    }
    rows.push(row)
  }
  return rows[from.length]![to.length]!
}
