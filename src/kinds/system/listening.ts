import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface Listening {
  /** `25/tcp`: what may be listened on at a public address. Everything may listen on loopback. */
  readonly declared: readonly string[]
  /** The programs that we run, as ss(8) calls them. */
  readonly ours: readonly string[]
}

interface State {
  /** `3306/tcp` and the program that holds it, once each. */
  readonly open: ReadonlyMap<string, string>
}

/**
 * What listens on a public address without being declared, firewall or not. One of our own programs is a difference, and since no
 * correction would not be a guess, it is named and the step fails. What a person or a provider runs is shown. See ss(8).
 */
export const listening = defineKind<Listening, State>({
  name: 'listening',
  key: () => 'public',
  probe: () => sh`
ss -Hlntup
printf 'range %s\n' "$(cat /proc/sys/net/ipv4/ip_local_port_range)"`,
  parse: (output) => {
    const ephemeral = Number(/^range\s+(\d+)/m.exec(output)?.[1])
    if (Number.isNaN(ephemeral)) return new Map()
    const rows = output
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row.length >= 6)
    const open = rows
      .map(([protocol = '', , , , local = '', , process = '']) => ({
        protocol,
        address: local.replace(/:\d+$/, ''),
        port: Number(/\d+$/.exec(local)?.[0]),
        process,
      }))
      .filter(({ address }) => !/^(127\.|\[::1\]|\[::ffff:127\.)/.test(address))
      .filter(({ protocol, port }) => protocol === 'tcp' || (port < ephemeral && port !== 68 && port !== 546))
      // Nobody holds what the kernel itself listens on: WireGuard, NFS.
      .map(({ protocol, port, process }) => [`${port}/${protocol}`, /"([^"]*)"/.exec(process)?.[1] ?? 'the kernel'] as const)
    return new Map([['public', { open: new Map(open) }]])
  },
  diff: ({ declared, ours }, { open }) =>
    undeclared(declared, open)
      .filter(([, program]) => ours.includes(program))
      .map(([port, program]) => ({ field: port, from: `listened on by ${program}`, to: 'nothing' })),
  apply: (_, __, changes) => sh`
printf '%s\n' ${changes.map(({ field, from }) => `${field} is ${from}, and not declared: stop it, bind it to 127.0.0.1, or add it to firewall.allow`)} >&2
exit 1`,
  notes: ({ declared, ours }, { open }) =>
    undeclared(declared, open)
      .filter(([, program]) => !ours.includes(program))
      .map(([port, program]) => `${port} is listened on by ${program}, which is third-party: firewall.listen declares it`),
})

const undeclared = (declared: readonly string[], open: State['open']): readonly (readonly [string, string])[] =>
  [...open].filter(([port]) => !declared.includes(port))
