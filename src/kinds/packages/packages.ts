import { type Change, defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { apt } from '../sh/apt.ts'
import { wanted } from '../wanted.ts'

export interface Packages {
  /** What they are for, in a word: `tools`. They are corrected in one apt transaction. */
  readonly name: string
  readonly installed?: readonly string[]
  /** Purged: their configuration goes too. */
  readonly absent?: readonly string[]
}

/** The state of each package that dpkg knows, as its two or three letters (`ii`, `rc`): dpkg-query(1), db:Status-Abbrev. */
type State = ReadonlyMap<string, string>

/** Debian packages that are installed, and others that must not be. */
export const packages = defineKind<Packages, State>({
  name: 'packages',
  wants: {
    name: wanted.name,
    installed: wanted.optional(wanted.listOf(wanted.name)),
    absent: wanted.optional(wanted.listOf(wanted.name)),
  },
  key: ({ name }) => name,

  // dpkg-query exits 1 for a name that it does not know, which is an answer; 2 is a failure.
  probe: (all) => sh`
dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\n' -- ${all.flatMap(named)} 2>/dev/null || [ $? -eq 1 ]
printf 'end\n'`,

  parse: (output, all) => {
    if (!output.trimEnd().endsWith('end')) return new Map()
    const states = new Map([...output.matchAll(/^(\S+) (\S+)/gm)].map(([, name, status]) => [name!, status!] as const))
    return new Map(all.map((one) => [one.name, new Map(named(one).map((name) => [name, states.get(name) ?? 'un']))] as const))
  },

  diff: ({ installed = [], absent = [] }, have) => [
    ...installed
      .filter((name) => !present(have.get(name)))
      .map((name): Change => ({ field: name, from: word(have.get(name)), to: 'installed' })),
    ...absent
      .filter((name) => !gone(have.get(name)))
      .map((name): Change => ({ field: name, from: word(have.get(name)), to: 'absent' })),
  ],

  // One transaction, so that what replaces another goes in as the other goes out. The lists may be weeks old: refreshed first,
  // unless that was within the hour, for it takes longer than many a package; a mirror that has moved on since is noticed.
  apply: (_, __, changes) => sh`
${apt}
apt_install() { apt install --no-install-recommends ${changes.map(({ field, to }) => (to === 'installed' ? field : `${field}-`))}; }
if apt_recent; then
  apt_install || { apt_update; apt_install; }
else
  apt_update
  apt_install
fi
set -- ${changes.filter(({ to }) => to === 'absent').map(({ field }) => field)}
[ $# -eq 0 ] || apt purge "$@"`,
})

const named = ({ installed = [], absent = [] }: Packages): readonly string[] => [...installed, ...absent]
const present = (status = 'un'): boolean => /^[ih]i/.test(status)
const gone = (status = 'un'): boolean => status[1] === 'n'
const word = (status = 'un'): string =>
  present(status)
    ? 'installed'
    : gone(status)
      ? 'absent'
      : status[1] === 'c'
        ? 'removed, configuration left'
        : `half installed (${status})`
