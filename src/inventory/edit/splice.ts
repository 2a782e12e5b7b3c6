import { isCollection, isNode, type Pair, type YAMLMap, type YAMLSeq } from 'yaml'
import { block, inFlow, items } from './written.ts'

// Text in, text out: what is not touched keeps every blank and every comment, which writing the whole document anew would not.
// The nodes come from `parseDocument` of the same text: only their places are used.

/** The text with one more item at the end of a list. `flow` writes it in braces, on one line. */
export function withItem(text: string, list: YAMLSeq, item: unknown, flow: boolean): string {
  const last = list.items.at(-1)
  if (list.flow || last === undefined) return insideFlow(text, list, last, inFlow(item))
  const column = columnOf(text, dashOf(text, last))
  const at = endOf(text, last, column)
  const before = list.items.at(-2)
  const apart = before === undefined ? isLong(text, last) : blankBefore(text, startOf(text, dashOf(text, last), column))
  return insertLines(text, at, [...(apart ? [''] : []), ...items([item], flow, column)])
}

/** The text with one more list in a map: after the key `after`, or as its last. `apart` puts a blank line before it. */
export function withPair(
  text: string,
  map: YAMLMap,
  key: string,
  list: readonly unknown[],
  { after, apart, flow }: { readonly after?: string; readonly apart: boolean; readonly flow: boolean },
): string {
  const before = pairOf(map, after) ?? map.items.at(-1)
  if (map.flow || before === undefined) return insideFlow(text, map, before?.value, `${key}: ${inFlow(list)}`)
  const column = columnOf(text, placeOf(map.items[0]!.key)[0])
  const lines = [`${' '.repeat(column)}${key}:`, ...items(list, flow, column + 2)]
  return insertLines(text, endOf(text, before.value, column), [...(apart ? [''] : []), ...lines])
}

/** The text with another scalar in place of one that is there. */
export function withScalar(text: string, scalar: unknown, value: string): string {
  const [from, to] = placeOf(scalar)
  return text.slice(0, from) + inFlow(value) + text.slice(to)
}

/** The text with another map, in braces, in place of one that is there. */
export function withValue(text: string, node: unknown, value: Readonly<Record<string, unknown>>): string {
  const [from, to] = placeOf(node)
  return `${text.slice(0, from)}${inFlow(value)}${text[to - 1] === '\n' ? '\n' : ''}${text.slice(to)}`
}

/** The text with one more key at the end of a map: a scalar, or maps of maps; in braces with `flow`. `apart` puts a blank line before it. */
export function withKey(
  text: string,
  map: YAMLMap,
  value: Readonly<Record<string, unknown>>,
  { apart, flow = false }: { readonly apart: boolean; readonly flow?: boolean },
): string {
  const last = map.items.at(-1)
  const [[key, inside]] = Object.entries(value) as [[string, unknown]]
  if (map.flow || last === undefined) return insideFlow(text, map, last?.value, `${key}: ${inFlow(inside)}`)
  const column = columnOf(text, placeOf(map.items[0]!.key)[0])
  return insertLines(text, endOf(text, last.value, column), [
    ...(apart ? [''] : []),
    ...(flow ? [`${' '.repeat(column)}${key}: ${inFlow(inside)}`] : block(value, column)),
  ])
}

/** The text without one item of a list, and without the comment that stands right above it. */
export function withoutItem(text: string, list: YAMLSeq, index: number): string {
  const item = list.items[index]
  if (list.flow) {
    const previous = list.items[index - 1]
    const next = list.items[index + 1]
    const from = previous === undefined ? placeOf(item)[0] : placeOf(previous)[1]
    return text.slice(0, from) + text.slice(previous === undefined && next !== undefined ? placeOf(next)[0] : placeOf(item)[1])
  }
  const column = columnOf(text, dashOf(text, item))
  return cut(text, startOf(text, dashOf(text, item), column), endOf(text, item, column), {
    first: index === 0,
    last: index === list.items.length - 1,
  })
}

/** The text without one key of a map; a list that is its first key, or in braces, is emptied instead. */
export function withoutPair(text: string, map: YAMLMap, key: string): string {
  const pair = pairOf(map, key)!
  const [at] = placeOf(pair.key)
  const column = columnOf(text, at)
  if (map.flow || pair === map.items[0])
    return `${text.slice(0, placeOf(pair.key)[1])}: []${text.slice(0, placeOf(pair.value)[1]).endsWith('\n') ? '\n' : ''}${text.slice(placeOf(pair.value)[1])}`
  return cut(text, startOf(text, at, column), endOf(text, pair.value, column), { first: false, last: pair === map.items.at(-1) })
}

function insideFlow(text: string, list: YAMLSeq | YAMLMap, last: unknown, added: string): string {
  if (last !== undefined) return splice(text, placeOf(last)[1], `, ${added}`)
  return splice(text, placeOf(list)[0] + 1, added)
}

/** Where a node begins, and where its value ends. */
function placeOf(node: unknown): readonly [number, number] {
  if (!isNode(node) || !node.range) throw new Error('a node without a place in the text')
  return [node.range[0], node.range[1]]
}

const pairOf = (map: YAMLMap, key: string | undefined): Pair | undefined =>
  key === undefined ? undefined : map.items.find((pair) => String(pair.key) === key)

const splice = (text: string, at: number, added: string): string => text.slice(0, at) + added + text.slice(at)
const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1
const columnOf = (text: string, at: number): number => at - lineStart(text, at)
const dashOf = (text: string, item: unknown): number => text.lastIndexOf('-', placeOf(item)[0] - 1)
const isLong = (text: string, item: unknown): boolean => isCollection(item) && text.slice(...placeOf(item)).includes('\n  ')

/** The line where something begins, with the comment lines right above it. */
function startOf(text: string, at: number, column: number): number {
  const start = lineStart(text, at)
  const above = text.slice(lineStart(text, start - 1), start)
  return start > 0 && new RegExp(`^ {${column}}#`).test(above) ? startOf(text, start - 1, column) : start
}

/** The line after something, and after the comments below it that are indented deeper. */
function endOf(text: string, node: unknown, column: number): number {
  const [, end] = placeOf(node)
  const line = text[end - 1] === '\n' ? end : text.indexOf('\n', end) + 1 || text.length
  const below = new RegExp(`^(?:[ \\t]*\\r?\\n)*(?: {${column + 1},}#.*(?:\\n|$))+`).exec(text.slice(line))
  return line + (below?.[0].length ?? 0)
}

const blankBefore = (text: string, at: number): boolean => /\n\r?\n$/.test(text.slice(0, at))

/** Takes lines out; of the blank lines on both sides those before stay, unless they only led to what was the last. */
function cut(
  text: string,
  from: number,
  to: number,
  { first, last }: { readonly first: boolean; readonly last: boolean },
): string {
  const [before, after] = [text.slice(0, from), text.slice(to)]
  const blank = /^(?:[ \t]*\r?\n)+/
  if (after === '' || (last && blankBefore(text, from) && !blank.test(after)))
    return before.replace(/(\r?\n)(?:[ \t]*\r?\n)+$/, '$1') + after
  return before + (first || blankBefore(text, from) ? after.replace(blank, '') : after)
}

function insertLines(text: string, at: number, lines: readonly string[]): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const added = lines.map((line) => line + eol).join('')
  return splice(text, at, at > 0 && text[at - 1] !== '\n' ? eol + added : added)
}
