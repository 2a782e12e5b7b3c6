import { createHash } from 'node:crypto'
import { type Change, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface NftTable {
  /** Its name, in the family inet. */
  readonly table: string
  /** The text that makes it, which the unit loads. */
  readonly rules: string
  readonly unit: `${string}.service`
}

interface State {
  /** The digest of what the kernel has; empty when it has no such table. */
  readonly kernel: string
  /** The digest of the rules that were loaded last, and of what the kernel had then. */
  readonly stamp: string
}

/**
 * A table of nftables that is in the kernel as its file says: a unit that was started once says nothing of a flush since.
 * What packets have put into its sets and counters is no part of it.
 */
export const nftTable = defineKind<NftTable, State>({
  name: 'nft-table',
  wants: { table: wanted.text, rules: wanted.text, unit: wanted.unit },
  key: ({ table }) => table,

  probe: (all) => sh`
if command -v nft >/dev/null; then tables=$(nft list tables); else tables=; fi
${all.map(
  ({ table }) => sh`
case "$tables" in
  *${`table inet ${table}`}*) printf 'kernel %s %s\n' ${table} "$(nft -s -t list table inet ${table} | sha256sum | cut -c1-64)" ;;
  *) printf 'absent %s\n' ${table} ;;
esac
printf 'stamp %s %s\n' ${table} "$(cat "$provision/stamp/nft-"${table} 2>/dev/null)"`,
)}`,

  parse: (output, all) =>
    new Map(
      all.flatMap(({ table }): [string, State][] => {
        const get = (word: string) => new RegExp(`^${word} ${table}(?: (.*))?$`, 'm').exec(output)
        const [kernel, stamp] = [get('kernel'), get('stamp')]
        if (stamp === null || (kernel === null && get('absent') === null)) return []
        return [[table, { kernel: kernel?.[1] ?? '', stamp: stamp[1] ?? '' }]]
      }),
    ),

  diff: ({ rules }, { kernel, stamp }): readonly Change[] => {
    if (kernel === '') return [{ field: 'kernel', from: 'absent', to: 'loaded' }]
    return stamp === `${digest(rules)} ${kernel}` ? [] : [{ field: 'kernel', from: 'other rules', to: 'as declared' }]
  },

  apply: ({ table, rules, unit }) => sh`
systemctl restart -- ${unit}
mkdir -p -m 0700 -- "$provision/stamp"
printf '%s %s\n' ${digest(rules)} "$(nft -s -t list table inet ${table} | sha256sum | cut -c1-64)" > "$provision/stamp/.new"
mv -T -- "$provision/stamp/.new" "$provision/stamp/nft-"${table}`,
})

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
