import { defineKind } from '../../engine/kind.ts'
import { sh } from '../../sh.ts'
import { type AptSource, add, readSources, rename } from './sources.ts'

export interface AptSources {
  /** Debian's code name: `bookworm`. Never `stable`, which is another release one day. */
  readonly release: string
  /** Files with sources of others that are declared: of these nothing is told. */
  readonly others?: readonly string[]
}

interface State {
  readonly entries: readonly AptSource[]
  /** The origin that a Release file names, by the file's name in /var/lib/apt/lists. */
  readonly origins: ReadonlyMap<string, string>
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
for f in /var/lib/apt/lists/*Release; do if [ -f "$f" ]; then printf 'release\t%s\t%s\n' "\${f##*/}" "$(sed -n '/^Origin: /{s///p;q;}' "$f")"; fi; done
if [ -n "$(find "$provision/stamp/apt-others" -mmin -1440 2>/dev/null)" ]; then printf 'fails %s\n' "$(cat "$provision/stamp/apt-others")"; fi
printf 'end\n'`,

  parse: (output) => {
    if (!/^end$/m.test(output)) return new Map()
    const entries = [...output.matchAll(/^source\t(.*)\t(.*)\t(.*)\t(.*)$/gm)].map(
      ([, file, uri, suite, components]): AptSource => ({
        file: file!,
        uri: uri!,
        suite: suite!,
        components: components!.trim(),
      }),
    )
    const origins = new Map([...output.matchAll(/^release\t(.*)\t(.*)$/gm)].map(([, name, origin]) => [name!, origin!] as const))
    return new Map([['debian', { entries, origins, fails: /^fails (.*)$/m.exec(output)?.[1] ?? '' }]])
  },

  diff: ({ release }, have) => {
    const debian = debianOf(have, release)
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

  apply: ({ release }, have, changes) => {
    const missing = changes.filter(({ to }) => to === 'declared').map(({ field }) => field)
    const files = [...new Set(changes.filter(({ to }) => to !== 'declared').map(({ field }) => field))]
    return sh`
${files.map((file) => rename(file, release))}
${missing.length === 0 ? sh`` : add(missing, debianOf(have, release))}`
  },

  notes: ({ release, others = [] }, have) => {
    const debian = debianOf(have, release)
    return [
      ...(have.fails === ''
        ? []
        : [`a source besides Debian does not answer as it should, and the run went on without it: ${have.fails}`]),
      ...have.entries
        .filter(({ file }) => !others.includes(file))
        .filter((entry) => !debian.includes(entry) || !(moving.test(entry.suite) || suites(release).includes(entry.suite)))
        .map(
          (entry) =>
            `${debian.includes(entry) ? 'another suite' : 'of somebody else'}: ${entry.uri} ${entry.suite} (${entry.file})`,
        ),
    ]
  },
})

const suites = (release: string): readonly string[] => [release, `${release}-updates`, `${release}-security`]
/** A name that moves on with each release: `stable`, `oldstable-updates`, `stable/updates`, which was security's. */
const moving = /^(?:old){0,2}stable(?:(\/updates)|(-[a-z-]+))?$/
const fixed = (release: string) => (_: string, security?: string, rest?: string) =>
  `${release}${security === undefined ? (rest ?? '') : '-security'}`

/**
 * The sources that are Debian's, wherever a mirror keeps it. Its Release file says so; where the lists were never fetched the address
 * does, and where that says nothing, a suite of this release with its component main, at a path that names Debian.
 */
function debianOf({ entries, origins }: State, release: string): readonly AptSource[] {
  const origin = ({ uri, suite }: AptSource) =>
    ['InRelease', 'Release'].map((file) => origins.get(listOf(uri, suite, file))).find((one) => one !== undefined)
  const sure = entries.filter((entry) => (origin(entry) === undefined ? isDebian(entry) : origin(entry) === 'Debian'))
  if (sure.length > 0) return sure
  return entries.filter(
    (entry) =>
      origin(entry) === undefined &&
      suites(release).includes(entry.suite) &&
      /\bmain\b/.test(entry.components) &&
      /\/debian\b/.test(entry.uri),
  )
}

/** What apt calls a Release file in its lists: the address without its scheme, quoted, with _ for each slash. */
const listOf = (uri: string, suite: string, file: string): string =>
  `${uri.replace(/^[a-z+-]+:\/*/, '').replace(/\/$/, '')}/dists/${suite}/${file}`.replaceAll('_', '%5f').replaceAll('/', '_')

const isDebian = ({ uri, components }: Pick<AptSource, 'uri' | 'components'>): boolean =>
  /\/debian(-security)?\/?$|\/debian(-security)?\.list$|^https?:\/\/security\.debian\.org\/?$/.test(uri) &&
  /\bmain\b/.test(components)
