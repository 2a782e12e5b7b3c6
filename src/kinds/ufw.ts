import { defineKind, differences } from '../kind.ts'
import { type Sh, sh } from '../sh.ts'

export interface UfwRule {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** Only from this network; from everywhere, v4 and v6, when left out. */
  readonly from?: string | undefined
  /** Only when it came in there: a source address alone can be forged. */
  readonly on?: string | undefined
}

export interface UfwRules {
  readonly name: string
  readonly rules: readonly UfwRule[]
  /** Rules that are not among these: drift, or none of this resource's business. */
  readonly others: 'remove' | 'keep'
  /** Only where the firewall is on already: lets a port in before something moves to it. */
  readonly onlyWhenActive?: boolean
}

type State = { readonly type: 'off' } | { readonly type: 'on' | 'inactive'; readonly rules: readonly string[] }

/**
 * What ufw lets in, rule by rule: none is ever reset and added again, so connections live through a run.
 * Read from ufw's own store, /etc/ufw/user.rules (`### tuple ### allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in`, ufw 0.36), since
 * starting ufw costs 0.2 s.
 */
export const ufwRules = defineKind<UfwRules, State>({
  name: 'ufw-rules',
  key: ({ name }) => name,

  probe: () => sh`
if [ -r /etc/ufw/ufw.conf ]; then
  sed -n 's/^ENABLED=/enabled /p' /etc/ufw/ufw.conf
  sed -n 's/^### tuple ### /4 /p' /etc/ufw/user.rules
  sed -n 's/^### tuple ### /6 /p' /etc/ufw/user6.rules
else
  printf 'absent\n'
fi`,

  parse: (output, all) => {
    const enabled = /^enabled (\w+)/m.exec(output)?.[1]
    if (enabled === undefined && !/^absent$/m.test(output)) return new Map()
    const rules = [...output.matchAll(/^([46] .*)$/gm)].map(([, tuple]) => tuple!.replace(/ comment=\S+$/, ''))
    const state: State = enabled === undefined ? { type: 'off' } : { type: enabled === 'yes' ? 'on' : 'inactive', rules }
    return new Map(all.map(({ name }) => [name, state] as const))
  },

  diff: ({ rules, others, onlyWhenActive }, have) => {
    if (onlyWhenActive && have.type !== 'on') return []
    const there = have.type === 'off' ? [] : have.rules
    const wanted = rules.map((rule) => ({ rule, tuples: tuples(rule) }))
    const declared = new Set(wanted.flatMap((one) => one.tuples))
    return [
      ...wanted
        .filter((one) => !one.tuples.every((tuple) => there.includes(tuple)))
        .map(({ rule }) => ({ field: words(rule), from: 'absent', to: 'allowed' })),
      ...(others === 'keep'
        ? []
        : there
            .filter((tuple) => !declared.has(tuple))
            .map((tuple) => ({ field: tuple.slice(2), from: `v${tuple[0]}`, to: 'absent' }))),
    ]
  },

  apply: ({ rules }, _, changes) => sh`
${rules.filter((rule) => changes.some(({ field, to }) => to === 'allowed' && field === words(rule))).map(allow)}
${changes.filter(({ to }) => to === 'absent').map(({ field }) => remove(field))}`,
})

export interface UfwDefaults {
  readonly incoming: 'deny'
  readonly outgoing: 'allow'
}

interface DefaultsState {
  readonly active: string
  readonly incoming: string
  readonly outgoing: string
  readonly others: string
}

/** The firewall is on, now and after a reboot, with these policies, and no other firewall is. */
export const ufwDefaults = defineKind<UfwDefaults, DefaultsState>({
  name: 'ufw-defaults',
  key: () => 'ufw',
  probe: () => sh`
printf 'configured %s\n' "$(sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf 2>/dev/null)"
printf 'incoming %s\n' "$(sed -n 's/^DEFAULT_INPUT_POLICY=//p' /etc/default/ufw 2>/dev/null)"
printf 'outgoing %s\n' "$(sed -n 's/^DEFAULT_OUTPUT_POLICY=//p' /etc/default/ufw 2>/dev/null)"
if command -v iptables >/dev/null; then
  if iptables -S INPUT | grep -q -- '-j ufw-before-input'; then printf 'kernel yes\n'; fi
  if ip6tables -S INPUT | grep -q -- '-j ufw6-before-input'; then printf 'kernel6 yes\n'; fi
fi
for unit in nftables.service firewalld.service; do
  if systemctl -q is-active "$unit"; then printf 'other %s\n' "$unit"; fi
done
printf 'end\n'`,
  parse: (output) => {
    const get = (name: string) => new RegExp(`^${name} "?([^"\n]*)"?$`, 'm').exec(output)?.[1] ?? ''
    if (!/^end$/m.test(output)) return new Map()
    const live = get('kernel') === 'yes' && get('kernel6') === 'yes'
    const state: DefaultsState = {
      active: get('configured') !== 'yes' ? 'no' : live ? 'yes' : 'not in the kernel',
      incoming: policies[get('incoming')] ?? 'none',
      outgoing: policies[get('outgoing')] ?? 'none',
      others: [...output.matchAll(/^other (.*)$/gm)].map(([, unit]) => unit).join(' ') || 'none',
    }
    return new Map([['ufw', state]])
  },
  diff: ({ incoming, outgoing }, have) => differences({ incoming, outgoing, active: 'yes', others: 'none' }, have),
  apply: ({ incoming, outgoing }, { others }) => sh`
if [ ${others} != none ]; then
  printf 'another firewall is active: %s. Disable it first: two firewalls undo each other\n' ${others} >&2
  exit 1
fi
ufw default ${incoming} incoming
ufw default ${outgoing} outgoing
ufw --force enable`,
})

const policies: Readonly<Record<string, string>> = { DROP: 'deny', ACCEPT: 'allow', REJECT: 'reject' }

const words = ({ port, protocol, from = 'anywhere', on }: UfwRule): string =>
  `${port}/${protocol} from ${from}${on === undefined ? '' : ` on ${on}`}`

function tuples({ port, protocol, from, on }: UfwRule): readonly string[] {
  const any = { 4: '0.0.0.0/0', 6: '::/0' }
  const families = from === undefined ? ([4, 6] as const) : from.includes(':') ? ([6] as const) : ([4] as const)
  return families.map(
    (v) => `${v} allow ${protocol} ${port} ${any[v]} any ${from ?? any[v]} in${on === undefined ? '' : `_${on}`}`,
  )
}

const allow = ({ port, protocol, from = 'any', on }: UfwRule): Sh =>
  sh`ufw allow in ${on === undefined ? [] : ['on', on]} proto ${protocol} from ${from} to any port ${port}`

/** Deletes by the tuple's own words: action protocol port to sport from [application -] direction. */
function remove(tuple: string): Sh {
  const [action = '', protocol = '', port = '', to = '', sport = '', from = '', ...rest] = tuple.split(' ')
  const direction = rest.at(-1) ?? 'in'
  const [way = 'in', on] = direction.split('_')
  if (rest.length > 1) return sh`ufw --force delete ${action} ${rest[0] === '-' ? rest[1]! : rest[0]!.replaceAll('%20', ' ')}`
  const words = [
    ...[action.replace('_log', ''), way, ...(on === undefined ? [] : ['on', on])],
    ...(protocol === 'any' ? [] : ['proto', protocol]),
    ...['from', from, ...(sport === 'any' ? [] : ['port', sport]), 'to', to, ...(port === 'any' ? [] : ['port', port])],
  ]
  return sh`ufw --force delete ${words}`
}
