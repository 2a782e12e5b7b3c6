import { defineKind } from '../kind.ts'
import { sh } from '../sh.ts'
import { add, type Entry, readSources, rename } from './sources.ts'

export interface AptSources {
  /** Debian's code name: `bookworm`. Never `stable`, which is another release one day. */
  readonly release: string
  /** Files with sources of others that are declared: of these nothing is told. */
  readonly others?: readonly string[]
}

interface State {
  readonly entries: readonly Entry[]
  /** What a source besides Debian said when the lists were refreshed the last time, within a day. */
  readonly fails: string
}

/**
 * Where apt gets Debian from: release, updates and security, by code name, in either format, at the mirror that the host has.
 * Sources of others, and suites of other releases, are told and stay. See sources.list(5).
 */
export const aptSources = defineKind<AptSources, State>({
  name: 'apt-sources',
  key: () => 'debian',

  probe: () => sh`
${readSources}
if [ -n "$(find "$provision/stamp/apt-others" -mmin -1440 2>/dev/null)" ]; then printf 'fails %s\n' "$(cat "$provision/stamp/apt-others")"; fi
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const entries = [...output.matchAll(/^source\t(.*)\t(.*)\t(.*)\t(.*)$/gm)].map(
      ([, file, uri, suite, components]): Entry => ({ file: file!, uri: uri!, suite: suite!, components: components!.trim() }),
    )
    return new Map([['debian', { entries, fails: /^fails (.*)$/m.exec(output)?.[1] ?? '' }]])
  },

  diff: ({ release }, { entries: have }) => {
    const debian = have.filter(isDebian)
    const named = debian.map(({ suite }) => suite)
    return [
      ...debian
        .filter(({ suite }) => moving.test(suite))
        .map(({ suite, file }) => ({ field: file, from: suite, to: suite.replace(moving, fixed(release)) })),
      ...suites(release)
        .filter((suite) => !named.some((name) => name.replace(moving, fixed(release)) === suite))
        .map((suite) => ({ field: suite, from: 'absent', to: 'declared' })),
    ]
  },

  apply: ({ release }, { entries: have }, changes) => {
    const missing = changes.filter(({ to }) => to === 'declared').map(({ field }) => field)
    const files = [...new Set(changes.filter(({ to }) => to !== 'declared').map(({ field }) => field))]
    return sh`
${files.map((file) => rename(file, release))}
${missing.length === 0 ? sh`` : add(missing, have.filter(isDebian))}`
  },

  notes: ({ release, others = [] }, { entries, fails }) => [
    ...(fails === '' ? [] : [`a source besides Debian does not answer as it should, and the run went on without it: ${fails}`]),
    ...entries
      .filter(({ file }) => !others.includes(file))
      .filter((entry) => !isDebian(entry) || !(moving.test(entry.suite) || suites(release).includes(entry.suite)))
      .map(
        ({ file, uri, suite, components }) =>
          `${isDebian({ uri, components }) ? 'another suite' : 'of somebody else'}: ${uri} ${suite} (${file})`,
      ),
  ],
})

const suites = (release: string): readonly string[] => [release, `${release}-updates`, `${release}-security`]
/** A name that moves on with each release: \`stable\`, \`oldstable-updates\`, \`stable/updates\`, which was security's. */
const moving = /^(?:old){0,2}stable(?:(\/updates)|(-[a-z-]+))?$/
const fixed = (release: string) => (_: string, security?: string, rest?: string) =>
  `${release}${security === undefined ? (rest ?? '') : '-security'}`
const isDebian = ({ uri, components }: Pick<Entry, 'uri' | 'components'>): boolean =>
  /\/debian(-security)?\/?$|\/debian(-security)?\.list$|^https?:\/\/security\.debian\.org\/?$/.test(uri) &&
  /\bmain\b/.test(components)
