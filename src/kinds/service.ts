import { type Change, defineKind, differences, type Resource } from '../kind.ts'
import { type Sh, sh } from '../sh.ts'
import { digest, keepNote, look, note } from './reads.ts'

export interface Service {
  readonly unit: `${string}.${'service' | 'timer' | 'socket'}`
  /**
   * `masked` units cannot be started by anything; `off` ones are disabled and stopped. A unit that is not installed is off.
   * `as it is` is neither started nor stopped, and where it runs it has read what is there.
   */
  readonly state?: 'on' | 'off' | 'masked' | 'as it is'
  /** What it reads when it starts: its program, its configuration. When that has changed since, it is stale, and restarted once. */
  readonly reads?: readonly `/${string}`[]
  /** What it reads again without a restart, when it is told to reload. */
  readonly rereads?: readonly `/${string}`[]
}

interface State {
  readonly enabled: string
  readonly active: string
  readonly unit: string
  readonly config: 'fresh' | 'stale'
  /** Whether only what a reload reads again has changed. */
  readonly reload: boolean
}

/** A unit of systemd that runs now and after a reboot, with the configuration that is there: see systemctl(1). */
export const service = defineKind<Service, State>({
  name: 'service',
  key: ({ unit }) => unit,

  probe: (all) => sh`
${digest}
systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- ${all.map(({ unit }) => unit)}
${all.flatMap(reading).map(({ name, paths }) => look(name, paths))}`,

  // systemctl prints one block a unit, in the order asked for: an alias has another Id.
  parse: (output, all) => {
    const blocks = output.split(/\n\n+/).map(properties)
    const found = blocks.filter((block) => block.has('LoadState'))
    if (found.length !== all.length) return new Map()
    const stale = (name: string) => output.includes(`\nstale ${name}\n`)
    return new Map(
      all.map((wanted, i) => {
        const get = (name: string) => found[i]!.get(name) ?? ''
        const absent = get('LoadState') === 'not-found'
        const state: State = {
          enabled: absent ? 'absent' : get('UnitFileState'),
          active: get('ActiveState'),
          unit: get('NeedDaemonReload') === 'yes' ? 'changed' : 'loaded',
          config: reading(wanted).some(({ name }) => stale(name)) ? 'stale' : 'fresh',
          reload: !stale(wanted.unit),
        }
        return [wanted.unit, state] as const
      }),
    )
  },

  diff: ({ state = 'on' }, have) => {
    if (state === 'masked') return differences({ enabled: 'masked', active: 'inactive' }, { ...have, active: quiet(have.active) })
    if (state === 'off')
      return have.enabled === 'absent'
        ? []
        : differences({ enabled: 'disabled', active: 'inactive' }, { enabled: off(have.enabled), active: quiet(have.active) })
    if (state === 'as it is') return have.active === 'active' ? differences({ unit: 'loaded', config: 'fresh' }, have) : []
    return differences(
      { enabled: 'enabled', active: 'active', unit: 'loaded', config: 'fresh' },
      { ...have, enabled: on(have.enabled) },
    )
  },

  apply: (wanted, have, changes) => sh`
systemctl daemon-reload
${wanted.state === 'masked' ? sh`systemctl mask --now -- ${wanted.unit}` : wanted.state === 'off' ? sh`systemctl disable --now -- ${wanted.unit}` : turnOn(wanted, have, changes)}`,
})

/** The units that shall run, of what playbooks declare. */
export const runningUnits = (resources: readonly Resource[]): readonly string[] => [
  ...new Set(
    resources
      .filter(({ kind }) => kind.name === 'service')
      .map(({ desired }) => desired as Service)
      .filter(({ state = 'on' }) => state === 'on')
      .map(({ unit }) => unit),
  ),
]

/** What is digested for a unit, under the names of its stamps. */
const reading = ({ unit, reads, rereads }: Service) => [
  ...(reads === undefined ? [] : [{ name: unit, paths: reads }]),
  ...(rereads === undefined ? [] : [{ name: `${unit}.reload`, paths: rereads }]),
]
const properties = (block: string) => new Map([...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]))
const on = (state: string) => (['static', 'generated', 'indirect', 'alias', 'linked'].includes(state) ? 'enabled' : state)
const off = (state: string) => (['static', 'masked', 'indirect', 'alias', 'generated', ''].includes(state) ? 'disabled' : state)
const quiet = (active: string) => (active === 'failed' ? 'inactive' : active)

/** What it will read is noted before, and kept only when it has: a death in between leaves the unit stale. */
function turnOn(wanted: Service, have: State, changes: readonly Change[]): Sh {
  const { unit } = wanted
  const soft = have.active === 'active' && have.reload && changes.every(({ field }) => field === 'config' || field === 'enabled')
  const verb = changes.every(({ field }) => field === 'enabled') ? 'start' : soft ? 'reload' : 'restart'
  const all = reading(wanted)
  return sh`
${digest}
${all.map(({ name, paths }) => note(name, paths))}
if [ "$(systemctl is-enabled ${unit} 2>/dev/null)" = masked ]; then systemctl unmask -- ${unit}; fi
${on(have.enabled) === 'enabled' || wanted.state === 'as it is' ? sh`` : sh`systemctl -q enable -- ${unit}`}
if ! systemctl ${verb} -- ${unit}; then
  journalctl -q -u ${unit} -n 6 --no-pager -o cat >&2
  exit 1
fi
${all.map(({ name }) => keepNote(name))}`
}
