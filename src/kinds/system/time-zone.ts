import { changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface TimeZone {
  /** A name of the tz database: `Europe/Paris`. The package tzdata has to be there. */
  readonly name: string
}

interface State {
  readonly link: string
  readonly file: string
}

/** The system's time zone: /etc/localtime, and /etc/timezone, which Debian's programs read. */
export const timeZone = defineKind<TimeZone, State>({
  name: 'time-zone',
  wants: { name: wanted.name },
  key: () => 'system',
  probe: () => sh`
printf 'link %s\n' "$(readlink /etc/localtime)"
printf 'file %s\n' "$(cat /etc/timezone 2>/dev/null)"`,
  parse: (output) => {
    const [, link, file] = /^link (.*)\nfile (.*)$/m.exec(output) ?? []
    if (link === undefined || file === undefined) return new Map()
    return new Map([['system', { link: link.replace(/^.*\/zoneinfo\//, ''), file }]])
  },
  diff: ({ name }, have) => changedFields({ link: name, file: name }, have),
  apply: ({ name }) => sh`
[ -f /usr/share/zoneinfo/${name} ] || { printf 'no such time zone on the host: %s\n' ${name} >&2; exit 1; }
ln -sfn -- /usr/share/zoneinfo/${name} /etc/.localtime.provision
mv -T -- /etc/.localtime.provision /etc/localtime
printf '%s\n' ${name} > /etc/.timezone.provision
mv -T -- /etc/.timezone.provision /etc/timezone`,
})
