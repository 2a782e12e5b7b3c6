import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from 'yaml'
import { ProvisionError } from '../../errors.ts'
import { readYaml } from '../yaml.ts'
import { withItem, withKey, withoutItem, withoutPair, withPair, withScalar, withValue } from './splice.ts'

/** Where a map is in an inventory: keys and numbers. */
export type Path = readonly (string | number)[]

/** How a new item is written. */
export interface Style {
  /** The key that a list which is not there yet comes after. */
  readonly after?: string
  /** In braces, unless the items before it are not. */
  readonly braces?: boolean
}

/** The text with one more item in the list `key` of a map. Throws ProvisionError when its layout does not allow it. */
export function append(file: string, text: string, at: Path, key: string, item: unknown, { after, braces }: Style = {}): string {
  const { map, list } = nodes(file, text, at, key)
  const last: unknown = list?.items.at(-1)
  const flow = list?.flow === true || (isMap(last) ? last.flow === true : braces === true)
  const edited =
    list !== undefined
      ? withItem(text, list, item, flow)
      : withPair(text, map, key, [item], { flow, apart: at.length === 0, ...(after === undefined ? {} : { after }) })
  return proved(file, text, edited, at, key, (all) => [...all, item])
}

/** The text without one item of the list `key` of a map. Throws ProvisionError when its layout does not allow it. */
export function drop(file: string, text: string, at: Path, key: string, index: number): string {
  const { map, list } = nodes(file, text, at, key)
  if (list === undefined) throw new Error(`${key} is no list`)
  const edited = list.items.length === 1 ? withoutPair(text, map, key) : withoutItem(text, list, index)
  return proved(file, text, edited, at, key, (all) => all.toSpliced(index, 1))
}

/** The text with a scalar set, at a path of keys. Throws ProvisionError when its layout does not allow it. */
export function set(file: string, text: string, path: readonly string[], value: string): string {
  const { document } = readYaml(file, text)
  const there: unknown = document.getIn(path, true)
  const depth = path.findIndex((_, i) => !isMap(document.getIn(path.slice(0, i + 1), true)))
  const map: unknown = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
  if (!isMap(map) || (there === undefined ? map.has(path[depth]!) : !isScalar(there))) throw byHand(file, path.join('.'))
  const nested = path.slice(depth).reduceRight<unknown>((inside, key) => ({ [key]: inside }), value) as Record<string, unknown>
  const edited = there === undefined ? withKey(text, map, nested, { apart: depth === 0 }) : withScalar(text, there, value)
  const wanted = readYaml(file, text).document
  wanted.setIn(path, value)
  return same(file, edited, wanted.toJS(), path.join('.'))
}

/** The text with this map, in braces, as the key of a map. Throws ProvisionError when its layout does not allow it. */
export function putMap(
  file: string,
  text: string,
  at: Path,
  key: string,
  value: Readonly<Record<string, string | number>>,
): string {
  const { document } = readYaml(file, text)
  const map: unknown = document.getIn(at, true)
  if (!isMap(map)) throw byHand(file, key)
  const there: unknown = map.get(key, true)
  if (there !== undefined && !isMap(there)) throw byHand(file, key)
  const edited =
    there === undefined ? withKey(text, map, { [key]: value }, { apart: false, flow: true }) : withValue(text, there, value)
  const wanted = readYaml(file, text).document
  wanted.setIn([...at, key], value)
  return same(file, edited, wanted.toJS(), key)
}

function nodes(file: string, text: string, at: Path, key: string): { readonly map: YAMLMap; readonly list?: YAMLSeq } {
  const { document } = readYaml(file, text)
  const map: unknown = at.length === 0 ? document.contents : document.getIn(at, true)
  if (!isMap(map)) throw byHand(file, key)
  const list: unknown = map.get(key, true)
  if (list === undefined) return { map }
  // An anchor, a list that is a reference to another one, or an empty value.
  if (!isSeq(list)) throw byHand(file, key)
  return { map, list }
}

/** The edited text, once it is certain that it says what it said before and this change, and nothing else. */
function proved(
  file: string,
  before: string,
  after: string,
  at: Path,
  key: string,
  change: (all: readonly unknown[]) => readonly unknown[],
): string {
  const data = (text: string): unknown => readYaml(file, text).document.toJS()
  const wanted = data(before)
  const map = at.reduce<unknown>((part, step) => Reflect.get(part as object, step), wanted) as Record<string, unknown>
  map[key] = change((map[key] ?? []) as readonly unknown[])
  return same(file, after, wanted, key)
}

function same(file: string, after: string, wanted: unknown, key: string): string {
  try {
    if (isDeepStrictEqual(withoutEmpty(readYaml(file, after).document.toJS()), withoutEmpty(wanted))) return after
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
  }
  throw byHand(file, key)
}

/** An empty list and none mean the same. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => !Array.isArray(one) || one.length > 0)
      .map(([key, one]) => [key, withoutEmpty(one)]),
  )
}

const byHand = (file: string, key: string): ProvisionError =>
  new ProvisionError(
    file,
    `its “${key}” is laid out in a way that only a person can edit`,
    'edit it by hand, then: provision --host X',
  )
