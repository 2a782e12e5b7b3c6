import { changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { wanted } from '../wanted.ts'

export interface Hostname {
  /** The full public name: `xoyize.xyz`. */
  readonly name: string
}

/** What the kernel says now, and what the next boot will set. */
interface State {
  readonly running: string
  readonly file: string
}

/** The host's name, now and after a reboot. /etc/hosts is a file of its own: it makes `hostname -f` answer. */
export const hostname = defineKind<Hostname, State>({
  name: 'hostname',
  wants: { name: wanted.name },
  key: ({ name }) => name,
  // An assignment fails where its command fails, so that a host that cannot say its name is not taken for one without.
  probe: () => sh`
running=$(cat /proc/sys/kernel/hostname)
file=
[ ! -e /etc/hostname ] || file=$(cat /etc/hostname)
printf 'running %s\nfile %s\n' "$running" "$file"`,
  parse: (output, all) => {
    const [, running, file] = /^running (.*)\nfile (.*)$/m.exec(output) ?? []
    if (running === undefined || file === undefined) return new Map()
    return new Map(all.map(({ name }) => [name, { running, file }] as const))
  },
  diff: ({ name }, have) => changedFields({ running: name, file: name }, have),
  apply: ({ name }) => sh`
printf '%s\n' ${name} > /etc/.hostname.provision
mv -T -- /etc/.hostname.provision /etc/hostname
if command -v hostname >/dev/null; then hostname ${name}; else printf %s ${name} > /proc/sys/kernel/hostname; fi`,
})
