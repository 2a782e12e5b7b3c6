import { sh } from '../../../sh.ts'
import { type Check, error, ok, warning } from '../../check.ts'

/** The declared IPv6 address is on the host, has a way out, and is the one that mail leaves from. */
export const ipv6Check: Check = {
  id: 'ipv6',
  title: 'the declared IPv6 address is there, and mail leaves from it',
  look: async (patient) => {
    const { address6, provider = 'the provider' } = patient.server
    if (address6 === undefined) return [ok('ipv6', 'none is declared')]
    const said = await patient.on(sh`
ip -6 -o address show scope global | sed -n '/ tentative\| dadfailed/!s|.* inet6 \([^ /]*\)/.*|address \1|p'
ip -6 route get 2000::1 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/source \1/p'
printf 'looked\n'`)
    const source = /^source (.*)$/m.exec(said)?.[1]
    if (!said.split('\n').includes(`address ${address6}`))
      return [
        error(
          address6,
          'no interface of the host has it',
          `provision --host X --only access; then see the panel of ${provider} and the host's network configuration`,
        ),
      ]
    if (source === undefined)
      return [error(address6, 'it has no way out', "name an IPv6 gateway in the host's network configuration: ip -6 route")]
    return source === address6
      ? [ok(address6, 'is there, and mail leaves from it')]
      : [
          warning(
            address6,
            `mail leaves from ${source} instead, whose PTR is another`,
            `take ${source} off the host: ip -6 address`,
          ),
        ]
  },
}
