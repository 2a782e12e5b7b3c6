import { type Sh, sh } from '../sh.ts'
import type { Drift } from './drift.ts'

/** One thing that a run has done to the host. */
export interface HistoryEntry {
  /** ISO 8601, UTC, of the host's clock. */
  readonly at: string
  /** `alice@laptop`: who ran it, and where. */
  readonly who: string
  readonly step: string
  readonly id: string
  readonly changes: readonly { readonly field: string; readonly from: string; readonly to: string }[]
}

/**
 * Defines `told STEP JSON`: it leaves on the host what was corrected, in /var/lib/provision/log (the newest 1 to 2 MB of it) and
 * in the journal (`journalctl -t provision`). Never a reason to fail: a correction that worked is not undone by a full disk.
 */
export const keeping: Sh = sh`
who=
if [ -r "\${PROVISION_RUN:-/run/provision}/work" ]; then IFS= read -r who <"\${PROVISION_RUN:-/run/provision}/work"; fi
if [ -n "$(find "$provision/log" -size +1024k 2>/dev/null)" ]; then mv -T -- "$provision/log" "$provision/log.1"; fi
told() {
  ( umask 077; printf '%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "\${who%% since *}" "$1" >>"$provision/log" ) 2>/dev/null
  logger -t provision -- "\${who%% since *} $1" 2>/dev/null
  :
}`

/** One line of the log, apart from who and when. No secret is in it: none is in a change. */
export const told = (step: string, { resource: { id }, changes }: Drift): Sh =>
  sh`told ${JSON.stringify({ step, id, changes: changes.map(({ field, from, to }) => ({ field, from, to })) })}`

/** Prints the log, the oldest first; nothing where there is none. */
export const readLog = sh`
cd /var/lib/provision 2>/dev/null || exit 0
for file in log.1 log; do if [ -r "$file" ]; then cat -- "$file"; fi; done`

/** What the host printed, as entries. A line that a full disk has cut is left out. */
export function entries(printed: string): readonly HistoryEntry[] {
  return printed.split('\n').flatMap((line) => {
    const [at, who, json] = line.split('\t')
    try {
      return at === undefined || who === undefined || json === undefined
        ? []
        : [{ at, who, ...(JSON.parse(json) as Pick<HistoryEntry, 'step' | 'id' | 'changes'>) }]
    } catch {
      return []
    }
  })
}
