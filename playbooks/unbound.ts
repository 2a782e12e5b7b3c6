import { isLoopback, resolvConf } from '../files/etc/resolv.conf.ts'
import { unboundConf } from '../files/etc/unbound/unbound.conf.d/provision.conf.ts'
import { type Playbook, playbook, step } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import { directory } from '../src/kinds/files/directory.ts'
import { file } from '../src/kinds/files/file.ts'
import { packages } from '../src/kinds/packages/packages.ts'
import { service } from '../src/kinds/system/service.ts'
import { sh } from '../src/sh.ts'
import { text } from '../src/util/text.ts'

/**
 * Whom the host asks for names. At 127.0.0.1 that is unbound, which validates: without it maddy's outbound DANE is silently off,
 * since neither a provider's resolver nor systemd-resolved's 127.0.0.53 can be believed.
 */
export const unbound = ({ dns: { resolver } }: Pick<Server, 'dns'>): Playbook => {
  if (resolver === undefined) return playbook('unbound', [])
  const conf = '/etc/unbound/unbound.conf.d'
  return playbook('unbound', [
    isLoopback(resolver) &&
      step('Install unbound', [packages({ name: 'unbound', installed: ['unbound', 'dns-root-data', 'bind9-dnsutils'] })]),
    isLoopback(resolver) && step('Configure unbound', [file({ path: `${conf}/provision.conf`, content: unboundConf(resolver) })]),
    isLoopback(resolver) && step('Run unbound', [service({ unit: 'unbound.service', reads: ['/etc/unbound'] })]),

    // DHCP would write its own name server at every lease, and at every boot.
    step('Keep DHCP from changing the name server', [
      directory({ path: '/etc/dhcp/dhclient-enter-hooks.d' }),
      directory({ path: '/etc/NetworkManager/conf.d' }),
      file({
        path: '/etc/dhcp/dhclient-enter-hooks.d/provision',
        content: text('etc/dhcp/dhclient-enter-hooks.d/provision'),
        check: sh`sh -n "$tmp"`,
      }),
      file({ path: '/etc/NetworkManager/conf.d/provision.conf', content: text('etc/NetworkManager/conf.d/provision.conf') }),
    ]),
    step('Ask the name server that is declared', [
      file({
        path: '/etc/resolv.conf',
        content: resolvConf(resolver),
        // A name server that does not answer would leave the host without names.
        check: isLoopback(resolver)
          ? sh`tries=0
until dig +short +time=2 +tries=1 @${resolver} SOA . | grep -q .; do
  tries=$((tries + 1))
  if [ "$tries" -ge 20 ]; then printf 'unbound does not answer for the root: resolv.conf stays as it is\n' >&2; exit 1; fi
  sleep 1
done`
          : sh``,
      }),
    ]),
  ])
}
