import { stringify } from 'yaml'
import { secretTag } from '../yaml.ts'

/** The items of a list, each beginning at this column. */
export const items = (list: readonly unknown[], flow: boolean, column: number): readonly string[] =>
  (flow ? list.map((item) => `- ${inFlow(item)}`) : yaml(list).split('\n')).map((line) => ' '.repeat(column) + line)

/** A map as lines, each beginning at this column. */
export const block = (value: unknown, column: number): readonly string[] =>
  yaml(value)
    .split('\n')
    .map((line) => ' '.repeat(column) + line)

const yaml = (value: unknown): string => stringify(value, { customTags: [secretTag], lineWidth: 0 }).trimEnd()

/** A value on one line. What stands in quotes in JSON stands in quotes in YAML. */
export function inFlow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inFlow).join(', ')}]`
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${key}: ${inFlow(one)}`)
      .join(', ')} }`
  if (typeof value === 'string' && /[,[\]{}]/.test(value)) return JSON.stringify(value)
  return yaml(value)
}
