import type { Login } from '../../../src/inventory/inventory.ts'
import { loginLine } from '../../../src/kinds/sh/maddy.ts'
import { type Secret, secretText } from '../../../src/secret.ts'
import { sh } from '../../../src/sh.ts'

/** What `provision-probe` sends to, and the names that Caddy should answer for. */
export interface ProbeSettings {
  readonly address: string
  readonly sites: readonly string[]
}

/** /etc/provision/probe.conf: variables that `provision-probe` reads. */
export const probeConf = ({ address, sites }: ProbeSettings): string =>
  `${
    sh`# Written by provision.
address=${address}
sites=${sites.join(' ')}`.text
  }\n`

/** /etc/provision/probe.curl: the login of the probe, as lines of the configuration of curl(1). */
export const probeCurl = ({ address, password }: Pick<Login, 'address' | 'password'>): Secret =>
  secretText`${loginLine(address, password)}\n`
