/** One alias: a whole address in lower case, and where its mail goes. To keep a copy, an address names itself. */
export interface AliasLine {
  readonly from: string
  readonly to: readonly string[]
}

/** /etc/maddy/aliases, which maddy reads again by itself within 15 seconds. */
export const aliases = (all: readonly AliasLine[]): string =>
  ['# Written by provision.', ...all.map(({ from, to }) => `${from}: ${to.join(', ')}`), ''].join('\n')

/** What an operator should know of aliases that leave the server: maddy has no SRS. */
export const leaving = (all: readonly AliasLine[]): readonly string[] =>
  all.map(({ from, to }) => `${from} goes on to ${to.join(', ')}, where it may be refused: the sender’s SPF does not name us`)
