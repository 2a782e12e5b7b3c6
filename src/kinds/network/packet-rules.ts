/** A rule of iptables or ip6tables, as `iptables-save` says it. */
export interface Rule {
  readonly v: '4' | '6'
  readonly table: string
  readonly chain: string
  /** All after the chain: `-p tcp -m tcp --dport 25 -j DROP`. */
  readonly text: string
  /** Whether it stands before ufw's own rules, in a chain that has some. */
  readonly first: boolean
}

/** Something that is let in, as the inventory declares it: `25/tcp`. */
export type Port = `${number}/${'tcp' | 'udp'}`

/**
 * What a third-party rule takes away from what is declared, in words; nothing when it does not. It opens everything, it closes a port that is let
 * in, or it sends that port's connections to somebody else. A rule that is limited (to a source, an interface, a state, a rate) is
 * only shown.
 */
export function undoes({ table, chain, text, first }: Rule, declared: readonly Port[]): string | undefined {
  const target = /(?:^| )-j (\S+)/.exec(text)?.[1] ?? ''
  const hit = declared.filter((port) => concerns(text, port))
  if (table === 'filter' && chain === 'INPUT') {
    if (target === 'ACCEPT' && !limited(text) && !/--dports? /.test(text)) return 'lets everything in'
    if (['DROP', 'REJECT'].includes(target) && first && !limited(text) && hit.length > 0) return `closes ${hit.join(' ')}`
  }
  if (table === 'nat' && ['DNAT', 'REDIRECT'].includes(target) && !['OUTPUT', 'POSTROUTING'].includes(chain))
    if (!limited(text) && !/ -d 127\./.test(` ${text}`) && hit.length > 0) return `takes ${hit.join(' ')} away from our services`
  return undefined
}

/** Whose chain it is, by the prefixes that these programs give theirs; nothing when nobody is known by it. */
export const ownerOf = (chain: string): string | undefined => owners.find(([prefix]) => prefix.test(chain))?.[1]

/** Chains that ufw and fail2ban make, which are ours. */
export const isOurs = (chain: string): boolean => /^(ufw6?|f2b)-/.test(chain)

/** Sources, seen in 2026: each program's own code or documentation of its chains. */
const owners: readonly (readonly [RegExp, string])[] = [
  [/^DOCKER/, 'Docker'],
  [/^ts-/, 'Tailscale'],
  [/^LIBVIRT_/, 'libvirt'],
  [/^(KUBE|cali|FLANNEL|CILIUM)[-_]/, 'Kubernetes'],
  [/^(CNI|NETAVARK)[-_]/, 'Podman'],
  [/^(CROWDSEC|crowdsec)/, 'CrowdSec'],
  [/^sshguard/, 'sshguard'],
]

/** Whether it holds for some connections only: then it is nobody's whole service. At the network's own interface it is not limited. */
const limited = (text: string): boolean => {
  const bare = ` ${text.replaceAll(/! -i \S+|-i (?:eth|en|venet|wan)\S*|--comment (?:"[^"]*"|\S+)/g, '')} `
  return (
    / -s | -i | -p (?:ipv6-)?icmp|--(?:sport|tcp-flags|syn)/.test(bare) ||
    [...bare.matchAll(/-m (\S+)/g)].some(([, name]) => !['tcp', 'udp', 'multiport', 'comment'].includes(name!))
  )
}

function concerns(text: string, port: Port): boolean {
  const [number = '', protocol] = port.split('/')
  const of = /-p (\S+)/.exec(text)?.[1]
  if (of !== undefined && of !== protocol && of !== 'all') return false
  const ports = /--dports? (\S+)/.exec(text)?.[1]
  if (ports === undefined) return true
  return ports.split(',').some((range) => {
    const [from, to = from] = range.split(':').map(Number)
    return from! <= Number(number) && Number(number) <= to!
  })
}
