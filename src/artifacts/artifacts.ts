import type { Server } from '../inventory/inventory.ts'
import { cacheFolder, setting } from '../util/environment.ts'
import type { Lock } from './lock.ts'
import type { Obtained } from './obtain.ts'
import { patchesDigest, patchesOf } from './patches.ts'

export { type Lock, openLock } from './lock.ts'

/** The programs that Debian does not package. */
export type ArtifactName = keyof Server['artifacts']

type Architecture = 'amd64' | 'arm64'

/** The artifacts of one inventory. */
export interface ArtifactSource {
  /**
   * What identifies one, from the inventory, the lock and our patches alone: `maddy 0.9.5 amd64 release sha256:…`. Before its first
   * use there is no digest yet.
   */
  origin(name: ArtifactName, architecture: Architecture): string
  /** What one lacks because it is the published program where provision would build a better one: a sentence each. */
  lacks(name: ArtifactName): readonly string[]
  /** The digest of what `obtain` gave in this run. */
  sha256(name: ArtifactName, architecture: Architecture): string | undefined
  /**
   * Gets one: from the cache, a mirror or its URL, or by building it; always checked. A program is the program itself, acme.sh a
   * tar of its tree. Throws ProvisionError when it cannot be had, with all that was tried, or when its digest is another one.
   */
  obtain(name: ArtifactName, architecture: Architecture): Promise<Obtained & { readonly origin: string }>
}

/** What a source of artifacts works with. */
export interface SourceOptions {
  readonly lock: Lock
  /** Hears what goes on: downloads, builds. */
  readonly log?: (line: string) => void
  /** ~/.cache/provision/artifacts when left out. */
  readonly cacheDir?: string
  /** A URL under which archives are looked for by file name; $PROVISION_MIRROR when left out. */
  readonly mirror?: string | undefined
}

/** Where the artifacts that an inventory pins come from. */
export function artifactSource(
  artifacts: Server['artifacts'],
  { lock, log = () => undefined, cacheDir = artifactCache(), mirror = setting('PROVISION_MIRROR') }: SourceOptions,
): ArtifactSource {
  const obtained = new Map<string, Obtained>()
  const words = (name: ArtifactName, withArchitecture: readonly string[]) => [
    name,
    artifacts[name].version,
    ...withArchitecture,
    artifacts[name].source,
  ]
  // A module is the same for all architectures, and so are scripts.
  const key = (name: ArtifactName, architecture: Architecture) =>
    words(name, name === 'acme.sh' || artifacts[name].source === 'build' ? [] : [architecture]).join(' ')
  const origin = (name: ArtifactName, architecture: Architecture) =>
    [
      ...words(name, name === 'acme.sh' ? [] : [architecture]),
      lock.get(key(name, architecture)) ?? 'not recorded yet',
      ...patchedAs(name, artifacts[name].source),
    ].join(' ')
  return {
    origin,
    lacks: (name) => (artifacts[name].source === 'release' ? patchesOf(name).map(({ subject }) => subject) : []),
    sha256: (name, architecture) => obtained.get(`${name} ${architecture}`)?.sha256,
    obtain: async (name, architecture) => {
      const at = `${name} ${architecture}`
      // Loaded when something has to be got: a check gets nothing.
      const { obtain } = await import('./obtain.ts')
      const got =
        obtained.get(at) ??
        (await obtain(artifacts, name, architecture, { key: key(name, architecture), cacheDir, mirror, lock, log }))
      obtained.set(at, got)
      return { ...got, origin: origin(name, architecture) }
    },
  }
}

/** `patched 3f2a91c0b1d2`: other patches make another program of the same version. */
function patchedAs(name: ArtifactName, source: string): readonly string[] {
  const digest = source === 'build' ? patchesDigest(patchesOf(name)) : undefined
  return digest === undefined ? [] : [`patched ${digest.slice('sha256:'.length, 19)}`]
}

/** Where archives and builds are kept; it may be deleted. */
export const artifactCache = (): string => cacheFolder('artifacts')
