import { sh } from '../../../sh.ts'
import { type Check, error, type Finding, ok, warning } from '../../check.ts'

/** A full disk takes no mail. The hourly watch tells at the same marks. */
export const disk: Check = {
  id: 'disk',
  title: 'every file system has room, and inodes',
  look: async ({ on }) => {
    const said = await on(sh`df -PT -x devtmpfs -x squashfs -x efivarfs -x ramfs | awk 'NR > 1 { print "space", $6 + 0, $7 }'
df -PTi -x devtmpfs -x squashfs -x efivarfs -x ramfs | awk 'NR > 1 && $6 != "-" { print "inodes", $6 + 0, $7 }'`)
    const rows = [...said.matchAll(/^(space|inodes) (\d+) (.+)$/gm)]
    const findings = rows.flatMap(([, what, used, mount]): readonly Finding[] => {
      const message = `${used} % ${what === 'space' ? 'full' : 'of its inodes used'}`
      const next = `on the host: du -xh --max-depth=2 ${mount} | sort -h | tail`
      return Number(used) >= 90 ? [error(mount!, message, next)] : Number(used) >= 80 ? [warning(mount!, message, next)] : []
    })
    const fullest = Math.max(...rows.map(([, , used]) => Number(used)))
    return findings.length > 0 || rows.length === 0 ? findings : [ok('disk', `the fullest is at ${fullest} %`)]
  },
}
