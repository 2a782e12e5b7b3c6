import { buildingOn, type Playbook } from '../src/engine/step.ts'
import type { Server } from '../src/inventory/inventory.ts'
import type { ArtifactOrigin } from '../src/kinds/packages/artifact.ts'
import { runningUnits } from '../src/kinds/system/service.ts'
import { access } from './access.ts'
import { base } from './base.ts'
import { borg } from './borg.ts'
import { caddy } from './caddy.ts'
import { certificates } from './certificates.ts'
import { fail2ban } from './fail2ban.ts'
import { firewall } from './firewall.ts'
import { ldap } from './ldap.ts'
import { maddy } from './maddy.ts'
import { mariadb } from './mariadb.ts'
import { msmtp } from './msmtp.ts'
import { nebula } from './nebula.ts'
import { nfs } from './nfs.ts'
import { ntfy } from './ntfy.ts'
import { others } from './others.ts'
import { php } from './php.ts'
import { rspamd } from './rspamd.ts'
import { unbound } from './unbound.ts'
import { watch } from './watch.ts'

/** What playbooks need besides the inventory. */
export interface Context {
  /** Whether what is on the host and not declared goes. */
  readonly prune: boolean
  /** Whether this run may reboot the host, once and when that is needed. */
  readonly reboot?: boolean
  /** What identifies the pinned programs. */
  readonly origins: Readonly<Record<keyof Server['artifacts'], ArtifactOrigin>>
}

/** The order of an install: the table of contents of a server. */
export const server = (s: Server, { prune, reboot = false, origins }: Context): readonly Playbook[] => {
  const all = [
    base(s),
    access({ ...s, stampKey: s.stamp_key, prune, reboot }),
    firewall(s),
    fail2ban(s),
    // Before maddy, which asks it whether other servers' keys are vouched for.
    unbound(s),
    certificates({ ...s, origin: origins['acme.sh'] }),
    // Before maddy, whose configuration names the program that asks the directory.
    ldap(s),
    maddy({ ...s, origin: origins.maddy, stampKey: s.stamp_key, prune }),
    caddy({ ...s, origin: origins.caddy, stampKey: s.stamp_key }),
    mariadb({ ...s, stampKey: s.stamp_key }),
    msmtp({ ...s, stampKey: s.stamp_key }),
    rspamd(s),
    nebula({ ...s, origin: origins.nebula }),
    nfs(s),
    borg({ ...s, stampKey: s.stamp_key }),
    ntfy(s),
    // Last, for a source of somebody else's may not answer: by then all else is done.
    php(s),
  ]
  const units = runningUnits(all.flatMap(({ steps }) => steps.flatMap(({ resources }) => resources)))
  return [...all, watch({ ...s, units }), others(s)].map((one) => {
    const others = buildsOn[one.id]
    return others === undefined ? one : buildingOn(one, [...under, ...others])
  })
}

/** Whether a playbook of that name is one of ours, whether or not the inventory needs it. */
export const isReference = (id: string): boolean => under.includes(id) || id in buildsOn

/** The playbooks that everything builds on. */
const under = ['base', 'access']

/**
 * The others that each builds on: while a step of those fails, it is not corrected. All other playbooks are corrected, since a CA that
 * does not answer is no reason for a host without backups. One that is not in this list builds on all before it.
 */
const buildsOn: Readonly<Record<string, readonly string[]>> = {
  firewall: [],
  fail2ban: [],
  unbound: [],
  certificates: [],
  ldap: ['certificates'],
  maddy: ['certificates', 'ldap'],
  caddy: [],
  mariadb: [],
  msmtp: ['maddy'],
  rspamd: [],
  nebula: [],
  nfs: ['nebula'],
  borg: [],
  ntfy: [],
  php: ['caddy'],
  watch: [],
  others: [],
}
