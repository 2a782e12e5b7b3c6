/** One alias: a whole address in lower case, and where its mail goes. To keep a copy, an address names itself. */
export interface AliasLine {
  readonly from: string
  readonly to: readonly string[]
}

/** /etc/maddy/aliases, which maddy reads again by itself within 15 seconds. */
export const aliases = (all: readonly AliasLine[]): string =>
  ['# Written by provision.', ...all.map(({ from, to }) => `${from}: ${to.join(', ')}`), ''].join('\n')
