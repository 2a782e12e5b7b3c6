import figlet from 'figlet'

/** A banner, each line drawn large. Rendered here: the host needs no figlet for it. */
export const motd = ({ lines, font }: { readonly lines: readonly string[]; readonly font: string }): string =>
  `${lines.map((line) => draw(line, font)).join('\n')}\n`

const draw = (line: string, font: string): string =>
  figlet
    .textSync(line, { font: font === 'small' ? 'Small' : font, width: 200 })
    .split('\n')
    .map((row) => row.trimEnd())
    .filter((row) => row !== '')
    .join('\n')
