import { ProvisionError } from '../../errors.ts'
import { local, mustRun } from '../local.ts'

/** Where this machine gets Debian's packages from: taken from its own apt, so that it works wherever that does. */
export interface Mirror {
  /** What a Debian 12 gets as its sources.list: always plain http, because it passes through our cache. */
  readonly sources: readonly string[]
  /** What the cache may ask, as prefix → real address. */
  readonly upstream: Readonly<Record<string, string>>
  /** What that mirror needs of apt, like `Acquire::Check-Valid-Until "false";` for a snapshot. */
  readonly options: readonly string[]
  /** The proxy that this machine's own apt uses. */
  readonly proxy: string | undefined
}

/** Asks apt itself, which reads every format of its sources. Throws ProvisionError when it knows no Debian mirror. */
export async function readMirror(): Promise<Mirror> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = await mustRun(
    'apt',
    'reading its sources',
    local`apt-get indextargets --format ${format} 'Created-By: Packages'`,
  )
  return mirrorOf(targets, await mustRun('apt', 'reading its settings', local`apt-config dump`))
}

/** The same from the text of `apt-get indextargets` and `apt-config dump`. */
export function mirrorOf(targets: string, settings: string): Mirror {
  const known = [...targets.matchAll(/^(https?:\/\/\S+) (\S+) main$/gm)].map(([, uri, release]) => ({
    uri: uri!,
    release: release!,
  }))
  const has = (uri: string, release: RegExp) => known.some((one) => one.uri === uri && release.test(one.release))
  // Others use Debian's code names too. A mirror of Debian itself has the updates as well, or says debian in its path.
  const main =
    known.find(({ uri, release }) => codeName.test(release) && has(uri, /^[a-z]+-updates$/)) ??
    known.find(({ uri, release }) => codeName.test(release) && /\/debian\/?$/.test(uri))
  const security = known.find(({ release }) => /^(bookworm|trixie|forky|stable|testing|oldstable)-security$/.test(release))
  if (main === undefined)
    throw new ProvisionError('apt', 'this machine has no source of Debian packages', 'add a bookworm source to /etc/apt')
  const wanted = [
    { uri: main.uri, suites: ['bookworm', 'bookworm-updates'] },
    ...(security === undefined ? [] : [{ uri: security.uri, suites: ['bookworm-security'] }]),
  ]
  const option = (name: string) => new RegExp(`^${name} "(.*)";$`, 'm').exec(settings)?.[1]
  return {
    sources: wanted.flatMap(({ uri, suites }) => suites.map((suite) => `deb ${plain(uri)} ${suite} main`)),
    upstream: Object.fromEntries(wanted.map(({ uri }) => [`${plain(uri)}/`, `${uri.replace(/\/$/, '')}/`])),
    options: ['Acquire::Check-Valid-Until', 'Acquire::Check-Date'].flatMap((name) =>
      option(name) === 'false' ? [`${name} "false";`] : [],
    ),
    proxy: option('Acquire::http::Proxy') || undefined,
  }
}

const codeName = /^(bookworm|trixie|forky|sid|stable|testing|unstable|oldstable)$/

const plain = (uri: string): string => uri.replace(/^https:/, 'http:').replace(/\/$/, '')
