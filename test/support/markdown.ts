import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A page that people read, by its path from the root. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** A fenced block of a page. */
export interface Block {
  readonly page: string
  readonly line: number
  /** `sh`, `yaml`, `ts`; empty where nothing is said. */
  readonly language: string
  readonly text: string
}

/** README, the other pages at the top, and all of docs/. */
export const pages: readonly Page[] = globSync(['*.md', 'docs/**/*.md'], { cwd: root })
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

/** The fenced blocks of a page; one within a list loses the list's indentation. */
export const blocksOf = ({ path, text }: Page): readonly Block[] =>
  [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(({ 1: indent = '', 2: language = '', 3: body = '', index }) => ({
    page: path,
    line: text.slice(0, index).split('\n').length,
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))

/** The blocks of all pages in these languages. */
export const blocksIn = (...languages: readonly string[]): readonly Block[] =>
  pages.flatMap(blocksOf).filter(({ language }) => languages.includes(language))

/** The text of a page without its fenced blocks. */
export const proseOf = ({ text }: Page): string => text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '')

/** The pieces of code in the text of a page, with a table's `\|` as it is read. */
export const codeOf = (page: Page): readonly string[] =>
  [...proseOf(page).matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|').replaceAll(/\s+/g, ' '))

/** What is wrong with the links of a page: a file that does not exist, a heading that the other page does not have. */
export function brokenLinks(page: Page): readonly string[] {
  const targets = [
    ...proseOf(page)
      .replaceAll(/`[^`]*`(?!\])/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target]) => target!)
  return targets
    .filter((target) => !/^(https:|mailto:)/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page.path : normalize(join(dirname(page.path), file))
      if (!existsSync(join(root, path))) return true
      return anchor !== undefined && !anchorsOf(readFileSync(join(root, path), 'utf8')).includes(anchor)
    })
}

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/^#+ +(.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
