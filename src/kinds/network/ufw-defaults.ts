import { changedFields, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { startUfw } from './ufw.ts'

export interface UfwDefaults {
  readonly incoming: 'deny'
  readonly outgoing: 'allow'
}

interface State {
  readonly active: string
  /** Whether systemd starts it at the next boot. */
  readonly boot: string
  readonly incoming: string
  readonly outgoing: string
  readonly ipv6: string
}

/**
 * The firewall is on, now and after a reboot, for v4 as for v6, with these policies: its rules are in the kernel, not only in its
 * files, and its unit is enabled. What others have put there is shown by `packet-filter`. See ufw(8), ufw-framework(8).
 */
export const ufwDefaults = defineKind<UfwDefaults, State>({
  name: 'ufw-defaults',
  key: () => 'ufw',
  probe: () => sh`
printf 'configured %s\n' "$(sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf 2>/dev/null)"
printf 'boot %s\n' "$(systemctl is-enabled ufw.service 2>/dev/null || :)"
sed -n 's/^DEFAULT_INPUT_POLICY=/incoming /p; s/^DEFAULT_OUTPUT_POLICY=/outgoing /p; s/^IPV6=/ipv6 /p' /etc/default/ufw 2>/dev/null || :
for v in '' 6; do
  if ! command -v "ip\${v}tables" >/dev/null || [ ! -r "/etc/ufw/user$v.rules" ]; then continue; fi
  kernel=$("ip\${v}tables" -S)
  wanted=$(grep -c "^-A ufw$v-user-input " "/etc/ufw/user$v.rules" || :)
  if printf '%s\n' "$kernel" | grep -q -- "^-A INPUT -j ufw$v-before-input" && printf '%s\n' "$kernel" | grep -qx -- '-P INPUT DROP' &&
    [ "$(printf '%s\n' "$kernel" | grep -c "^-A ufw$v-user-input ")" = "$wanted" ]; then printf 'kernel%s yes\n' "$v"; fi
done
printf 'end\n'`,
  parse: (output) => {
    const get = (name: string) => new RegExp(`^${name} "?([^"\n]*)"?$`, 'm').exec(output)?.[1] ?? ''
    if (!/^end$/m.test(output)) return new Map()
    const live = get('kernel') === 'yes' && get('kernel6') === 'yes'
    const state: State = {
      active: get('configured') !== 'yes' ? 'no' : live ? 'yes' : 'not in the kernel',
      boot: get('boot') || 'absent',
      incoming: policies[get('incoming')] ?? 'none',
      outgoing: policies[get('outgoing')] ?? 'none',
      ipv6: get('ipv6') || 'no',
    }
    return new Map([['ufw', state]])
  },
  diff: ({ incoming, outgoing }, have) =>
    changedFields({ incoming, outgoing, ipv6: 'yes', active: 'yes', boot: 'enabled' }, have),

  apply: ({ incoming, outgoing }, { active, ipv6 }) => sh`
ufw default ${incoming} incoming
ufw default ${outgoing} outgoing
${active === 'not in the kernel' || ipv6 !== 'yes' ? startUfw : sh`ufw --force enable`}
case $(systemctl is-enabled ufw.service 2>/dev/null) in
  masked) systemctl unmask ufw.service ;;
  masked-runtime) systemctl unmask --runtime ufw.service ;;
esac
systemctl -q enable ufw.service`,
})

const policies: Readonly<Record<string, string>> = { DROP: 'deny', ACCEPT: 'allow', REJECT: 'reject' }
