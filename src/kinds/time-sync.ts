import { defineKind } from '../kind.ts'
import { sh } from '../sh.ts'
import { apt } from './apt.ts'

export interface TimeSync {
  /** What is installed where nothing keeps the time yet. Another that is there stays. */
  readonly fallback: string
}

interface State {
  readonly container: boolean
  /** The packages that keep time, installed; and their units that run. */
  readonly installed: readonly string[]
  readonly running: readonly string[]
  readonly rtc: 'utc' | 'local'
  readonly synchronised: boolean
}

/**
 * Exactly one service keeps the time, and the hardware's clock is in UTC. A container has its host's clock: there it is not here.
 * Wrong time breaks certificates and logins, and makes logs of two machines contradict. See timedatectl(1).
 */
export const timeSync = defineKind<TimeSync, State>({
  name: 'time-sync',
  key: () => 'clock',
  probe: () => sh`
if systemd-detect-virt -q --container; then printf 'container\n'; fi
dpkg-query -W -f 'package \${Package} \${db:Status-Abbrev}\n' -- ${services} 2>/dev/null || [ $? -eq 1 ]
for unit in ${services}; do
  if systemctl -q is-active "$unit.service"; then printf 'running %s\n' "$unit"; fi
done
timedatectl show -p LocalRTC -p NTPSynchronized`,
  parse: (output) => {
    if (!/^LocalRTC=/m.test(output)) return new Map()
    const all = (pattern: RegExp) => [...output.matchAll(pattern)].map(([, name]) => name!)
    const state: State = {
      container: /^container$/m.test(output),
      installed: all(/^package (\S+) [ih]i/gm),
      running: all(/^running (\S+)$/gm),
      rtc: /^LocalRTC=yes$/m.test(output) ? 'local' : 'utc',
      synchronised: /^NTPSynchronized=yes$/m.test(output),
    }
    return new Map([['clock', state]])
  },
  diff: (wanted, { container, running, rtc, installed }) => {
    if (container) return []
    const to = running[0] ?? installed[0] ?? wanted.fallback
    return [
      ...(running.length === 1 ? [] : [{ field: 'service', from: running.join(' ') || 'none', to }]),
      ...(rtc === 'utc' ? [] : [{ field: 'hardware clock', from: 'local time', to: 'UTC' }]),
    ]
  },
  apply: ({ fallback }, { installed, running }) => {
    const one = running[0] ?? installed[0] ?? fallback
    return sh`
${
  installed.length > 0
    ? sh``
    : sh`${apt}
apt_recent || apt_update
apt install --no-install-recommends ${fallback}`
}
${running.slice(1).map((unit) => sh`systemctl disable --now -- ${`${unit}.service`}`)}
systemctl unmask -- ${`${one}.service`}
systemctl enable --now -- ${`${one}.service`}
timedatectl set-local-rtc 0`
  },
  notes: (_, { container, synchronised }) =>
    container ? ['not here: a container has the clock of its host'] : synchronised ? [] : ['the clock is not synchronised yet'],
})

/** Debian's packages that keep time, which are called as their units are. */
const services = ['systemd-timesyncd', 'chrony', 'ntpsec', 'openntpd']
