import { type Change, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'

export interface Ipv6 {
  /** The host's own global address, in its shortest form. */
  readonly address: string
  /** Whose image it may be, for the words of a note. */
  readonly provider?: string | undefined
  /** The host has no IPv4 address. */
  readonly alone?: boolean
}

interface State {
  /** The kernel was told to have none, which a file cannot change. */
  readonly lacks: boolean
  /** It is switched off: all of it, or where packets leave. */
  readonly off: boolean
  readonly addresses: readonly string[]
  /** There is a way out; and the address that the kernel takes for it. */
  readonly route: boolean
  readonly source: string
  /** The provider's image has a program that switches it on. */
  readonly helper: boolean
  /** That has been run for this address. */
  readonly tried: boolean
}

/**
 * The declared IPv6 address is there and has a way out. Images on which IPv6 is switched off have a helper, `enable_ipv6`, which is run;
 * without it what is switched off is switched on, and what the network's own configuration says is taken up. That is never changed
 * here, so an address that it does not have is told as a note. See ip-sysctl, disable_ipv6.
 */
export const ipv6 = defineKind<Ipv6, State>({
  name: 'ipv6',
  key: ({ address }) => address,

  probe: (all) => sh`
command -v ip >/dev/null
${interfaceOf}
if [ ! -e /proc/sys/net/ipv6/conf/all/disable_ipv6 ]; then printf 'lacks\n'; fi
for f in all default "$interface"; do
  if [ "$(cat "/proc/sys/net/ipv6/conf/$f/disable_ipv6" 2>/dev/null)" = 1 ]; then printf 'off\n'; fi
done
${addresses}
ip -6 route get 2000::1 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/source \1/p'
if command -v enable_ipv6 >/dev/null; then printf 'helper\n'; fi
for a in ${all.map(({ address }) => address)}; do
  if [ -e "$provision/stamp/ipv6-$a" ]; then printf 'tried %s\n' "$a"; fi
done
printf 'end\n'`,

  parse: (output, all) => {
    if (!/^end$/m.test(output)) return new Map()
    const source = /^source (.*)$/m.exec(output)?.[1]
    return new Map(
      all.map(({ address }) => [
        address,
        {
          lacks: /^lacks$/m.test(output),
          off: /^off$/m.test(output),
          addresses: [...output.matchAll(/^address (.*)$/gm)].map(([, one]) => one!),
          route: source !== undefined,
          source: source ?? '',
          helper: /^helper$/m.test(output),
          tried: output.split('\n').includes(`tried ${address}`),
        },
      ]),
    )
  },

  diff: ({ address }, have): readonly Change[] => {
    if (have.lacks) return []
    return [
      ...(have.off ? [{ field: 'switched', from: 'off', to: 'on' }] : []),
      ...(!have.addresses.includes(address) && hope(have) ? [{ field: 'address', from: 'absent', to: address }] : []),
    ]
  },

  // The stamp comes first: what the helper leaves undone is told, and not tried again.
  apply: ({ address }, { helper, tried }) => sh`
${interfaceOf}
there() { ${addresses} | grep -qxF ${`address ${address}`}; }
wait_for_it() { for i in 1 2 3 4 5 6 7 8 9 10; do if there; then return 0; fi; sleep 0.5; done; return 1; }
${
  helper && !tried
    ? sh`mkdir -p -m 0700 -- "$provision/stamp"
: > "$provision/stamp/ipv6-"${address}
timeout 60 enable_ipv6 </dev/null >/dev/null 2>&1 || :`
    : sh``
}
for f in all default "$interface"; do
  if [ -e "/proc/sys/net/ipv6/conf/$f/disable_ipv6" ]; then echo 0 > "/proc/sys/net/ipv6/conf/$f/disable_ipv6"; fi
done
if there; then exit 0; fi
# The addresses went when it was switched off: what is written down is taken up again, and IPv4 is not touched where that can be.
if systemctl -q is-active systemd-networkd.service; then
  networkctl reload
  networkctl reconfigure "$interface"
elif command -v ifquery >/dev/null; then
  ifquery "$interface" 2>/dev/null | sed -n 's/^address: *\([0-9a-fA-F:]*:[0-9a-fA-F:/]*\)$/address \1/p; s/^netmask: *\([0-9]\{1,3\}\)$/length \1/p; s/^gateway: *\([0-9a-fA-F:]*:[0-9a-fA-F:]*\)$/gateway \1/p' > /run/provision/ipv6
  length=$(sed -n 's/^length //p' /run/provision/ipv6 | tail -n 1)
  sed -n 's/^address //p' /run/provision/ipv6 | while read -r one; do
    case $one in */*) ;; *) one=$one/\${length:-64} ;; esac
    ip -6 address replace "$one" dev "$interface"
  done
  gateway=$(sed -n 's/^gateway //p' /run/provision/ipv6 | tail -n 1)
  if [ -n "$gateway" ]; then ip -6 route replace default via "$gateway" dev "$interface" onlink; fi
  rm -f /run/provision/ipv6
fi
wait_for_it || :`,

  notes: ({ address, provider = 'the provider', alone }, have) => {
    if (have.lacks) return ['not here: this kernel has no IPv6 (ipv6.disable=1 on its command line)']
    if (!have.addresses.includes(address)) return hope(have) ? [] : [absent(have, provider)]
    if (!have.route) return [`it has no way out: the host’s network configuration names no IPv6 gateway (ip -6 route)`]
    const only = alone ? ['this host has no IPv4 address: who has no IPv6 cannot send mail to it, nor see its sites'] : []
    return have.source === address
      ? only
      : [...only, `mail leaves from ${have.source}, whose PTR is another: see that it leaves the host`]
  },
})

/** Whether there is something to try. */
const hope = ({ off, helper, tried }: State): boolean => off || (helper && !tried)

const absent = ({ helper }: State, provider: string): string =>
  `not here: no interface has it, and the records name it; ${
    helper ? 'enable_ipv6 was run: reboot, and else' : `turn it on in the panel of ${provider} and`
  } write it into the host’s network configuration, or take address6 out of the inventory`

/** The interface that packets leave by. */
const interfaceOf = sh`interface=$(for v in 4 6; do ip "-$v" route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p'; done | head -n 1)`

/** The addresses that are in use: one that the kernel still looks for elsewhere on the link is not yet. */
const addresses = sh`ip -6 -o address show scope global | sed -n '/ tentative\| dadfailed/!s|.* inet6 \([^ /]*\)/.*|address \1|p'`
