import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProvisionError } from '../../errors.ts'
import { local, mustRun } from '../local.ts'
import { locked } from '../lock.ts'

/** An IPv4 and an IPv6 address of the same thing. */
export interface Address {
  readonly v4: string
  readonly v6: string
}

/** The network of one rehearsal. Its addresses follow from its number, the names of its links from its id. */
export interface RehearsalNetwork {
  readonly number: number
  /** Never used again, so that what is removed by it is ours. */
  readonly id: string
}

// Addresses are from the ranges for benchmarks (RFC 2544, RFC 5180): nobody routes them, and no program takes them for
// private or for documentation, as it would 10.0.0.0/8 or 2001:db8::/32 (unbound, rspamd, the order of addresses).
const prefix = (number: number): string => `198.${18 + (number >> 8)}.${number & 255}`
const prefix6 = (number: number): string => `2001:2:0:${number.toString(16)}`
const outside6 = (number: number): string => `2001:2:0:${(number + 0x1000).toString(16)}`

/** The address of a machine: 2 to 99. */
export const address = ({ number }: RehearsalNetwork, n: number): Address => ({
  v4: `${prefix(number)}.${n}`,
  v6: `${prefix6(number)}::${n}`,
})

/** Where this machine is in that network: connections of the operator come from here. */
export const operator = ({ number }: RehearsalNetwork): Address => ({ v4: `${prefix(number)}.254`, v6: `${outside6(number)}::2` })

/** The way out of a machine, which leads to the operator and nowhere else. */
export const gateway = ({ number }: RehearsalNetwork): Address => ({ v4: `${prefix(number)}.1`, v6: `${prefix6(number)}::1` })

/** The names below which the addresses of this network stand in the DNS. */
export const reverseZones = ({ number }: RehearsalNetwork): Address => ({
  v4: `${prefix(number).split('.').toReversed().join('.')}.in-addr.arpa`,
  v6: `${`200100020000${number.toString(16).padStart(4, '0')}`.split('').toReversed().join('.')}.ip6.arpa`,
})

/** The namespace of a network's bridge. */
export const switchOf = ({ id }: RehearsalNetwork): string => `provision-${id}`
const uplink = ({ id }: RehearsalNetwork): string => `prov-${id}`

/** The network namespace of a machine. */
export const namespaceOf = (network: RehearsalNetwork, machine: string): string => `${switchOf(network)}-${machine}`

/**
 * Makes a network that nothing on this machine uses yet. Its number is written to the file before anything exists.
 * It is a namespace with a bridge for the machines, and a link to us. Machines answer us, and cannot call us: of
 * this machine they reach nothing, and from its default route they hear "unreachable" at once.
 */
export async function makeNetwork(file: string): Promise<RehearsalNetwork> {
  return locked('/run/lock/provision-network', async () => {
    const network = { number: await freeNumber(), id: randomBytes(4).toString('hex') }
    writeFileSync(file, `${JSON.stringify(network)}\n`, { mode: 0o600 })
    const [inner, link] = [switchOf(network), uplink(network)]
    const [us, way] = [operator(network), gateway(network)]
    const [out, out6] = [`${prefix(network.number)}.253`, `${outside6(network.number)}::1`]
    await mustRun(
      'network',
      `making ${inner}`,
      local`set -e
ip netns add ${inner}
ip link add ${link} type veth peer name operator netns ${inner}
ip -n ${inner} link set lo up
ip -n ${inner} link add machines type bridge
ip -n ${inner} addr add ${way.v4}/25 dev machines
ip -n ${inner} addr add ${way.v6}/64 dev machines nodad
ip -n ${inner} link set machines up
ip -n ${inner} addr add ${out}/30 dev operator
ip -n ${inner} addr add ${out6}/64 dev operator nodad
ip -n ${inner} link set operator up
ip -n ${inner} route add unreachable default
ip -n ${inner} -6 route add unreachable default
nsenter --net=/run/netns/${inner} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
nsenter --net=/run/netns/${inner} nft ${rules}
ip addr add ${us.v4}/30 dev ${link}
ip link set ${link} up
ip route add ${prefix(network.number)}.0/25 via ${out}
ip addr add ${us.v6}/64 dev ${link} nodad && ip -6 route add ${prefix6(network.number)}::/64 via ${out6} || echo "no IPv6 on this machine"`,
    )
    return network
  })
}

const rules = `table inet rehearsal {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "machines" oifname "operator" ct state established,related accept
    iifname "machines" oifname "operator" reject with icmpx admin-prohibited
  }
}`

/** False once this machine was started anew: a network does not outlive that. */
export const networkExists = (network: RehearsalNetwork): boolean => existsSync(join('/run/netns', switchOf(network)))

/** Gives a machine its namespace with an eth0 in that network. Waiting for duplicate addresses would cost its boot a second. */
export async function plugIn(network: RehearsalNetwork, machine: string): Promise<void> {
  const [inner, own] = [switchOf(network), namespaceOf(network, machine)]
  await mustRun(
    machine,
    'its network link',
    local`set -e
ip netns add ${own}
nsenter --net=/run/netns/${own} sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
ip -n ${inner} link add name ${machine} type veth peer name eth0 netns ${own}
ip -n ${inner} link set dev ${machine} master machines up`,
  )
}

/** The same for a virtual machine, whose eth0 is its own: the link of that network which QEMU takes. */
export async function plugInVm(network: RehearsalNetwork, machine: string): Promise<void> {
  const inner = switchOf(network)
  await mustRun(
    machine,
    'its network link',
    local`set -e
ip -n ${inner} tuntap add dev ${machine} mode tap
ip -n ${inner} link set dev ${machine} master machines up`,
  )
}

/** Takes a machine's link and namespace away, if they are there. */
export async function unplug(network: RehearsalNetwork, machine: string): Promise<void> {
  await local`ip -n ${switchOf(network)} link del ${machine}`
  const own = namespaceOf(network, machine)
  if ((await namespaces()).includes(own)) await mustRun(machine, 'removing its network', local`ip netns del ${own}`)
}

/** Removes all of it. Links vanish with the namespaces that hold one of their ends. */
export async function removeNetwork(network: RehearsalNetwork): Promise<void> {
  const ours = (await namespaces()).filter((name) => name === switchOf(network) || name.startsWith(`${switchOf(network)}-`))
  for (const name of ours) await mustRun('network', `removing ${name}`, local`ip netns del ${name}`)
  // The kernel ends a namespace a moment later; the link outside goes at once, for whoever looks next.
  await local`ip link del ${uplink(network)}`
}

const namespaces = async (): Promise<readonly string[]> =>
  [...(await local`ip netns list`).stdout.matchAll(/^\S+/gm)].map(([name]) => name)

async function freeNumber(): Promise<number> {
  const routes = await mustRun(
    'network',
    'reading the routes',
    local`ip -4 route show table all; ip -6 route show table all; ip -4 addr; ip -6 addr`,
  )
  const taken = (number: number) => routes.includes(`${prefix(number)}.`) || routes.includes(`${prefix6(number)}:`)
  // Not from 0: those who use this range themselves tend to begin there.
  const free = Array.from({ length: 256 }, (_, i) => 256 + i).find((number) => !taken(number))
  if (free === undefined)
    throw new ProvisionError('network', '198.19.0.0/16 is used up', 'stop rehearsals that are no longer needed')
  return free
}
