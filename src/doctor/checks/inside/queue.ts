import { sh } from '../../../sh.ts'
import { type Check, error, ok, warning } from '../../check.ts'
import { facts } from '../../patient.ts'

/** Mail that waits (its header is written once, its metadata at each try) says that somebody does not take ours, or that we cannot send. */
export const queue: Check = {
  id: 'queue',
  title: 'no mail waits for long',
  look: async ({ on }) => {
    const said = await on(sh`
if [ ! -d /var/lib/maddy/remote_queue ]; then printf 'there is no /var/lib/maddy/remote_queue\n' >&2; exit 1; fi
find /var/lib/maddy/remote_queue -name '*.header' -printf '%T@\n' | sort -n | awk '
  NR == 1 { oldest = $1 } END { printf "waiting %d\noldest %d\n", NR, oldest }'
printf 'now %s\n' "$(date +%s)"`)
    const get = facts(said)
    const [waiting, oldest, now] = [Number(get('waiting')), Number(get('oldest')), Number(get('now'))]
    const hours = waiting === 0 ? 0 : Math.floor((now - oldest) / 3600)
    const told = `${waiting} wait, the oldest for ${hours} h`
    const next = 'on the host: journalctl -u maddy | grep "delivery attempt failed"'
    if (hours >= 24) return [error('queue', told, next)]
    return hours >= 4 || waiting > 100 ? [warning('queue', told, next)] : [ok('queue', waiting === 0 ? 'empty' : told)]
  },
}
