import { defineKind, differences } from '../kind.ts'
import { sh } from '../sh.ts'
import { startUfw } from './ufw.ts'

export interface UfwDefaults {
  readonly incoming: 'deny'
  readonly outgoing: 'allow'
}

interface State {
  readonly active: string
  readonly incoming: string
  readonly outgoing: string
  readonly ipv6: string
  readonly others: string
}

/**
 * The firewall is on, now and after a reboot, for v4 as for v6, with these policies, and nothing else opens or closes ports:
 * its rules are in the kernel, not only in its files. See ufw(8), ufw-framework(8).
 */
export const ufwDefaults = defineKind<UfwDefaults, State>({
  name: 'ufw-defaults',
  key: () => 'ufw',
  probe: () => sh`
printf 'configured %s\n' "$(sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf 2>/dev/null)"
sed -n 's/^DEFAULT_INPUT_POLICY=/incoming /p; s/^DEFAULT_OUTPUT_POLICY=/outgoing /p; s/^IPV6=/ipv6 /p' /etc/default/ufw 2>/dev/null || :
for v in '' 6; do
  if ! command -v "ip\${v}tables" >/dev/null || [ ! -r "/etc/ufw/user$v.rules" ]; then continue; fi
  kernel=$("ip\${v}tables" -S)
  wanted=$(grep -c "^-A ufw$v-user-input " "/etc/ufw/user$v.rules" || :)
  if printf '%s\n' "$kernel" | grep -q -- "^-A INPUT -j ufw$v-before-input" &&
    [ "$(printf '%s\n' "$kernel" | grep -c "^-A ufw$v-user-input ")" = "$wanted" ]; then printf 'kernel%s yes\n' "$v"; fi
  printf '%s\n' "$kernel" | sed -n '/^-A INPUT -i lo /d; s/^-A INPUT \(.*-j ACCEPT\)$/other rule “\1”/p'
done
set -- $(systemctl is-active nftables.service firewalld.service)
[ "$1" != active ] || printf 'other nftables.service\n'
[ "$2" != active ] || printf 'other firewalld.service\n'
printf 'end\n'`,
  parse: (output) => {
    const get = (name: string) => new RegExp(`^${name} "?([^"\n]*)"?$`, 'm').exec(output)?.[1] ?? ''
    if (!/^end$/m.test(output)) return new Map()
    const live = get('kernel') === 'yes' && get('kernel6') === 'yes'
    const others = [...output.matchAll(/^other (.*)$/gm)].map(([, what]) => what!)
    const state: State = {
      active: get('configured') !== 'yes' ? 'no' : live ? 'yes' : 'not in the kernel',
      incoming: policies[get('incoming')] ?? 'none',
      outgoing: policies[get('outgoing')] ?? 'none',
      ipv6: get('ipv6') || 'no',
      others: [...new Set(others)].join(', ') || 'none',
    }
    return new Map([['ufw', state]])
  },
  diff: ({ incoming, outgoing }, have) => differences({ incoming, outgoing, ipv6: 'yes', active: 'yes', others: 'none' }, have),

  apply: ({ incoming, outgoing }, { active, ipv6, others }) => sh`
if [ ${others} != none ]; then
  printf 'there is another firewall: %s. Disable it first: two firewalls undo each other\n' ${others} >&2
  exit 1
fi
ufw default ${incoming} incoming
ufw default ${outgoing} outgoing
${active === 'not in the kernel' || ipv6 !== 'yes' ? startUfw : sh`ufw --force enable`}`,
})

const policies: Readonly<Record<string, string>> = { DROP: 'deny', ACCEPT: 'allow', REJECT: 'reject' }
