import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { apt } from '../sh/apt.ts'

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
  /** Nothing has told it the time since it started, as far as that can be seen. */
  readonly unsynchronised: boolean
}

/**
 * Exactly one service keeps the time, and the hardware's clock is in UTC. A container has its host's clock: there it is not here.
 * Wrong time breaks certificates and logins, and makes logs of two machines contradict. See timedatectl(1), and
 * hwclock(8) for the third line of /etc/adjtime.
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
if [ "$(sed -n 3p /etc/adjtime 2>/dev/null)" = LOCAL ]; then printf 'rtc local\n'; else printf 'rtc utc\n'; fi
# The word of those who know: timedatectl would start a service to ask it.
if systemctl -q is-active systemd-timesyncd.service; then
  [ -e /run/systemd/timesync/synchronized ] || printf 'unsynchronised\n'
elif systemctl -q is-active chrony.service; then
  chronyc -n tracking 2>/dev/null | grep -q '^Leap status *: Normal' || printf 'unsynchronised\n'
fi`,
  parse: (output) => {
    const rtc = /^rtc (utc|local)$/m.exec(output)?.[1]
    if (rtc === undefined) return new Map()
    const all = (pattern: RegExp) => [...output.matchAll(pattern)].map(([, name]) => name!)
    const state: State = {
      container: /^container$/m.test(output),
      installed: all(/^package (\S+) [ih]i/gm),
      running: all(/^running (\S+)$/gm),
      rtc: rtc === 'local' ? 'local' : 'utc',
      unsynchronised: /^unsynchronised$/m.test(output),
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
  notes: (_, { container, unsynchronised }) =>
    container ? ['not here: a container has the clock of its host'] : unsynchronised ? ['the clock is not synchronised yet'] : [],
})

/** Debian's packages that keep time, which are called as their units are. */
const services = ['systemd-timesyncd', 'chrony', 'ntpsec', 'openntpd']
