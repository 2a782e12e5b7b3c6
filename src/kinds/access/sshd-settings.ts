import { changedFields, defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'

export interface SshdSettings {
  readonly port: number
  /** Who may log in: AllowUsers. */
  readonly users: readonly string[]
}

interface State {
  readonly ports: string
  readonly listening: string
  readonly passwordauthentication: string
  readonly kbdinteractiveauthentication: string
  readonly permitrootlogin: string
  readonly authorizedkeysfile: string
  readonly allowusers: string
}

/**
 * What counts for sshd is what it says itself (\`sshd -T\`) and where it listens: the first value wins, ports add up, and a
 * drop-in of somebody else may say another. There is no correction but to name the place.
 */
export const sshdSettings = defineKind<SshdSettings, State>({
  name: 'sshd-settings',
  key: () => 'effective',
  probe: () => sh`
if command -v sshd >/dev/null; then
  sshd -T | grep -E '^(port|passwordauthentication|kbdinteractiveauthentication|permitrootlogin|authorizedkeysfile|allowusers) '
fi
ss -Hltnp | sed -n 's/^LISTEN *[0-9]* *[0-9]* *[^ ]*:\([0-9]*\) .*"sshd".*/listening \1/p; /"systemd",pid=1,/s/^LISTEN *[0-9]* *[0-9]* *[^ ]*:\(22\) .*/listening \1/p'
printf 'end\n'`,
  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const all = (name: string) =>
      [...new Set([...output.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, value]) => value!))].toSorted().join(' ')
    return new Map([
      [
        'effective',
        {
          ports: all('port'),
          listening: all('listening'),
          passwordauthentication: all('passwordauthentication'),
          kbdinteractiveauthentication: all('kbdinteractiveauthentication'),
          permitrootlogin: all('permitrootlogin'),
          authorizedkeysfile: all('authorizedkeysfile'),
          allowusers: all('allowusers'),
        },
      ],
    ])
  },
  diff: (wanted, have) => [
    ...changedFields(declared(wanted), have),
    ...wanted.users
      .filter((user) => !have.allowusers.split(' ').includes(user))
      .map((user) => ({ field: 'allowusers', from: have.allowusers || 'everybody', to: user })),
  ],
  // The corrections before this one have been made: what still differs comes from another file.
  apply: (wanted) => sh`
settings=$(sshd -T)
${Object.entries(declared(wanted))
  .filter(([name]) => name !== 'listening')
  .map(([name, value]) => must(name === 'ports' ? 'port' : name, value))}`,

  // AllowUsers adds up, and whoever wrote it elsewhere had a reason.
  notes: ({ users }, { allowusers }) =>
    allowusers
      .split(' ')
      .filter((user) => user !== '' && !users.includes(user))
      .map((user) => `sshd lets in ${user} as well, by another AllowUsers: ssh.allow_users declares it`),
})

const declared = ({ port }: SshdSettings): Omit<State, 'allowusers'> => ({
  ports: String(port),
  listening: String(port),
  passwordauthentication: 'no',
  kbdinteractiveauthentication: 'no',
  permitrootlogin: 'no',
  authorizedkeysfile: '.ssh/authorized_keys',
})

const must = (name: string, value: string): Sh => sh`
have=$(printf '%s\n' "$settings" | sed -n ${`s/^${name} //p`} | sort -u | tr '\n' ' ')
if [ "$have" != ${`${value} `} ]; then
  printf 'sshd says %s %sand not %s; it is set in: %s\n' ${name} "$have" ${value} "$(grep -rniE ${`^[[:space:]]*${name}`} /etc/ssh/sshd_config /etc/ssh/sshd_config.d | grep -v 00-provision.conf | tr '\n' ' ')" >&2
  exit 1
fi`
