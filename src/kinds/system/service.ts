import { type Change, changedFields, type Declared, defineKind, type Resource } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { digest, keepNote, note, staleReads } from '../sh/reads.ts'
import { keepAndRemove } from '../sh/third-party.ts'
import { wanted } from '../wanted.ts'
import { type Beside, besideChange, besideNote, lookBeside, readBeside } from './beside.ts'

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
  /** All that is declared: what else changes the unit is third-party. Nobody looks for that when it is left out. */
  readonly declared?: Declared
}

interface State {
  readonly enabled: string
  readonly active: string
  readonly unit: string
  readonly config: 'fresh' | 'stale'
  /** Whether only what a reload reads again has changed. */
  readonly reload: boolean
  /** Third-party files that it is made of, or reads. */
  readonly beside: readonly Beside[]
}

/** A unit of systemd that runs now and after a reboot, with the configuration that is there: see systemctl(1). */
export const service = defineKind<Service, State>({
  name: 'service',
  wants: {
    unit: wanted.unit,
    state: wanted.optional(wanted.oneOf('on', 'off', 'masked', 'as it is')),
    reads: wanted.optional(wanted.listOf(wanted.path)),
    rereads: wanted.optional(wanted.listOf(wanted.path)),
    declared: wanted.any,
  },
  key: ({ unit }) => unit,

  probe: (all) => sh`
${digest}
shown=$(systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p FragmentPath -p DropInPaths -- ${all.map(({ unit }) => unit)})
printf '%s\n' "$shown"
${all.flatMap(reading).map(({ name, paths }) => staleReads(name, paths))}
${all.slice(0, 1).map(({ declared }) => (declared === undefined ? sh`` : lookBeside([...new Set(all.flatMap(folders))], declared)))}`,

  // systemctl prints one block a unit, in the order asked for: an alias has another Id.
  parse: (output, all) => {
    const blocks = output.split(/\n\n+/).map(properties)
    const found = blocks.filter((block) => block.has('LoadState'))
    if (found.length !== all.length) return new Map()
    const stale = (name: string) => output.includes(`\nstale ${name}\n`)
    const beside = readBeside(output)
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
          beside: absent ? [] : beside.filter(({ path }) => isOf(wanted, path, `${get('DropInPaths')} ${get('FragmentPath')}`)),
        }
        return [wanted.unit, state] as const
      }),
    )
  },

  diff: ({ state = 'on', declared }, have) => {
    if (state === 'masked')
      return changedFields({ enabled: 'masked', active: 'inactive' }, { ...have, active: quiet(have.active) })
    if (state === 'off')
      return have.enabled === 'absent'
        ? []
        : changedFields({ enabled: 'disabled', active: 'inactive' }, { enabled: off(have.enabled), active: quiet(have.active) })
    const pruned = declared?.prune ? have.beside.filter(({ removable }) => removable).map(besideChange) : []
    if (state === 'as it is')
      return have.active === 'active' ? [...changedFields({ unit: 'loaded', config: 'fresh' }, have), ...pruned] : []
    return [
      ...changedFields(
        { enabled: 'enabled', active: 'active', unit: 'loaded', config: 'fresh' },
        { ...have, enabled: on(have.enabled) },
      ),
      ...pruned,
    ]
  },

  apply: (wanted, have, changes) => sh`
${changes.filter(({ to }) => to === 'absent').map(({ field }) => keepAndRemove(field))}
systemctl daemon-reload
${wanted.state === 'masked' ? sh`systemctl mask --now -- ${wanted.unit}` : wanted.state === 'off' ? sh`systemctl disable --now -- ${wanted.unit}` : turnOn(wanted, have, changes)}`,

  notes: ({ state = 'on', declared }, { active, beside }) =>
    declared === undefined || state === 'off' || state === 'masked' || (state === 'as it is' && active !== 'active')
      ? []
      : beside.filter(({ removable }) => !(removable && declared.prune)).map(besideNote),

  follows: ({ state = 'on', reads = [], rereads = [] }, { active }, paths) => {
    if (!(state === 'on' || (state === 'as it is' && active === 'active'))) return []
    const read = (all: readonly string[]) => paths.some((path) => all.some((one) => path === one || path.startsWith(`${one}/`)))
    if (read(reads)) return [{ field: 'start', from: 'before what it reads changes', to: 'after' }]
    return read(rereads) ? [{ field: 'config', from: 'stale', to: 'fresh' }] : []
  },

  among: (desired, declared) => ({ ...desired, declared }),
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
/** The folders that it may read; a path that is a file is one. */
const folders = ({ reads = [], rereads = [] }: Service): readonly string[] => [...reads, ...rereads]
const isOf = (wanted: Service, path: string, unitFiles: string): boolean =>
  unitFiles.split(' ').includes(path) || folders(wanted).some((folder) => path.startsWith(`${folder}/`))
const properties = (block: string) => new Map([...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]))
const on = (state: string) => (['static', 'generated', 'indirect', 'alias', 'linked'].includes(state) ? 'enabled' : state)
const off = (state: string) =>
  ['static', 'masked', 'masked-runtime', 'indirect', 'alias', 'generated', ''].includes(state) ? 'disabled' : state
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
case $(systemctl is-enabled ${unit} 2>/dev/null) in
  masked) systemctl unmask -- ${unit} ;;
  masked-runtime) systemctl unmask --runtime -- ${unit} ;;
esac
${on(have.enabled) === 'enabled' || wanted.state === 'as it is' ? sh`` : sh`systemctl -q enable -- ${unit}`}
if ! systemctl ${verb} -- ${unit}; then
  journalctl -q -u ${unit} -n 6 --no-pager -o cat >&2
  exit 1
fi
${all.map(({ name }) => keepNote(name))}`
}
