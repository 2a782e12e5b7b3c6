import { sh } from '../../sh.ts'
import { type Check, error, ok } from '../check.ts'
import { declaredUnits } from '../patient.ts'

/** What shall run, runs; and nothing on the host has failed. */
export const units: Check = {
  id: 'units',
  title: 'every declared unit runs, and none has failed',
  look: async (patient) => {
    const wanted = declaredUnits(patient)
    const said = await patient.on(sh`
systemctl show -P ActiveState -- ${wanted} | awk 'NF { print "state", $1 }'
systemctl list-units --failed --plain --no-legend --full | awk '{ print "failed", $1 }'
if systemd-detect-virt -qc; then echo container; fi`)
    // What the kernel of a container's host does not have cannot be mounted in it.
    const excused = (unit: string) => unit.endsWith('.mount') && /^container$/m.test(said)
    const states = [...said.matchAll(/^state (\S+)$/gm)].map(([, state]) => state!)
    const failed = [...said.matchAll(/^failed (\S+)$/gm)].map(([, unit]) => unit!).filter((unit) => !excused(unit))
    const down = wanted.filter(
      (unit, i) => !['active', 'activating', 'reloading'].includes(states[i] ?? '') && !failed.includes(unit),
    )
    const why = (unit: string) => `on the host: journalctl -u ${unit} -n 30, then provision --host X`
    if (states.length !== wanted.length) throw new Error(`systemctl told of ${states.length} units, not of ${wanted.length}`)
    return [
      ...failed.map((unit) => error(unit, 'has failed', why(unit))),
      ...down.map((unit) => error(unit, `does not run: it is ${states[wanted.indexOf(unit)]}`, why(unit))),
      ...(failed.length + down.length === 0 ? [ok('units', `${wanted.length} run`)] : []),
    ]
  },
}
