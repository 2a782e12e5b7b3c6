import type { Difference } from './compare.ts'
import { purpose } from './meaning.ts'
import type { DnsRecord, Said } from './record.ts'
import type { ZoneChange } from './update.ts'

/**
 * What has to be done about these differences. What stands in the way of ours goes; what is too much goes only when it makes ours
 * count for nothing or was ours, else with `prune`. Nothing else is touched. Pure.
 */
export function changeOf(
  zone: string,
  differences: readonly Difference[],
  { prune = false }: { readonly prune?: boolean | undefined } = {},
): ZoneChange {
  const remove = differences.flatMap(({ state, seen, ours }) =>
    seen.filter((said) => state === 'wrong' || ours || (state === 'extra' && (prune || spoils(said)))),
  )
  const add = differences.flatMap(({ record }) => (record === undefined ? [] : [record]))
  return { zone, remove: unique(remove), add: unique(add) }
}

/** Whether there is anything in it. */
export const isEmpty = ({ remove, add }: ZoneChange): boolean => remove.length + add.length === 0

/** What is too much, and stays: it is told, and gone with `prune`. */
export const leftAlone = (differences: readonly Difference[]): readonly Said[] =>
  differences.flatMap(({ state, seen, ours }) => (state === 'extra' && !ours ? seen.filter((said) => !spoils(said)) : []))

/** A second record of a kind of which there may be one: with two of them neither counts. */
const spoils = (said: Said): boolean => said.type === 'TXT' && purpose(said) !== 'TXT'

function unique<T extends Said | DnsRecord>(all: readonly T[]): readonly T[] {
  return [...new Map(all.map((one) => [[one.name, one.type, one.data].join(' '), one])).values()]
}
