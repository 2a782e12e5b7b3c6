import { sh } from '../../../sh.ts'
import { type Check, error, ok, warning } from '../../check.ts'
import { facts } from '../../patient.ts'

/** Security updates come by themselves, and have come. */
export const updates: Check = {
  id: 'updates',
  title: 'security updates install themselves, and none has waited for days',
  look: async ({ on, server }) => {
    const said = await on(sh`
printf 'on %s\n' "$(apt-config shell v APT::Periodic::Unattended-Upgrade | sed "s/^v='\(.*\)'$/\1/")"
for timer in apt-daily.timer apt-daily-upgrade.timer; do
  printf '%s %s %s\n' "$timer" "$(systemctl is-enabled "$timer" 2>/dev/null || :)" "$(systemctl is-active "$timer" || :)"
done
printf 'installed %s\n' "$(dpkg-query -W -f '\${db:Status-Abbrev}' unattended-upgrades 2>/dev/null || :)"
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*Release' -printf '%T@\n' | sort -n | tail -n 1)
printf 'lists %s\nnow %s\n' "\${lists%.*}" "$(date +%s)"
if ! simulated=$(apt-get -s -o Debug::NoLocking=1 upgrade 2>&1); then printf '%s\n' "$simulated" | tail -n 1 >&2; exit 1; fi
printf 'waiting %s\n' "$(printf '%s\n' "$simulated" | grep -c '^Inst .*[Ss]ecurity')"`)
    const get = facts(said)
    if (!server.updates.automatic)
      return [warning('automatic', 'updates.automatic is off', 'install updates by hand: apt-get upgrade')]
    const mend = 'provision --host X --only base'
    const timers = ['apt-daily.timer', 'apt-daily-upgrade.timer'].filter((timer) => get(timer) !== 'enabled active')
    const days = Math.floor((Number(get('now')) - Number(get('lists'))) / 86_400)
    const waiting = Number(get('waiting'))
    return [
      get('on') === '1' && get('installed').startsWith('ii')
        ? ok('unattended-upgrades', 'on')
        : error('unattended-upgrades', 'does not install anything', mend),
      ...timers.map((timer) => error(timer, `is ${get(timer)}`, mend)),
      days > 3
        ? error('package lists', `were refreshed ${days} days ago`, 'on the host: journalctl -u apt-daily')
        : ok('package lists', days < 1 ? 'of today' : `of ${days} days ago`),
      waiting === 0
        ? ok('security', 'no update waits')
        : warning(
            'security',
            `${waiting} security updates wait`,
            'on the host: unattended-upgrade, or see /var/log/unattended-upgrades',
          ),
    ]
  },
}
