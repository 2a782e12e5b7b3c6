import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { apt } from '../sh/apt.ts'

export interface Upgrade {
  /** Which upgrade this is. It is done once: what comes later is unattended-upgrades' business. */
  readonly name: string
}

/** The full upgrade of a new host: update, full-upgrade, autoremove, once. */
export const upgrade = defineKind<Upgrade, 'pending' | 'done'>({
  name: 'upgrade',
  key: ({ name }) => name,
  probe: (all) => sh`
for n in ${all.map(({ name }) => name)}; do
  if [ -e "$provision/stamp/upgrade-$n" ]; then printf 'done %s\n' "$n"; else printf 'pending %s\n' "$n"; fi
done`,
  parse: (output) =>
    new Map([...output.matchAll(/^(done|pending) (\S+)$/gm)].map(([, state, name]) => [name!, state as 'pending' | 'done'])),
  diff: (_, have) => (have === 'done' ? [] : [{ field: 'packages', from: 'as delivered', to: 'up to date' }]),
  apply: ({ name }) => sh`
${apt}
apt_update
apt full-upgrade
apt autoremove --purge
mkdir -p -m 0700 -- "$provision/stamp"
: > "$provision/stamp/upgrade-"${name}`,
})
