import { sh } from '../../../sh.ts'
import { type Check, error, ok } from '../../check.ts'
import { declaredUnits, facts } from '../../patient.ts'

const timer = 'provision-backup.timer'

/** The last backup is of last night. One that is missed at the change to summer time is no alarm: hence 50 hours. */
export const backup: Check = {
  id: 'backup',
  title: 'the last backup is less than 50 hours old',
  look: async (patient) => {
    if (!declaredUnits(patient).includes(timer)) return [ok('backup', 'none is declared')]
    const get = facts(
      await patient.on(sh`
printf 'now %s\n' "$(date +%s)"
printf 'since %s\n' "$(stat -c %Y ${`/etc/systemd/system/${timer}`})"
if [ -r /var/lib/provision/backup/last ]; then printf 'last %s\n' "$(head -n 1 /var/lib/provision/backup/last)"; else printf 'last never\n'; fi`),
    )
    const [now, last] = [Number(get('now')), get('last')]
    const hours = Math.floor((now - Number(last === 'never' ? get('since') : last)) / 3600)
    const next = 'on the host: journalctl -u provision-backup; then provision backup now --host X'
    if (hours >= 50) return [error('backup', last === 'never' ? 'there is none yet' : `the last one is ${hours} hours old`, next)]
    return [ok('backup', last === 'never' ? 'the first one is to come' : `${hours} hours old`)]
  },
}
