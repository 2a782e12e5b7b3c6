import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvisionError } from '../errors.ts'
import type { Server } from '../inventory/inventory.ts'
import { replaceFile } from '../util/replace.ts'
import { downloadDebian, unpackDebian } from './debian.ts'
import { download, sha256Of } from './download.ts'
import { build } from './go.ts'
import type { Lock } from './lock.ts'
import { patchesDigest, patchesOf } from './patches.ts'
import { type TarEntry, tar, untar } from './tar.ts'

/** One artifact on its way: what the lock calls it, and where to look for it. */
export interface Pin {
  readonly key: string
  readonly cacheDir: string
  /** A URL under which archives are looked for by file name. */
  readonly mirror: string | undefined
  readonly lock: Lock
  readonly log: (line: string) => void
}

/** A file of this machine, ready to be sent. */
export interface Obtained {
  readonly path: string
  readonly sha256: string
}

/**
 * Gets an artifact: from the cache, a mirror or its URL, or by building it; always checked. A program is the program itself,
 * acme.sh a tar of its tree. Throws ProvisionError when it cannot be had, with all that was tried, or when its digest is another.
 */
export async function obtain(
  artifacts: Server['artifacts'],
  name: keyof Server['artifacts'],
  architecture: 'amd64' | 'arm64',
  pin: Pin,
): Promise<Obtained> {
  await mkdir(pin.cacheDir, { recursive: true, mode: 0o700 })
  if (name === 'acme.sh') {
    const { version, source, url } = artifacts[name]
    const tree = (entries: readonly TarEntry[]) => toSend(tar(acmeTree(version, entries)), pin.cacheDir)
    if (source === 'debian') return debian(name, version, pin, async (path) => tree(await unpackDebian(path)))
    return release(url.replaceAll('{version}', version), version, pin, async (path) => tree(await unpack(path)))
  }
  const { version, source, url } = artifacts[name]
  if (source === 'build') {
    const patches = patchesOf(name)
    const built = await build({ name, version, architecture, patches, ...pin })
    const digest = patchesDigest(patches)
    if (digest !== undefined) await pin.lock.record(`${pin.key} patches`, digest)
    return built
  }
  return release(url[architecture].replaceAll('{version}', version), version, pin, async (path) =>
    toSend(program(name, await unpack(path)), pin.cacheDir),
  )
}

/** What an archive is made into. */
type Use = (path: string) => Promise<Obtained>

/** The archive at a URL: from the cache, the mirror, the URL. */
async function release(url: string, version: string, pin: Pin, use: Use): Promise<Obtained> {
  const { key, cacheDir, mirror, log } = pin
  const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '')
  // Nebula's archives are called the same in every version.
  const path = join(cacheDir, name.includes(version) ? name : `${version}-${name}`)
  if (await kept(path, pin)) return checked(path, pin, path, use)
  const tried: string[] = []
  for (const from of [...(mirror ? [`${mirror.replace(/\/$/, '')}/${encodeURIComponent(name)}`] : []), url]) {
    try {
      await download(from, path, log)
    } catch (error) {
      tried.push(`${from}: ${error instanceof Error ? error.message : String(error)}`)
      continue
    }
    return checked(path, pin, from, use)
  }
  throw new ProvisionError(
    key,
    `cannot be downloaded: ${tried.join('; ')}`,
    `put the file into ${cacheDir}, or name a place that has it in PROVISION_MIRROR`,
  )
}

/** A package of Debian 13: from the cache, else with apt. */
async function debian(name: string, version: string, pin: Pin, use: Use): Promise<Obtained> {
  const path = join(pin.cacheDir, `${name}_${version}_trixie.deb`)
  if (!(await kept(path, pin))) await downloadDebian(name, version, path, pin.cacheDir, pin.log)
  return checked(path, pin, `${name} ${version} of Debian 13`, use)
}

/** True when the cache has it, and nothing else is recorded. What is not as recorded goes, and is got again. */
async function kept(path: string, { key, lock, log }: Pin): Promise<boolean> {
  if ((await stat(path).catch(() => undefined)) === undefined) return false
  const digest = `sha256:${await sha256Of(path)}`
  const recorded = lock.get(key)
  if (recorded === undefined || recorded === digest) return true
  log(`${path} has ${digest}, and ${recorded} is recorded: getting it again`)
  await rm(path)
  return false
}

/**
 * Uses an archive that is as recorded. At its first use it is recorded once it has proved to be one: a page of somebody's
 * captive portal never is. What is wrong is not kept.
 */
async function checked(path: string, { key, lock }: Pin, from: string, use: Use): Promise<Obtained> {
  try {
    const digest = `sha256:${await sha256Of(path)}` as const
    if (lock.get(key) !== undefined) await lock.check(key, digest, from)
    const used = await use(path)
    await lock.check(key, digest, from)
    return used
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

const unpack = async (path: string): Promise<readonly TarEntry[]> => untar(path, await readFile(path))

function program(name: string, entries: readonly TarEntry[]): Buffer {
  const found = entries.filter(({ path }) => path.split('/').at(-1) === name)
  if (found.length !== 1) throw new ProvisionError(name, `its archive has ${found.length} files of this name, one is expected`)
  return found[0]!.content
}

/** acme.sh and the scripts of its DNS providers: what a host needs of it. */
function acmeTree(version: string, entries: readonly TarEntry[]): readonly TarEntry[] {
  const wanted = entries.flatMap(({ path, content }): TarEntry[] => {
    const [, inside] = /^(?:acme\.sh-[^/]+|usr\/share\/acme\.sh)\/(acme\.sh|dnsapi\/dns_\w+\.sh)$/.exec(path) ?? []
    return inside === undefined ? [] : [{ path: inside, mode: 0o755, content }]
  })
  if (!wanted.some(({ path }) => path === 'acme.sh') || wanted.length < 2)
    throw new ProvisionError(`acme.sh ${version}`, 'its archive does not hold acme.sh and dnsapi')
  return wanted.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** A file in the cache that is called as its digest. */
async function toSend(content: Buffer, cacheDir: string): Promise<Obtained> {
  const sha256 = createHash('sha256').update(content).digest('hex')
  const path = join(cacheDir, 'send', sha256)
  await mkdir(join(cacheDir, 'send'), { recursive: true, mode: 0o700 })
  await replaceFile(path, content, 0o600)
  return { path, sha256 }
}
