import type { Server } from '../../inventory/inventory.ts'
import { sh } from '../../sh.ts'
import type { Rehearsal } from '../open.ts'
import type { Proof } from './proof.ts'

/** A backup is made, as the timer does it, and found in the repository. */
export const backupProofs = ({ host }: Rehearsal, { backup }: Server): readonly Proof[] =>
  backup === undefined
    ? []
    : [
        {
          title: 'a backup is made, and is in the repository',
          try: async () => {
            await host.must(sh`systemctl start provision-backup.service`)
            const archive = (await host.must(sh`provision-backup borg list --last 1 --short`)).trim()
            const what = (await host.must(sh`tail -n 1 /var/lib/provision/backup/last`)).trim()
            return what.startsWith(archive) ? what : `${archive}, and not ${what}`
          },
        },
      ]
