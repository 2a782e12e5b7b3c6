import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { isOurs, ownerOf, type Port, type Rule, undoes } from './packet-rules.ts'

export interface PacketFilter {
  /** What is let in from everywhere. */
  readonly declared: readonly Port[]
  /** Our own tables of nftables, by name, in the family inet. */
  readonly tables: readonly string[]
}

interface State {
  /** Rules that neither ufw nor fail2ban made. */
  readonly rules: readonly Rule[]
  /** Chains that neither of them made: `filter DOCKER-USER`. */
  readonly chains: readonly string[]
  /** Tables of nftables itself: `inet crowdsec`. */
  readonly tables: readonly string[]
  /** Files of ufw that a person changed. */
  readonly changed: readonly string[]
  /** Units that load rules of their own at boot. */
  readonly units: readonly string[]
}

/**
 * What others have put into the packet filter: containers, overlay networks, virtual machines, people. It is named, and stays. What
 * undoes our own rules (lets everything in, closes a declared port or sends it elsewhere, throws all rules away at the next boot) is a
 * difference that a person has to remove. ufw's own chains, and what fail2ban bans, are ours. See iptables-save(8), nft(8).
 */
export const packetFilter = defineKind<PacketFilter, State>({
  name: 'packet-filter',
  key: () => 'host',

  // Thousands of rules may be there (Kubernetes, blocklists); after two thousand lines nobody reads on.
  probe: () => sh`
for v in 4 6; do
  p=iptables
  if [ $v = 6 ]; then p=ip6tables; fi
  for save in $p-save $p-legacy-save; do
    if ! command -v $save >/dev/null; then continue; fi
    if [ $save != $p-save ] && [ ! -s /proc/net/$(printf '%s' "$p" | sed s/tables/_tables/)_names ]; then continue; fi
    rules=$($save)
    printf '%s\n' "$rules" | grep -v '^#\|^COMMIT\|^:ufw6*-\|^-A ufw6*-\|^:f2b-\|^-A f2b-' | sed "s/^/$v /" | head -n 2000
  done
done
if command -v nft >/dev/null; then nft list tables | sed 's/^/nft /'; fi
for f in before before6 after after6; do
  if [ -e /etc/ufw/$f.rules ] && [ -e /usr/share/ufw/iptables/$f.rules ] && ! cmp -s /etc/ufw/$f.rules /usr/share/ufw/iptables/$f.rules; then printf 'changed /etc/ufw/%s.rules\n' $f; fi
done
for f in /etc/ufw/before.init /etc/ufw/after.init; do if [ -x $f ]; then printf 'changed %s\n' $f; fi; done
for u in nftables firewalld netfilter-persistent shorewall; do
  if systemctl -q is-enabled $u.service 2>/dev/null || systemctl -q is-active $u.service; then
    if [ $u = firewalld ] || { [ $u = nftables ] && grep -q '^[[:space:]]*flush ruleset' /etc/nftables.conf; }; then printf 'flushes %s.service\n' $u
    else printf 'unit %s.service\n' $u; fi
  fi
done
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const all = (word: string) => [...output.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, what]) => what!)
    const [rules, chains]: [Rule[], Set<string>] = [[], new Set()]
    let table = ''
    const passed = new Set<string>()
    for (const [, family, line = ''] of output.matchAll(/^([46]) (.*)$/gm)) {
      const v = family as '4' | '6'
      const [, chain = '', text = ''] = /^-A (\S+) (.*)$/.exec(line) ?? []
      if (line.startsWith('*')) table = line.slice(1)
      else if (/^:\S+ -/.test(line)) chains.add(`${table} ${line.slice(1).split(' ')[0]}`)
      else if (chain !== '' && isOurs(/-[jg] (\S+)/.exec(text)?.[1] ?? '')) passed.add(`${v} ${table} ${chain}`)
      else if (chain !== '') rules.push({ v, table, chain, text, first: !passed.has(`${v} ${table} ${chain}`) })
    }
    const tables = all('nft').map((said) => said.replace(/^table /, ''))
    const state: State = {
      rules,
      chains: [...chains],
      tables,
      changed: all('changed'),
      units: [...all('unit'), ...all('flushes').map(flushes)],
    }
    return new Map([['host', state]])
  },

  diff: ({ declared }, { rules, units }) => [
    ...grouped(rules.filter((rule) => undoes(rule, declared) !== undefined)).map(([said, rule]) => ({
      field: said,
      from: undoes(rule, declared)!,
      to: 'absent',
    })),
    ...units
      .filter((unit) => unit.endsWith(flushing))
      .map((unit) => ({ field: unit.split(' ')[0]!, from: 'throws ufw’s rules away when it starts', to: 'disabled' })),
  ],

  apply: (_, __, changes) => sh`
printf '%s\n' ${changes.map(({ field, from }) => `${field} ${from}: remove it, or take what it needs into the inventory; it is third-party, so nobody but you can say which`)} >&2
exit 1`,

  notes: ({ declared, tables: ours }, { rules, chains, tables, changed, units }) => {
    const theirs = new Set(chains.map((one) => one.split(' ')[1]!))
    const jumps = (rule: Rule) => theirs.has(/-[jg] (\S+)/.exec(rule.text)?.[1] ?? '')
    const shown = rules.filter((rule) => undoes(rule, declared) === undefined && !jumps(rule))
    const opens = shown.filter(({ table, text }) => table === 'nat' && /-j (DNAT|REDIRECT)/.test(text))
    const own = shown.filter((rule) => !opens.includes(rule) && !theirs.has(rule.chain))
    return [
      ...[...Map.groupBy(chains, (one) => ownerOf(one.split(' ')[1]!))].map(
        ([owner, of]) => `${owner === undefined ? 'third-party chains' : `chains of ${owner}`}: ${of.join(', ')}`,
      ),
      ...listed(opens, 'past ufw'),
      ...listed(own, 'third-party rule'),
      ...tables
        .filter((table) => !(isIptables.test(table) || ours.some((name) => table === `inet ${name}`)))
        .map((table) => `third-party table ${table} of nftables`),
      ...changed.map((file) => `${file} was changed by hand, or is run by ufw`),
      ...units.filter((unit) => !unit.endsWith(flushing)).map((unit) => `${unit} loads rules of its own at boot`),
    ]
  },
})

const flushing = ' (flushes)'
const flushes = (unit: string): string => `${unit}${flushing}`
/** The tables that iptables itself makes, where it speaks nftables. */
const isIptables = /^ip6? (filter|nat|mangle|raw|security)$/

/** Rules by what they say, v4 and v6 together. */
function grouped(rules: readonly Rule[]): readonly (readonly [said: string, rule: Rule])[] {
  const by = Map.groupBy(rules, ({ table, chain, text }) => `${table} ${chain} ${text}`)
  return [...by].map(([said, all]) => [`${said} (${[...new Set(all.map(({ v }) => `v${v}`))].join(', ')})`, all[0]!])
}

/** Some rules, and how many more there are. */
function listed(rules: readonly Rule[], what: string): readonly string[] {
  const all = grouped(rules)
  const most = 12
  return [
    ...all.slice(0, most).map(([said]) => `${what}: ${said}`),
    ...(all.length > most ? [`${what}: ${all.length - most} more, see iptables-save`] : []),
  ]
}
