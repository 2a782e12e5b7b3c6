import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Resource } from '../../../src/engine/kind.ts'
import { ufwRules } from '../../../src/kinds/network/ufw-rules.ts'
import { service } from '../../../src/kinds/system/service.ts'

/** The sh that a resource writes for what its probe printed. */
function correction({ kind, desired }: Resource, printed: string): string {
  const state = kind.parse(printed, [desired]).get(kind.key(desired))
  return kind.apply(desired, state, kind.diff(desired, state)).text
}

const shown = (active: string, reload = 'no') =>
  `Id=a.service\nLoadState=loaded\nActiveState=${active}\nUnitFileState=enabled\nNeedDaemonReload=${reload}\n`
const daemon = service({ unit: 'a.service', reads: ['/bin/a'], rereads: ['/etc/a'] })

for (const [title, printed, verb] of [
  ['reloaded for its configuration', `${shown('active')}\nstale a.service.reload\n`, 'reload'],
  ['restarted for its program', `${shown('active')}\nstale a.service\n`, 'restart'],
  ['restarted for both', `${shown('active')}\nstale a.service\nstale a.service.reload\n`, 'restart'],
  ['restarted for its unit', shown('active', 'yes'), 'restart'],
  ['restarted when a reload never ended', `${shown('reloading')}\nstale a.service.reload\n`, 'restart'],
] as const)
  test(`service: ${title}`, () => assert.match(correction(daemon, printed), new RegExp(`systemctl '${verb}' -- 'a.service'`)))

/** A rule as ufw 0.36 keeps it → how it is deleted. */
const rules: readonly (readonly [string, string])[] = [
  ['allow tcp 8080 0.0.0.0/0 any 0.0.0.0/0 in', 'delete allow in proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 8080'],
  ['allow any any 0.0.0.0/0 any 192.0.2.0/24 in', 'delete allow in from 192.0.2.0/24 to 0.0.0.0/0'],
  ['reject tcp 24 0.0.0.0/0 any 0.0.0.0/0 out', 'delete reject out proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 24'],
  ['limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0', 'delete limit in on eth0 proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 22'],
  ['allow_log-all tcp 1 0.0.0.0/0 any 0.0.0.0/0 in', 'delete allow in log-all proto tcp from 0.0.0.0/0 to 0.0.0.0/0 port 1'],
  ['allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in', 'delete allow in from 0.0.0.0/0 to 0.0.0.0/0 app OpenSSH'],
  ['allow tcp 80 ::/0 any ::/0 WWW%20Full - in', 'delete allow in from ::/0 to ::/0 app WWW Full'],
  ['route:allow tcp 80 192.0.2.9 any 0.0.0.0/0 in', 'route delete allow proto tcp from 0.0.0.0/0 to 192.0.2.9 port 80'],
  ['route:deny any any ::/0 any ::/0 in_eth0!out_eth1', 'route delete deny in on eth0 out on eth1 from ::/0 to ::/0'],
]

for (const [tuple, words] of rules)
  test(`ufw-rules: “${tuple}” is deleted by its own words`, () => {
    const printed = `enabled yes\n${tuple.includes('::') ? 6 : 4} ${tuple}\n`
    const sh = correction(ufwRules({ name: 'in', rules: [], others: 'remove' }), printed)
    assert.equal(/^ufw --force ('(?:route|delete)'.*)$/m.exec(sh)?.[1]?.replaceAll("'", ''), words)
  })
