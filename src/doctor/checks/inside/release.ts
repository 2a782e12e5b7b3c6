import { sh } from '../../../sh.ts'
import { type Check, error, ok, warning } from '../../check.ts'

/** Debian 12 has its last fixes (LTS) on this day. */
const ends = '2028-06-30'
const warnedFrom = '2028-01-01'

/** The release still gets security fixes. */
export const release: Check = {
  id: 'release',
  title: 'Debian still mends this release',
  look: async ({ on }) => {
    const today = (await on(sh`date +%F`)).trim()
    const next = 'restore the last backup onto a fresh host with the next release'
    if (today > ends) return [error('Debian 12', `had its last fixes on ${ends}`, next)]
    return today >= warnedFrom
      ? [warning('Debian 12', `has its last fixes on ${ends}`, next)]
      : [ok('Debian 12', `until ${ends}`)]
  },
}
