import { defineKind } from '../../engine/kind.ts'
import { type Sh, sh } from '../../sh.ts'
import { network } from '../../util/addresses.ts'
import { wanted } from '../wanted.ts'
import { startUfw } from './ufw.ts'

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
  wants: {
    name: wanted.name,
    rules: wanted.listOf(wanted.any),
    others: wanted.oneOf('keep', 'remove'),
    onlyWhenActive: wanted.optional(wanted.flag),
  },
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
    const allowed = new Set(there.map(plain))
    return [
      ...wanted
        .filter((one) => !one.tuples.every((tuple) => allowed.has(tuple)))
        .map(({ rule }) => ({ field: words(rule), from: 'absent', to: 'allowed' })),
      ...(others === 'keep'
        ? []
        : there
            .filter((tuple) => !declared.has(plain(tuple)))
            .map((tuple) => ({ field: tuple.slice(2), from: `v${tuple[0]}`, to: 'absent' }))),
    ]
  },

  // Where IPV6 is off in /etc/default/ufw a rule would be written for v4 only.
  apply: ({ rules }, _, changes) => sh`
if ! grep -q '^IPV6=yes' /etc/default/ufw; then
  sed -i 's/^IPV6=.*/IPV6=yes/' /etc/default/ufw
  if grep -q '^ENABLED=yes' /etc/ufw/ufw.conf; then ${startUfw}; fi
fi
${rules.filter((rule) => changes.some(({ field, to }) => to === 'allowed' && field === words(rule))).map(allow)}
${changes.filter(({ to }) => to === 'absent').map(({ field }) => remove(field))}`,
})

const words = ({ port, protocol, from = 'anywhere', on }: UfwRule): string =>
  `${port}/${protocol} from ${from}${on === undefined ? '' : ` on ${on}`}`

/** A tuple with its source as we write it: ufw says ::1.2.3.4 where we say ::102:304. */
const plain = (tuple: string): string => {
  const words = tuple.split(' ')
  const from = network(words[6] ?? '')
  return from === undefined ? tuple : words.with(6, from).join(' ')
}

function tuples({ port, protocol, from, on }: UfwRule): readonly string[] {
  const any = { 4: '0.0.0.0/0', 6: '::/0' }
  const families = from === undefined ? ([4, 6] as const) : from.includes(':') ? ([6] as const) : ([4] as const)
  return families.map(
    (v) => `${v} allow ${protocol} ${port} ${any[v]} any ${from ?? any[v]} in${on === undefined ? '' : `_${on}`}`,
  )
}

const allow = ({ port, protocol, from = 'any', on }: UfwRule): Sh =>
  sh`ufw allow in ${on === undefined ? [] : ['on', on]} proto ${protocol} from ${from} to any port ${port}`

/**
 * Deletes by the tuple's own words: action protocol port to sport from [application -] direction, as in
 * `allow tcp 25 0.0.0.0/0 any 0.0.0.0/0 in`, `route:allow_log any any 192.0.2.9 any 0.0.0.0/0 in_eth0!out_eth1`.
 */
function remove(tuple: string): Sh {
  const [what = '', protocol = '', port = '', to = '', sport = '', from = '', ...rest] = tuple.split(' ')
  const [action = '', routed] = what.split(':').toReversed()
  const log = /_(log(?:-all)?)$/.exec(action)?.[1]
  const ways = (rest.at(-1) ?? 'in').split('!').map((way) => way.split('_'))
  const [dapp = '-', sapp = '-'] = rest.length > 1 ? rest.map((app) => app.replaceAll('%20', ' ')) : []
  const place = (side: string, address: string, number: string, app: string) => [
    ...[side, address],
    ...(app !== '-' ? ['app', app] : number === 'any' ? [] : ['port', number]),
  ]
  const words = [
    ...(routed === undefined ? [] : ['route']),
    ...['delete', action.replace(/_log(-all)?$/, '')],
    ...ways.flatMap(([way = 'in', on]) => (on === undefined ? (routed === undefined ? [way] : []) : [way, 'on', on])),
    ...(log === undefined ? [] : [log]),
    ...(protocol === 'any' || rest.length > 1 ? [] : ['proto', protocol]),
    ...place('from', from, sport, sapp),
    ...place('to', to, port, dapp),
  ]
  return sh`ufw --force ${words}`
}
