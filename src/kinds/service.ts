import { type Change, defineKind, differences } from '../kind.ts'
import { type Sh, sh } from '../sh.ts'
import { digest } from './digest.ts'

export interface Service {
  readonly unit: `${string}.${'service' | 'timer' | 'socket'}`
  /** `masked` units cannot be started by anything; `off` ones are disabled and stopped. A unit that is not installed is off. */
  readonly state?: 'on' | 'off' | 'masked'
  /** What it reads when it starts. When that has changed since, the unit is stale, and refreshed once. */
  readonly reads?: readonly `/${string}`[]
  readonly refresh?: 'restart' | 'reload'
}

interface State {
  readonly enabled: string
  readonly active: string
  readonly unit: string
  readonly config: 'fresh' | 'stale'
}

/** A unit of systemd that runs now and after a reboot, with the configuration that is there: see systemctl(1). */
export const service = defineKind<Service, State>({
  name: 'service',
  key: ({ unit }) => unit,

  probe: (all) => sh`
${digest}
systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- ${all.map(({ unit }) => unit)} | while IFS= read -r line; do
  printf 'show %s\n' "$line"
done
${all.filter(hasReads).map(
  ({ unit, reads }) => sh`
digest ${reads}
if [ "$(cat "$provision/read/"${unit} 2>/dev/null)" = "$digest" ]; then printf 'fresh %s\n' ${unit}; else printf 'stale %s\n' ${unit}; fi`,
)}`,

  // systemctl prints one block a unit, in the order asked for: an alias has another Id.
  parse: (output, all) => {
    const blocks = `\n${output}`
      .replaceAll(/^show ?/gm, '')
      .split(/\n\n+/)
      .map(properties)
    const found = blocks.filter((block) => block.has('LoadState'))
    if (found.length !== all.length) return new Map()
    return new Map(
      all.map(({ unit }, i) => {
        const get = (name: string) => found[i]!.get(name) ?? ''
        const absent = get('LoadState') === 'not-found'
        const state: State = {
          enabled: absent ? 'absent' : get('UnitFileState'),
          active: get('ActiveState'),
          unit: get('NeedDaemonReload') === 'yes' ? 'changed' : 'loaded',
          config: output.includes(`\nstale ${unit}\n`) ? 'stale' : 'fresh',
        }
        return [unit, state] as const
      }),
    )
  },

  diff: ({ state = 'on' }, have) => {
    if (state === 'masked') return differences({ enabled: 'masked', active: 'inactive' }, { ...have, active: quiet(have.active) })
    if (state === 'off')
      return have.enabled === 'absent'
        ? []
        : differences({ enabled: 'disabled', active: 'inactive' }, { enabled: off(have.enabled), active: quiet(have.active) })
    return differences(
      { enabled: 'enabled', active: 'active', unit: 'loaded', config: 'fresh' },
      { ...have, enabled: on(have.enabled) },
    )
  },

  apply: (wanted, have, changes) => sh`
systemctl daemon-reload
${wanted.state === 'masked' ? sh`systemctl mask --now -- ${wanted.unit}` : wanted.state === 'off' ? sh`systemctl disable --now -- ${wanted.unit}` : turnOn(wanted, have, changes)}`,
})

const hasReads = (wanted: Service): wanted is Service & { readonly reads: readonly `/${string}`[] } => wanted.reads !== undefined
const properties = (block: string) => new Map([...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]))
const on = (state: string) => (['static', 'generated', 'indirect', 'alias', 'linked'].includes(state) ? 'enabled' : state)
const off = (state: string) => (['static', 'masked', 'indirect', 'alias', 'generated', ''].includes(state) ? 'disabled' : state)
const quiet = (active: string) => (active === 'failed' ? 'inactive' : active)

/** The digest is taken before the daemon reads, and kept only when it has: a death in between leaves the unit stale. */
function turnOn({ unit, reads = [], refresh = 'restart' }: Service, have: State, changes: readonly Change[]): Sh {
  const verb = changes.every(({ field }) => field === 'enabled')
    ? 'start'
    : have.active === 'active' && refresh === 'reload'
      ? 'reload'
      : 'restart'
  return sh`
${digest}
${reads.length > 0 ? sh`digest ${reads}` : sh``}
if [ "$(systemctl is-enabled ${unit} 2>/dev/null)" = masked ]; then systemctl unmask -- ${unit}; fi
${on(have.enabled) === 'enabled' ? sh`` : sh`systemctl -q enable -- ${unit}`}
if ! systemctl ${verb} -- ${unit}; then
  journalctl -q -u ${unit} -n 6 --no-pager -o cat >&2
  exit 1
fi
${
  reads.length > 0
    ? sh`mkdir -p -m 0700 -- "$provision/read"
printf '%s\n' "$digest" > "$provision/read/.new"
mv -T -- "$provision/read/.new" "$provision/read/"${unit}`
    : sh``
}`
}
