import { sh } from '../../../sh.ts'
import { type Check, error, ok } from '../../check.ts'
import { declaredUnits } from '../../patient.ts'

/** Seconds within which a unit that was started again after it died is not yet taken for one that stays. */
const young = 600

/**
 * What should run, runs; and nothing on the host has failed. A unit that dies at each start is “activating” most of the time and “active” in
 * between: what counts is that it waits for its next start, or that it was started again several times, the last time just now (systemctl(1)).
 */
export const units: Check = {
  id: 'units',
  title: 'every declared unit runs, and none has failed',
  look: async (patient) => {
    const wanted = declaredUnits(patient)
    const said = await patient.on(sh`
read -r up _ < /proc/uptime
systemctl show -p ActiveState -p SubState -p NRestarts -p ActiveEnterTimestampMonotonic -- ${wanted} | awk -v up="$up" 'BEGIN { RS = ""; FS = "\n" } {
  split("", of); for (i = 1; i <= NF; i++) { at = index($i, "="); of[substr($i, 1, at - 1)] = substr($i, at + 1) }
  print "state", of["ActiveState"], of["SubState"], of["NRestarts"] + 0, int(up - of["ActiveEnterTimestampMonotonic"] / 1e6) }'
systemctl list-units --failed --plain --no-legend --full | awk '{ print "failed", $1 }'
if systemd-detect-virt -qc; then echo container; fi`)
    // What the kernel of a container's host does not have cannot be mounted in it.
    const excused = (unit: string) => unit.endsWith('.mount') && /^container$/m.test(said)
    const states = [...said.matchAll(/^state (\S+)(?: (\S*) (\d+) (-?\d+))?$/gm)]
    const failed = [...said.matchAll(/^failed (\S+)$/gm)].map(([, unit]) => unit!).filter((unit) => !excused(unit))
    const down = wanted.flatMap((unit, i) => {
      const words = failed.includes(unit) ? undefined : wrong(states[i] ?? [])
      return words === undefined ? [] : [error(unit, words, why(unit))]
    })
    if (states.length !== wanted.length) throw new Error(`systemctl reported ${states.length} units, not of ${wanted.length}`)
    return [
      ...failed.map((unit) => error(unit, 'has failed', why(unit))),
      ...down,
      ...(failed.length + down.length === 0 ? [ok('units', `${wanted.length} run`)] : []),
    ]
  },
}

const why = (unit: string) => `on the host: journalctl -u ${unit} -n 30, then provision --host X`

/** What is wrong with a unit, of what systemd says of it: its state, the finer one, how often it was started again, since when it is active. */
function wrong([, active = '', sub = '', restarts = '0', age = '0']: readonly (string | undefined)[]): string | undefined {
  if (sub === 'auto-restart') return `does not run: it dies at each start, ${restarts} times so far`
  if (!['active', 'activating', 'reloading'].includes(active)) return `does not run: it is ${active}`
  return Number(restarts) >= 3 && Number(age) < young
    ? `has died and was started again ${restarts} times, the last time ${age} s ago`
    : undefined
}
