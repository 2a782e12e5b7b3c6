import { sh } from '../../../sh.ts'
import { type Check, error, ok, warning } from '../../check.ts'
import { facts } from '../../patient.ts'

/** A wrong clock breaks certificates, logins and DNSSEC, and makes logs useless. */
export const clock: Check = {
  id: 'clock',
  title: 'one service keeps the time, and it is right',
  look: async ({ on }) => {
    const before = Date.now()
    const said = await on(sh`
printf 'now %s\n' "$(date +%s.%N)"
printf 'container %s\n' "$(systemd-detect-virt -c || :)"
printf 'synchronised %s\n' "$(timedatectl show -P NTPSynchronized)"
enabled= running=
for unit in systemd-timesyncd chrony ntpsec openntpd; do
  if systemctl -q is-enabled "$unit.service" 2>/dev/null; then enabled="$enabled $unit"; fi
  if systemctl -q is-active "$unit.service"; then running="$running $unit"; fi
done
printf 'enabled%s\nrunning%s\n' "$enabled" "$running"`)
    const after = Date.now()
    const get = facts(said)
    const now = Number(get('now')) * 1000
    const off = now < before ? before - now : now > after ? now - after : 0
    const [enabled, running] = [get('enabled'), get('running')]
    const inContainer = get('container') !== 'none'
    const mend = 'provision --host X --only base'
    const services = enabled.split(' ').filter((name) => name !== '')
    // systemd-timesyncd does not start in a container.
    const excused = inContainer && (services.length === 0 || enabled === 'systemd-timesyncd')
    return [
      services.length > 1
        ? error('service', `two keep the time: ${enabled}`, mend)
        : excused
          ? ok('service', 'a container has the clock of its host')
          : services.length === 0
            ? error('service', 'no time service is enabled', mend)
            : running !== enabled
              ? error('service', `${enabled} does not run`, mend)
              : inContainer || get('synchronised') === 'yes'
                ? ok('service', `${enabled} runs`)
                : error(
                    'service',
                    `${enabled} runs, and has not synchronised the clock`,
                    `on the host: journalctl -u ${enabled}`,
                  ),
      off > 60_000
        ? error('clock', `is ${Math.round(off / 1000)} s off ours`, 'compare both with a third one, then mend the wrong one')
        : off > 3000
          ? warning('clock', `is ${Math.round(off / 1000)} s off ours`, 'compare both with a third one')
          : ok('clock', 'as ours'),
    ]
  },
}
